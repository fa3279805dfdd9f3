module "security" {
  source = "../security"

  name               = var.name
  cloudtrail         = var.cloudtrail
  log_retention_days = var.log_retention_days
}

module "lake" {
  source = "../lake"

  name                = var.name
  kms_key_arn         = module.security.kms_key_arn
  deletion_protection = var.deletion_protection
}

module "store" {
  source = "../store"

  name                = var.name
  kms_key_arn         = module.security.kms_key_arn
  deletion_protection = var.deletion_protection
}

module "stream" {
  source = "../stream"

  name               = var.name
  kms_key_arn        = module.security.kms_key_arn
  lake_bucket        = module.lake.buckets["lake"]
  log_retention_days = var.log_retention_days
}

module "training" {
  source = "../training"

  name                    = var.name
  kms_key_arn             = module.security.kms_key_arn
  buckets                 = module.lake.buckets
  tables                  = module.store.tables
  sagemaker_instance_type = var.sagemaker_instance_type
  endpoint                = var.sagemaker_endpoint
  model_name              = var.model_name
  model_url               = var.model_url
  training_image          = var.training_image
}

# Only databases stand in a network: everything else is reached by rights, not by addresses.
module "network" {
  source = "../network"
  count  = local.network

  name               = var.name
  kms_key_arn        = module.security.kms_key_arn
  cidr               = var.cidr
  log_retention_days = var.log_retention_days
}

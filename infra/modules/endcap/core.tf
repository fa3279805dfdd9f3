module "security" {
  source = "../security"

  name                = var.name
  cloudtrail          = var.cloudtrail
  deletion_protection = var.deletion_protection
  log_retention_days  = var.log_retention_days
}

module "lake" {
  source = "../lake"

  name                = var.name
  kms_key_arn         = module.security.kms_key_arn
  deletion_protection = var.deletion_protection
  lake_prefix         = local.shop_prefix
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
  events_prefix      = local.events_prefix
  shards             = var.stream_shards
  log_retention_days = var.log_retention_days
}

module "training" {
  source = "../training"

  name                    = var.name
  kms_key_arn             = module.security.kms_key_arn
  buckets                 = module.lake.buckets
  tables                  = module.store.tables
  shop_prefix             = local.shop_prefix
  sagemaker_instance_type = var.sagemaker_instance_type
  training_image          = var.training_image
  spot                    = var.training_spot
  endpoint                = var.sagemaker_endpoint
  model_name              = var.model_name
  model_url               = var.model_url
  deletion_protection     = var.deletion_protection
  log_retention_days      = var.log_retention_days
}

module "network" {
  source = "../network"
  count  = local.network

  name               = var.name
  kms_key_arn        = module.security.kms_key_arn
  cidr               = var.cidr
  log_retention_days = var.log_retention_days
}

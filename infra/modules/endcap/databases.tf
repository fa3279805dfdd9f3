# What stands in the network or beside it. Each comes and goes without the others.

module "etl" {
  source = "../etl"
  count  = local.on["etl"]

  name                   = var.name
  kms_key_arn            = module.security.kms_key_arn
  lake_bucket            = module.lake.buckets["lake"]
  lake_prefix            = local.shop_prefix
  package_folder         = var.glue_package
  files_bucket           = module.lake.buckets["artifacts"]
  security_configuration = module.lake.glue_security_configuration
  crawler_name           = module.lake.crawler_name
  schedule               = var.etl_schedule
  mysql                  = var.mysql
  mysql_multi_az         = var.multi_az
  deletion_protection    = var.deletion_protection
  secret_recovery_days   = var.deletion_protection ? 7 : 0
  log_retention_days     = var.log_retention_days

  network = !var.mysql ? null : {
    vpc_id                      = module.network[0].vpc_id
    subnet_ids                  = module.network[0].private_subnet_ids
    clients_security_group_id   = module.network[0].clients_security_group_id
    databases_security_group_id = module.network[0].databases_security_group_id
  }
}

module "vector_db" {
  source = "../vector-db"
  count  = local.on["vector-db"]

  name                 = var.name
  kms_key_arn          = module.security.kms_key_arn
  subnet_ids           = module.network[0].private_subnet_ids
  security_group_id    = module.network[0].databases_security_group_id
  deletion_protection  = var.deletion_protection
  multi_az             = var.multi_az
  secret_recovery_days = var.deletion_protection ? 7 : 0
  log_retention_days   = var.log_retention_days
}

module "streaming_inference" {
  source = "../streaming-inference"
  count  = local.on["streaming-inference"]

  name               = var.name
  kms_key_arn        = module.security.kms_key_arn
  source_stream_arn  = module.stream.stream.arn
  lake_bucket        = module.lake.buckets["lake"]
  lake_prefix        = local.shop_prefix
  resources          = local.resources
  environment        = local.environment
  vectors            = var.streaming_neighbours ? module.vector_db[0].vectors : null
  package_file       = var.functions_package
  package_object     = local.package
  image_uri          = var.functions_image == "" ? null : var.functions_image
  architecture       = var.architecture
  runtime            = var.runtime
  log_retention_days = var.log_retention_days

  vpc = !var.streaming_neighbours ? null : {
    subnet_ids         = module.network[0].private_subnet_ids
    security_group_ids = [module.network[0].clients_security_group_id]
  }
}

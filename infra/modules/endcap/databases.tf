module "etl" {
  source = "../etl"
  count  = local.on["etl"]

  name        = var.name
  kms_key_arn = module.security.kms_key_arn
}

module "vector_db" {
  source = "../vector-db"
  count  = local.on["vector-db"]

  name        = var.name
  kms_key_arn = module.security.kms_key_arn
}

module "streaming_inference" {
  source = "../streaming-inference"
  count  = local.on["streaming-inference"]

  name        = var.name
  kms_key_arn = module.security.kms_key_arn
}

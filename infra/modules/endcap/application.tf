module "api" {
  source = "../api"
  count  = local.on["application"]

  name                 = var.name
  kms_key_arn          = module.security.kms_key_arn
  functions            = module.application_functions[0].functions
  cors_allowed_origins = var.cors_allowed_origins
  waf                  = var.waf
  account_logging      = var.account_logging
  deletion_protection  = var.deletion_protection
  log_retention_days   = var.log_retention_days
}

module "observability" {
  source = "../observability"
  count  = local.on["application"]

  name        = var.name
  kms_key_arn = module.security.kms_key_arn
  alarm_email = var.alarm_email
}

module "web" {
  source = "../web"
  count  = local.on["web"]

  name        = var.name
  kms_key_arn = module.security.kms_key_arn
  waf         = var.waf
}

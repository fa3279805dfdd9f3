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

# CloudFront takes a firewall of us-east-1 only.
module "web_acl" {
  source = "../web-acl"
  count  = var.waf ? local.on["web"] : 0

  name  = "${var.name}-web"
  scope = "CLOUDFRONT"

  providers = {
    aws = aws.us_east_1
  }
}

module "web" {
  source = "../web"
  count  = local.on["web"]

  name                = var.name
  kms_key_arn         = module.security.kms_key_arn
  api                 = module.api[0].http_origin
  credential          = module.api[0].asks_for_token ? "token" : ""
  web_acl_arn         = one(module.web_acl[*].arn)
  aliases             = var.web_aliases
  certificate_arn     = var.web_certificate_arn
  response_headers    = var.web_response_headers
  log_bucket          = module.lake.buckets["logs"].name
  deletion_protection = var.deletion_protection
}

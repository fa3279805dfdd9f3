# Who may ask the HTTP API: bearers of a token of the user pool, or of an issuer that is named.
# Users are made by whoever runs this; nobody signs up. A token says that somebody may ask, not for
# which shopper: see docs/aws.md.

locals {
  own_pool = var.jwt && var.jwt_issuer == null ? 1 : 0
  issuer   = var.jwt_issuer == null ? [for pool in aws_cognito_user_pool.this : "https://${pool.endpoint}"] : [var.jwt_issuer.issuer]
  audience = var.jwt_issuer == null ? aws_cognito_user_pool_client.this[*].id : var.jwt_issuer.audience
}

resource "aws_cognito_user_pool" "this" {
  count = local.own_pool

  name                = var.name
  mfa_configuration   = "OPTIONAL"
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"

  software_token_mfa_configuration {
    enabled = true
  }

  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  password_policy {
    minimum_length                   = 14
    require_lowercase                = true
    require_uppercase                = true
    require_numbers                  = true
    require_symbols                  = false
    temporary_password_validity_days = 7
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "admin_only"
      priority = 1
    }
  }
}

resource "aws_cognito_user_pool_client" "this" {
  count = local.own_pool

  name         = "${var.name}-api"
  user_pool_id = aws_cognito_user_pool.this[0].id

  # Passwords never leave a client in the clear; whoever has rights in the account gets tokens by
  # AdminInitiateAuth.
  explicit_auth_flows           = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true
  generate_secret               = false # a browser could not keep it

  access_token_validity  = 60
  id_token_validity      = 60
  refresh_token_validity = 1

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}

resource "aws_apigatewayv2_authorizer" "this" {
  count = var.jwt ? 1 : 0

  api_id           = aws_apigatewayv2_api.this.id
  name             = "${var.name}-tokens"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = local.issuer[0]
    audience = local.audience
  }
}

# The HTTP API, stage `prod`: tokens, limits by route, an allow-list of origins.

locals {
  http_stage = "prod"
  http_routes = merge(
    { "$default" = { function = local.routes.others, open = false } },
    { for path in local.routes.open : "ANY ${path}" => { function = local.routes.others, open = true } },
    { for route, name in local.routes.own : route => { function = name, open = false } },
  )
}

resource "aws_apigatewayv2_api" "this" {
  name          = "${var.name}-http"
  description   = "Recs API: tokens"
  protocol_type = "HTTP"

  # Answers browsers' questions by itself and takes the place of what functions say of origins, so
  # that no header comes twice.
  dynamic "cors_configuration" {
    for_each = length(var.cors_allowed_origins) > 0 ? [local.routes.cors] : []

    content {
      allow_origins  = var.cors_allowed_origins
      allow_methods  = cors_configuration.value.allow_methods
      allow_headers  = cors_configuration.value.allow_headers
      expose_headers = cors_configuration.value.expose_headers
      max_age        = cors_configuration.value.max_age_s
    }
  }
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.called

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = local.invoked[each.key]
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000 # of functions that end after 29 s
}

resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:open are health, the document and the page alone, and everything where jwt is off
  for_each = local.http_routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.this[each.value.function].id}"
  authorization_type = each.value.open || !var.jwt ? "NONE" : "JWT"
  authorizer_id      = each.value.open || !var.jwt ? null : aws_apigatewayv2_authorizer.this[0].id
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = local.http_stage
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit    = var.throttle.rate_per_s
    throttling_burst_limit   = var.throttle.burst
    detailed_metrics_enabled = true
  }

  dynamic "route_settings" {
    for_each = var.route_throttles

    content {
      route_key                = route_settings.key
      throttling_rate_limit    = route_settings.value.rate_per_s
      throttling_burst_limit   = route_settings.value.burst
      detailed_metrics_enabled = true
    }
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.http.arn
    format          = jsonencode(merge(local.logged_of_both, { route = "$context.routeKey", authorizerError = "$context.authorizer.error" }))
  }

  depends_on = [aws_apigatewayv2_route.this] # limits of a route need the route
}

resource "aws_cloudwatch_log_group" "http" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable; they hold no record of a user
  name              = "/aws/vendedlogs/${var.name}-http"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# Who may ask the REST API: bearers of a key of the usage plan.

resource "aws_api_gateway_usage_plan" "this" {
  name        = var.name
  description = "Limits of each key of the REST API"

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.this.stage_name
  }

  throttle_settings {
    rate_limit  = var.key_throttle.rate_per_s
    burst_limit = var.key_throttle.burst
  }

  dynamic "quota_settings" {
    for_each = var.key_requests_per_day[*]

    content {
      limit  = quota_settings.value
      period = "DAY"
    }
  }
}

# AWS makes the value; `aws apigateway get-api-key --include-value` tells it.
resource "aws_api_gateway_api_key" "this" {
  name        = "${var.name}-rest"
  description = "First key of the REST API"
}

resource "aws_api_gateway_usage_plan_key" "this" {
  key_id        = aws_api_gateway_api_key.this.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.this.id
}

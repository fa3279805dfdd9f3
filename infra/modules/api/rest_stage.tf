# What is published of the REST API, how often it may be asked, and what it logs.

resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id

  # A stage shows what was there when it was deployed: any change of routes deploys anew.
  triggers = {
    routes = sha1(jsonencode([local.rest_methods, local.invoked, local.resource_ids, local.refusals]))
  }

  depends_on = [aws_api_gateway_integration.this, aws_api_gateway_gateway_response.this]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "this" {
  #checkov:skip=CKV_AWS_120:answers are personal and change with every event; nothing of them may be kept
  #checkov:skip=CKV2_AWS_51:the functions are called by rights, so no certificate of the gateway is looked at
  #checkov:skip=CKV2_AWS_29:the web ACL is a variable, waf; it costs by the month
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = local.rest_stage
  xray_tracing_enabled = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.rest.arn
    format = jsonencode(merge(local.logged_of_both, {
      route = "$context.resourcePath", keyId = "$context.identity.apiKeyId", trace = "$context.xrayTraceId"
    }))
  }

  # The log group of executions is there, encrypted, before the gateway would make one.
  depends_on = [aws_api_gateway_account.this, aws_cloudwatch_log_group.executions]
}

resource "aws_api_gateway_method_settings" "all" {
  #checkov:skip=CKV_AWS_225:answers are personal and change with every event; nothing of them may be kept
  #checkov:skip=CKV_AWS_308:nothing is kept, see above
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = var.execution_log_level
    data_trace_enabled     = false # it would log bodies, and so what people do
    throttling_rate_limit  = var.throttle.rate_per_s
    throttling_burst_limit = var.throttle.burst
  }
}

resource "aws_cloudwatch_log_group" "rest" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable; they hold no record of a user
  name              = "/aws/vendedlogs/${var.name}-rest"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_group" "executions" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable, and these hold ids that stand in paths
  name              = "API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.this.id}/${local.rest_stage}" # API Gateway's own name
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# API Gateway writes no log at all before its account has a role to write by.
resource "aws_iam_role" "logging" {
  count = var.account_logging ? 1 : 0

  name        = "${var.name}-api-gateway-logs"
  description = "API Gateway writes its logs"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "apigateway.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "logging" {
  count = length(aws_iam_role.logging)

  name = "logs"
  role = aws_iam_role.logging[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "LogsOfAllGateways"
      Effect = "Allow"
      Action = [
        "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups",
        "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:PutLogEvents",
      ]
      # Any log group of this region: the role is the account's, for every REST API in it.
      Resource = "arn:${local.partition}:logs:${local.region}:${local.account}:*"
    }]
  })
}

resource "aws_api_gateway_account" "this" {
  count = length(aws_iam_role.logging)

  cloudwatch_role_arn = aws_iam_role.logging[0].arn

  depends_on = [aws_iam_role_policy.logging]
}

module "web_acl" {
  source = "../web-acl"
  count  = var.waf ? 1 : 0

  name                   = "${var.name}-rest"
  scope                  = "REGIONAL"
  requests_per_5_minutes = var.waf_requests_per_5_minutes
}

resource "aws_wafv2_web_acl_association" "rest" {
  count = length(module.web_acl)

  resource_arn = aws_api_gateway_stage.this.arn
  web_acl_arn  = module.web_acl[0].arn
}

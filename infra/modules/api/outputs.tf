output "http_url" {
  description = "Base address of the HTTP API, with its stage."
  value       = aws_apigatewayv2_stage.this.invoke_url
}

output "rest_url" {
  description = "Base address of the REST API, with its stage."
  value       = aws_api_gateway_stage.this.invoke_url
}

output "http_api_id" {
  description = "Id of the HTTP API: a dimension of its metrics."
  value       = aws_apigatewayv2_api.this.id
}

output "rest_api_name" {
  description = "Name of the REST API: a dimension of its metrics."
  value       = aws_api_gateway_rest_api.this.name
}

output "rest_api_id" {
  description = "Id of the REST API."
  value       = aws_api_gateway_rest_api.this.id
}

output "stages" {
  description = "Names of the stages: a dimension of their metrics."
  value       = { http = local.http_stage, rest = local.rest_stage }
}

output "http_origin" {
  description = "The HTTP API as an origin of CloudFront: domain and path. See the module web."
  value = {
    domain_name = trimprefix(aws_apigatewayv2_api.this.api_endpoint, "https://")
    path        = "/${local.http_stage}"
  }
}

output "user_pool" {
  description = "The Cognito user pool: id, client_id, issuer; null where tokens are another issuer's, or none."
  value = one([
    for pool in aws_cognito_user_pool.this : {
      id        = pool.id
      client_id = aws_cognito_user_pool_client.this[0].id
      issuer    = "https://${pool.endpoint}"
    }
  ])
}

output "asks_for_token" {
  description = "Whether the HTTP API asks for tokens."
  value       = var.jwt
}

output "api_key_id" {
  description = "Id of the REST API's first key."
  value       = aws_api_gateway_api_key.this.id
}

output "usage_plan_id" {
  description = "Id of the usage plan, to which further keys are added."
  value       = aws_api_gateway_usage_plan.this.id
}

output "web_acl_arn" {
  description = "ARN of the web ACL before the REST API; null without waf."
  value       = one(module.web_acl[*].arn)
}

output "log_groups" {
  description = "Names of the log groups: accesses of both gateways, and executions of the REST API."
  value = {
    http       = aws_cloudwatch_log_group.http.name
    rest       = aws_cloudwatch_log_group.rest.name
    executions = aws_cloudwatch_log_group.executions.name
  }
}

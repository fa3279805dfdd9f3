# Both gateways have the same routes, from routes.json: a few paths are open, four routes have
# functions of their own, and whatever else comes goes to `api`, which knows all routes.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name

  routes = jsondecode(file("${path.module}/routes.json"))
  called = toset(concat([local.routes.others], values(local.routes.own)))

  # What a gateway calls: the alias, so that a new version is taken up at once.
  invoked = {
    for name in local.called : name =>
    "arn:${local.partition}:apigateway:${local.region}:lambda:path/2015-03-31/functions/${var.functions[name].alias_arn}/invocations"
  }

  # Never who asked, nor for whom: no address, no path, no query.
  logged_of_both = {
    requestId        = "$context.requestId"
    time             = "$context.requestTimeEpoch"
    method           = "$context.httpMethod"
    status           = "$context.status"
    responseBytes    = "$context.responseLength"
    responseMs       = "$context.responseLatency"
    integrationMs    = "$context.integrationLatency"
    integrationError = "$context.integrationErrorMessage"
    gatewayError     = "$context.error.responseType"
  }
}

resource "aws_lambda_permission" "http" {
  for_each = local.called

  statement_id  = "${var.name}-http-api"
  action        = "lambda:InvokeFunction"
  function_name = var.functions[each.key].name
  qualifier     = element(split(":", var.functions[each.key].alias_arn), 7)
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*" # any of its routes and stages
}

resource "aws_lambda_permission" "rest" {
  for_each = local.called

  statement_id  = "${var.name}-rest-api"
  action        = "lambda:InvokeFunction"
  function_name = var.functions[each.key].name
  qualifier     = element(split(":", var.functions[each.key].alias_arn), 7)
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/*" # any of its methods and stages
}

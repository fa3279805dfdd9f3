# The REST API, stage `dev`: API keys with a usage plan, X-Ray, execution logs.

locals {
  rest_stage = "dev"
  greedy     = "{proxy+}"

  # Paths that ask for a key: those with functions of their own, and everything else.
  closed_paths = toset(concat(
    [for route in keys(local.routes.own) : split(" ", route)[1]],
    ["/${local.greedy}", "/v1/${local.greedy}"],
  ))

  rest_methods = merge(
    { for path in local.routes.open : "ANY ${path}" => { function = local.routes.others, key = false } },
    { for path in local.closed_paths : "ANY ${path}" => { function = local.routes.others, key = true } },
    # Browsers ask without a key whether a page may ask; the functions answer.
    { for path in local.closed_paths : "OPTIONS ${path}" => { function = local.routes.others, key = false } },
    { for route, name in local.routes.own : route => { function = name, key = true } },
  )

  paths  = toset([for method in keys(local.rest_methods) : trimprefix(split(" ", method)[1], "/")])
  first  = toset([for path in local.paths : split("/", path)[0] if path != ""])
  second = toset([for path in local.paths : path if length(split("/", path)) == 2])
  resource_ids = merge(
    { "" = aws_api_gateway_rest_api.this.root_resource_id },
    { for path, made in aws_api_gateway_resource.first : path => made.id },
    { for path, made in aws_api_gateway_resource.second : path => made.id },
  )
}

resource "aws_api_gateway_rest_api" "this" {
  name        = "${var.name}-rest"
  description = "Recs API: API keys"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_resource" "first" {
  for_each = local.first

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_rest_api.this.root_resource_id
  path_part   = each.key
}

resource "aws_api_gateway_resource" "second" {
  for_each = local.second

  rest_api_id = aws_api_gateway_rest_api.this.id
  parent_id   = aws_api_gateway_resource.first[split("/", each.key)[0]].id
  path_part   = split("/", each.key)[1]
}

resource "aws_api_gateway_method" "this" {
  #checkov:skip=CKV_AWS_59:API keys are asked for, except on health, the document and the page
  #checkov:skip=CKV2_AWS_53:the functions check requests, and say what is wrong with one
  for_each = local.rest_methods

  rest_api_id      = aws_api_gateway_rest_api.this.id
  resource_id      = local.resource_ids[trimprefix(split(" ", each.key)[1], "/")]
  http_method      = split(" ", each.key)[0]
  authorization    = "NONE"
  api_key_required = each.value.key
}

resource "aws_api_gateway_integration" "this" {
  for_each = local.rest_methods

  rest_api_id             = aws_api_gateway_rest_api.this.id
  resource_id             = aws_api_gateway_method.this[each.key].resource_id
  http_method             = aws_api_gateway_method.this[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = local.invoked[each.value.function]
  timeout_milliseconds    = 29000
}

# What the gateway itself refuses looks like what the functions refuse.
locals {
  # One header cannot hold a list. Where several origins are permitted, whoever asks may read the
  # gateway's own refusals, which say nothing of anybody.
  refusal_origin = {
    none    = {}
    one     = { "gatewayresponse.header.Access-Control-Allow-Origin" = "'${try(var.cors_allowed_origins[0], "")}'" }
    several = { "gatewayresponse.header.Access-Control-Allow-Origin" = "method.request.header.Origin", "gatewayresponse.header.Vary" = "'Origin'" }
  }[length(var.cors_allowed_origins) == 0 ? "none" : length(var.cors_allowed_origins) == 1 ? "one" : "several"]

  refusals = {
    DEFAULT_4XX    = local.refusal_origin
    DEFAULT_5XX    = local.refusal_origin
    QUOTA_EXCEEDED = merge(local.refusal_origin, { "gatewayresponse.header.Retry-After" = "'3600'" })
    THROTTLED      = merge(local.refusal_origin, { "gatewayresponse.header.Retry-After" = "'1'" })
  }
}

resource "aws_api_gateway_gateway_response" "this" {
  for_each = local.refusals

  rest_api_id         = aws_api_gateway_rest_api.this.id
  response_type       = each.key
  status_code         = contains(["QUOTA_EXCEEDED", "THROTTLED"], each.key) ? "429" : null
  response_templates  = { "application/json" = "{\"error\":$context.error.messageString}" }
  response_parameters = each.value
}

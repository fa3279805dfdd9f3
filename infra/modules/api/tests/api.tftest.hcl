mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  functions = {
    for name in ["api", "RecordPreference", "Stream", "Submit"] : name => {
      name      = "endcap-test-${name}"
      arn       = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-${name}"
      alias_arn = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-${name}:live"
    }
  }
}

run "as_it_comes" {
  command = plan

  assert {
    condition     = [aws_apigatewayv2_stage.this.name, aws_api_gateway_stage.this.stage_name] == ["prod", "dev"]
    error_message = "The HTTP API has the stage prod, the REST API the stage dev."
  }

  assert {
    condition = toset([for key, route in aws_apigatewayv2_route.this : key if route.authorization_type == "NONE"]) == toset([
      "ANY /", "ANY /docs", "ANY /health", "ANY /openapi.json", "ANY /site/{proxy+}", "ANY /v1/health",
    ])
    error_message = "Without a token: health, the document and the page, and nothing else."
  }

  assert {
    condition     = alltrue([for route in aws_apigatewayv2_route.this : contains(["NONE", "JWT"], route.authorization_type)]) && aws_apigatewayv2_route.this["$default"].authorization_type == "JWT"
    error_message = "Whatever else comes needs a token."
  }

  assert {
    condition     = { for name, made in aws_apigatewayv2_integration.this : name => endswith(made.integration_uri, ":function:endcap-test-${name}:live/invocations") && made.payload_format_version == "2.0" } == { api = true, RecordPreference = true, Submit = true }
    error_message = "The alias of each function is called, with payload 2.0; Stream is none of the gateway's."
  }

  assert {
    condition     = alltrue([for made in concat(values(aws_lambda_permission.http), values(aws_lambda_permission.rest)) : made.qualifier == "live" && made.action == "lambda:InvokeFunction"]) && length(aws_lambda_permission.rest) == 3
    error_message = "Gateways may invoke the alias, and only that."
  }

  assert {
    condition = toset([for key, method in aws_api_gateway_method.this : key if !method.api_key_required && !startswith(key, "OPTIONS ")]) == toset([
      "ANY /", "ANY /docs", "ANY /health", "ANY /openapi.json", "ANY /site/{proxy+}", "ANY /v1/health",
    ])
    error_message = "Without a key: health, the document and the page, and nothing else."
  }

  assert {
    condition     = [for key, method in aws_api_gateway_method.this : key if startswith(key, "OPTIONS ") && method.api_key_required] == [] && aws_api_gateway_method.this["OPTIONS /{proxy+}"].http_method == "OPTIONS"
    error_message = "Browsers ask without a key whether a page may ask."
  }

  assert {
    condition     = keys(aws_api_gateway_method.this) == keys(aws_api_gateway_integration.this) && endswith(aws_api_gateway_integration.this["POST /v1/submit"].uri, ":endcap-test-Submit:live/invocations") && endswith(aws_api_gateway_integration.this["ANY /v1/submit"].uri, ":endcap-test-api:live/invocations")
    error_message = "Every method has an integration; those with functions of their own go there."
  }

  assert {
    condition     = one(aws_api_gateway_method_settings.all.settings).logging_level == "INFO" && !one(aws_api_gateway_method_settings.all.settings).data_trace_enabled && aws_api_gateway_stage.this.xray_tracing_enabled
    error_message = "The REST API logs errors and info, no bodies, and is traced."
  }

  assert {
    condition     = alltrue([for group in [aws_cloudwatch_log_group.http, aws_cloudwatch_log_group.rest] : group.retention_in_days == 30 && group.kms_key_id == var.kms_key_arn])
    error_message = "Logs are encrypted, and not kept for ever."
  }

  assert {
    condition     = length(regexall("sourceIp|requestOverride|\\.path|identity\\.user|caller|queryString", "${one(aws_apigatewayv2_stage.this.access_log_settings).format}${one(aws_api_gateway_stage.this.access_log_settings).format}")) == 0
    error_message = "Access logs hold no address, no path, no query and no user."
  }

  assert {
    condition     = length(aws_apigatewayv2_api.this.cors_configuration) == 0 && !contains(keys(aws_api_gateway_gateway_response.this["DEFAULT_4XX"].response_parameters == null ? {} : aws_api_gateway_gateway_response.this["DEFAULT_4XX"].response_parameters), "gatewayresponse.header.Access-Control-Allow-Origin")
    error_message = "No page of another origin may ask."
  }

  assert {
    condition     = aws_api_gateway_gateway_response.this["THROTTLED"].response_parameters["gatewayresponse.header.Retry-After"] == "'1'" && aws_api_gateway_gateway_response.this["THROTTLED"].status_code == "429"
    error_message = "Who asks too often is told when to come again."
  }

  assert {
    condition     = one(aws_cognito_user_pool.this).admin_create_user_config[0].allow_admin_create_user_only && one(aws_cognito_user_pool_client.this).prevent_user_existence_errors == "ENABLED"
    error_message = "Nobody signs up, and nobody learns who has."
  }

  assert {
    condition     = length(module.web_acl) == 0 && length(aws_wafv2_web_acl_association.rest) == 0
    error_message = "A web ACL costs: only where it is asked for."
  }
}

run "pages_of_two_origins" {
  command = plan

  variables {
    cors_allowed_origins = ["https://shop.example", "https://admin.shop.example"]
    waf                  = true
    account_logging      = false
    key_requests_per_day = 50000
    execution_log_level  = "ERROR"
    route_throttles      = { "POST /v1/submit" = { rate_per_s = 20, burst = 40 } }
  }

  assert {
    condition     = one(aws_apigatewayv2_api.this.cors_configuration).allow_origins == toset(var.cors_allowed_origins) && contains(one(aws_apigatewayv2_api.this.cors_configuration).allow_headers, "authorization")
    error_message = "The HTTP API has the allow-list."
  }

  assert {
    condition     = aws_api_gateway_gateway_response.this["DEFAULT_4XX"].response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "method.request.header.Origin"
    error_message = "A page may read what the gateway refuses."
  }

  assert {
    condition     = length(module.web_acl) == 1 && length(aws_wafv2_web_acl_association.rest) == 1 && length(aws_api_gateway_account.this) == 0
    error_message = "Web ACL before the REST API; the account's role is another's."
  }

  assert {
    condition     = one(aws_api_gateway_usage_plan.this.quota_settings).limit == 50000 && one(aws_apigatewayv2_stage.this.route_settings).route_key == "POST /v1/submit"
    error_message = "Limits of keys and of routes."
  }
}

run "pages_of_one_origin" {
  command = plan

  variables {
    cors_allowed_origins = ["https://shop.example"]
  }

  assert {
    condition     = aws_api_gateway_gateway_response.this["DEFAULT_5XX"].response_parameters["gatewayresponse.header.Access-Control-Allow-Origin"] == "'https://shop.example'"
    error_message = "That origin and no other may read what the gateway refuses."
  }
}

run "tokens_of_another_issuer" {
  command = plan

  variables {
    jwt_issuer = { issuer = "https://id.shop.example", audience = ["recommendations"] }
  }

  assert {
    condition     = length(aws_cognito_user_pool.this) == 0 && aws_apigatewayv2_authorizer.this[0].jwt_configuration[0].issuer == "https://id.shop.example"
    error_message = "No pool is made where tokens come from elsewhere."
  }

  assert {
    condition     = output.user_pool == null
    error_message = "There is no pool to tell of."
  }
}

run "a_demonstration" {
  command = plan

  variables {
    jwt = false
  }

  assert {
    condition     = length(aws_apigatewayv2_authorizer.this) == 0 && length(aws_cognito_user_pool.this) == 0 && alltrue([for route in aws_apigatewayv2_route.this : route.authorization_type == "NONE"])
    error_message = "Without jwt the HTTP API is open."
  }

  assert {
    condition     = aws_api_gateway_method.this["ANY /{proxy+}"].api_key_required
    error_message = "The REST API asks for keys all the same."
  }
}

run "any_origin" {
  command = plan

  variables {
    cors_allowed_origins = ["*"]
  }

  expect_failures = [var.cors_allowed_origins]
}

run "a_route_that_is_not_there" {
  command = plan

  variables {
    route_throttles = { "GET /nothing" = { rate_per_s = 1, burst = 1 } }
  }

  expect_failures = [var.route_throttles]
}

run "a_function_is_missing" {
  command = plan

  variables {
    functions = { api = { name = "a", arn = "arn:aws:lambda:eu-central-1:123456789012:function:a", alias_arn = "arn:aws:lambda:eu-central-1:123456789012:function:a:live" } }
  }

  expect_failures = [var.functions]
}

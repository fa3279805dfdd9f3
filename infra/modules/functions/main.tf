# The functions of AWS Lambda, as infra/functions.json lists them: `python -m
# endcap.entrypoints.lambdas.table` prints it, and a test holds it equal.

locals {
  table = jsondecode(file("${path.module}/../../functions.json"))
  functions = {
    for name, row in local.table : name => row if var.only == null ? true : contains(var.only, name)
  }

  names      = { for name in keys(local.functions) : name => "${var.name}-${name}" }
  log_groups = { for name, full in local.names : name => "/aws/lambda/${full}" }
  imaged     = { for name, row in local.functions : name => row.package == "image" || contains(var.image_functions, name) }

  disk_mb = {
    for name, row in local.functions : name =>
    lookup(var.disk_mb, name, local.imaged[name] ? 10240 : row.model ? 2048 : 512)
  }
  # Copies of models and snapshots leave a quarter of the disk to what is being made.
  variables = {
    for name, row in local.functions : name => merge(
      { ENDCAP_HOME = "/tmp/endcap", ENDCAP_CACHE_MB = tostring(floor(local.disk_mb[name] * 3 / 4)) },
      var.environment,
      lookup(var.function_environment, name, {}),
    )
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable; they hold no record of a user
  for_each = local.functions

  name              = local.log_groups[each.key]
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:reserved concurrency is a variable; without it functions share the account's
  #checkov:skip=CKV_AWS_116:callers wait for the answer, see the variable asynchronous; the stream has a destination of its own
  #checkov:skip=CKV_AWS_117:in a VPC only where a database is to be reached, see the variable vpc
  #checkov:skip=CKV_AWS_272:the package is made from locked, hashed wheels by whoever applies this; there is no signing profile
  for_each = local.functions

  function_name = local.names[each.key]
  description   = "Endcap: ${each.key}"
  role          = aws_iam_role.this[each.key].arn

  package_type     = local.imaged[each.key] ? "Image" : "Zip"
  filename         = local.imaged[each.key] || var.package_object != null ? null : var.package_file
  s3_bucket        = local.imaged[each.key] ? null : try(var.package_object.bucket, null)
  s3_key           = local.imaged[each.key] ? null : try(var.package_object.key, null)
  source_code_hash = local.imaged[each.key] ? null : try(filebase64sha256(var.package_file), null)
  runtime          = local.imaged[each.key] ? null : var.runtime
  handler          = local.imaged[each.key] ? null : each.value.handler
  image_uri        = local.imaged[each.key] ? var.image_uri : null
  architectures    = [var.architecture]

  memory_size                    = lookup(var.memory_mb, each.key, each.value.memory_mb)
  timeout                        = lookup(var.timeout_s, each.key, each.value.timeout_s)
  reserved_concurrent_executions = lookup(var.reserved_concurrency, each.key, -1)
  publish                        = true
  kms_key_arn                    = var.kms_key_arn

  ephemeral_storage {
    size = local.disk_mb[each.key]
  }

  environment {
    variables = local.variables[each.key]
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "image_config" {
    for_each = local.imaged[each.key] ? [each.value.handler] : []

    content {
      command = [image_config.value]
    }
  }

  dynamic "dead_letter_config" {
    for_each = [for name, queue in aws_sqs_queue.given_up : queue.arn if name == each.key]

    content {
      target_arn = dead_letter_config.value
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]

  lifecycle {
    precondition {
      condition     = local.imaged[each.key] || try(fileexists(var.package_file), false)
      error_message = "package_file must be the zip of the functions: `make package` writes build/functions.zip."
    }
    precondition {
      condition     = !local.imaged[each.key] || var.image_uri != null
      error_message = "image_uri must name the container image that ${each.key} runs from: infra/functions.Dockerfile says how it is made."
    }
  }
}

resource "aws_lambda_alias" "live" {
  for_each = local.functions

  name             = "live"
  description      = "The version that callers get."
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  for_each = { for name, kept in var.provisioned_concurrency : name => kept if contains(keys(local.functions), name) }

  function_name                     = aws_lambda_function.this[each.key].function_name
  qualifier                         = aws_lambda_alias.live[each.key].name
  provisioned_concurrent_executions = each.value
}

resource "aws_lambda_event_source_mapping" "stream" {
  for_each = { for name, row in local.functions : name => row.source if row.source != null }

  event_source_arn                   = var.resources[each.value.stream][0]
  function_name                      = aws_lambda_alias.live[each.key].arn
  starting_position                  = each.value.starts_at
  batch_size                         = each.value.batch
  maximum_batching_window_in_seconds = each.value.window_s
  maximum_retry_attempts             = each.value.attempts
  maximum_record_age_in_seconds      = each.value.oldest_s
  bisect_batch_on_function_error     = each.value.bisect
  function_response_types            = each.value.answers

  destination_config {
    on_failure {
      destination_arn = var.resources[each.value.on_failure][0]
    }
  }
}

resource "aws_sqs_queue" "given_up" {
  for_each = setintersection(var.asynchronous, keys(local.functions))

  name                      = "${local.names[each.key]}-given-up"
  message_retention_seconds = 14 * 24 * 3600
  kms_master_key_id         = var.kms_key_arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedOnTheWay"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["sqs:ReceiveMessage", "sqs:SendMessage"]
      Resource  = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${local.names[each.key]}-given-up"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

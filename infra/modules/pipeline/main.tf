# The state machines as `endcap pipeline export` writes them, with this deployment's names filled in.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  dns       = data.aws_partition.current.dns_suffix

  folder = "${path.module}/../../state-machines"
  names  = { for machine in var.machines : machine => "${var.name}-${machine}" }
  arns = {
    for machine, full in local.names : machine =>
    "arn:${local.partition}:states:${local.region}:${local.account}:stateMachine:${full}"
  }

  # What the definitions leave open. "": it is not there; a machine that asks for it is refused.
  words = merge(
    {
      name                   = var.name
      glue_job               = coalesce(var.glue_job, " ")
      runs_bucket            = coalesce(var.runs_bucket, " ")
      runs_prefix            = var.runs_prefix
      group                  = try(var.shop.group, " ")
      lake                   = try(var.shop.lake, " ")
      documents              = try(var.shop.documents, " ")
      artifacts              = try(var.shop.artifacts, " ")
      lake_url               = try("${trimsuffix(var.shop.lake, "/")}/${var.shop.group}", " ")
      tables_url             = try("${trimsuffix(var.shop.lake, "/")}/${var.shop.group}/tables", " ")
      training_role_arn      = try(var.training.role_arn, " ")
      training_image         = try(var.training.image, " ")
      training_instance_type = try(var.training.instance_type, " ")
      training_output_url    = try(var.training.output_url, " ")
      training_spot          = tostring(try(var.training.spot, false))
      checkpoints_url        = try(trimsuffix(var.training.checkpoints_url, "/"), " ")
    },
    var.functions,
    var.words,
  )
  placeholders = {
    for machine in var.machines : machine => distinct(flatten(
      regexall("\\$\\{(\\w+)\\}", file("${local.folder}/${machine}.asl.json"))
    ))
  }
  missing = {
    for machine, words in local.placeholders : machine => [
      for word in words : word if lookup(local.words, word, " ") == " "
    ]
  }
  # Where something is missing the placeholders themselves stand in, for the refusal to be told.
  definitions = {
    for machine, words in local.placeholders : machine => templatefile(
      "${local.folder}/${machine}.asl.json", merge({ for word in words : word => word }, local.words)
    )
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable; executions log their errors, without their data
  for_each = local.names

  name              = "/aws/vendedlogs/states/${each.value}" # this beginning keeps Logs' own policy short
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_285:Errors are logged; the data of executions hold user ids and must be in no log.
  for_each = local.names

  name       = each.value
  role_arn   = aws_iam_role.machine[each.key].arn
  definition = local.definitions[each.key]

  # Their data hold user ids.
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.this[each.key].arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  dynamic "encryption_configuration" {
    for_each = var.encrypt_executions ? [var.kms_key_arn] : []

    content {
      type                              = "CUSTOMER_MANAGED_KMS_KEY"
      kms_key_id                        = encryption_configuration.value
      kms_data_key_reuse_period_seconds = 900
    }
  }

  depends_on = [aws_iam_role_policy.machine]

  lifecycle {
    precondition {
      condition     = length(local.missing[each.key]) == 0
      error_message = "The machine ${each.key} needs values for ${join(", ", local.missing[each.key])}: see the variables functions, runs_bucket, shop, training, glue_job and words."
    }
  }
}

# Records in, recommendations out: a delivery stream whose transformation is the function Firehose.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name
  suffix    = data.aws_partition.this.dns_suffix

  # Where erasure and `endcap stream show` look: docs/streams.md.
  folder = join("/", compact([var.lake_prefix, var.group, "stream", var.consumer]))

  function = module.functions.functions["Firehose"]
  stream   = "${var.name}-recommendations"

  gathered = { BufferSizeInMBs = var.call_mb, BufferIntervalInSeconds = var.call_s }
  usual    = { BufferSizeInMBs = 1, BufferIntervalInSeconds = 60 }

  neighbours = var.vectors == null ? {} : {
    ENDCAP_STREAM_NEIGHBOURS = "on"
    ENDCAP_VECTORS           = var.vectors
  }
}

module "functions" {
  source = "../functions"

  name                 = var.name
  kms_key_arn          = var.kms_key_arn
  only                 = ["Firehose"]
  package_file         = var.package_file
  package_object       = var.package_object
  image_uri            = var.image_uri
  image_functions      = var.vectors == null ? [] : ["Firehose"] # the zip holds no PostgreSQL client
  architecture         = var.architecture
  runtime              = var.runtime
  resources            = var.resources
  environment          = merge(var.environment, { ENDCAP_GROUP = var.group }, local.neighbours)
  vpc                  = var.vpc
  reserved_concurrency = var.reserved_concurrency == null ? {} : { Firehose = var.reserved_concurrency }
  log_retention_days   = var.log_retention_days
}

resource "aws_cloudwatch_log_group" "delivery" {
  #checkov:skip=CKV_AWS_338:How long logs are kept is a variable
  name              = "/aws/kinesisfirehose/${local.stream}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_log_stream" "delivery" {
  name           = "delivery"
  log_group_name = aws_cloudwatch_log_group.delivery.name
}

resource "aws_kinesis_firehose_delivery_stream" "this" {
  #checkov:skip=CKV_AWS_240:What is read from Kinesis is encrypted there; what is put directly is encrypted here
  #checkov:skip=CKV_AWS_241:As above, with the customer's own key
  name        = local.stream
  destination = "extended_s3"

  # Firehose refuses its own encryption where Kinesis, which has one, is the source.
  dynamic "server_side_encryption" {
    for_each = var.source_stream_arn == null ? [var.kms_key_arn] : []

    content {
      enabled  = true
      key_type = "CUSTOMER_MANAGED_CMK"
      key_arn  = server_side_encryption.value
    }
  }

  dynamic "kinesis_source_configuration" {
    for_each = var.source_stream_arn == null ? [] : [var.source_stream_arn]

    content {
      kinesis_stream_arn = kinesis_source_configuration.value
      role_arn           = aws_iam_role.delivery.arn
    }
  }

  extended_s3_configuration {
    bucket_arn          = var.lake_bucket.arn
    role_arn            = aws_iam_role.delivery.arn
    kms_key_arn         = var.kms_key_arn
    prefix              = "${local.folder}/recommendations/date=!{partitionKeyFromLambda:date}/"
    error_output_prefix = "${local.folder}/failed/date=!{timestamp:yyyy-MM-dd}/!{firehose:error-output-type}-"
    buffering_size      = var.object_mb
    buffering_interval  = var.object_s
    compression_format  = "UNCOMPRESSED" # erasure reads and rewrites these objects
    file_extension      = ".jsonl"

    dynamic_partitioning_configuration {
      enabled        = true
      retry_duration = 300
    }

    processing_configuration {
      enabled = true

      processors {
        type = "Lambda"

        parameters {
          parameter_name  = "LambdaArn"
          parameter_value = local.function.alias_arn
        }
        # What is as Firehose has it anyway is not told: the provider would find it missing.
        dynamic "parameters" {
          for_each = { for name, value in local.gathered : name => value if value != local.usual[name] }

          content {
            parameter_name  = parameters.key
            parameter_value = tostring(parameters.value)
          }
        }
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.delivery.name
      log_stream_name = aws_cloudwatch_log_stream.delivery.name
    }
  }

  depends_on = [aws_iam_role_policy.delivery]
}

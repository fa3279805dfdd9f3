# What shoppers do, as it happens: a stream for the functions, and its records as files for the night.

resource "aws_kinesis_stream" "events" {
  name             = "${var.name}-events"
  shard_count      = var.shards == 0 ? null : var.shards
  retention_period = var.retention_hours
  encryption_type  = "KMS"
  kms_key_id       = var.kms_key_arn

  shard_level_metrics = !var.shard_metrics ? [] : [
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "WriteProvisionedThroughputExceeded",
  ]

  stream_mode_details {
    stream_mode = var.shards == 0 ? "ON_DEMAND" : "PROVISIONED"
  }
}

resource "aws_cloudwatch_log_group" "deliveries" {
  #checkov:skip=CKV_AWS_338:Errors of deliveries are looked at within days; log_retention_days says for how long.
  name              = "/aws/kinesisfirehose/${local.delivery}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_cloudwatch_log_stream" "deliveries" {
  name           = "S3Delivery"
  log_group_name = aws_cloudwatch_log_group.deliveries.name
}

resource "aws_kinesis_firehose_delivery_stream" "raw" {
  #checkov:skip=CKV_AWS_240:Its source is a stream that is encrypted; a delivery stream that reads one cannot have a key of its own.
  #checkov:skip=CKV_AWS_241:The same; the files are encrypted with our key.
  name        = local.delivery
  destination = "extended_s3"

  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.events.arn
    role_arn           = aws_iam_role.delivery.arn
  }

  extended_s3_configuration {
    role_arn            = aws_iam_role.delivery.arn
    bucket_arn          = var.lake_bucket.arn
    prefix              = "${var.events_prefix}date=!{timestamp:yyyy-MM-dd}/"
    error_output_prefix = "${local.failed_prefix}!{firehose:error-output-type}/date=!{timestamp:yyyy-MM-dd}/"
    file_extension      = ".jsonl"
    compression_format  = "UNCOMPRESSED" # the nightly import reads .jsonl
    buffering_interval  = var.buffer_s
    buffering_size      = var.buffer_mb
    kms_key_arn         = var.kms_key_arn

    # One record a line.
    processing_configuration {
      enabled = true

      processors {
        type = "AppendDelimiterToRecord"

        parameters {
          parameter_name  = "Delimiter"
          parameter_value = "\\n"
        }
      }
    }

    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.deliveries.name
      log_stream_name = aws_cloudwatch_log_stream.deliveries.name
    }
  }

  depends_on = [aws_iam_role_policy.delivery]
}

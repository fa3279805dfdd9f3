mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/endcap-test-events" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/endcap-test-events-raw" }
  }
  mock_resource "aws_cloudwatch_log_stream" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:deliveries:log-stream:S3Delivery" }
  }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  lake_bucket = { name = "endcap-test-lake", arn = "arn:aws:s3:::endcap-test-lake" }
}

run "stream" {
  command = plan

  assert {
    condition     = aws_kinesis_stream.events.shard_count == 1 && aws_kinesis_stream.events.stream_mode_details[0].stream_mode == "PROVISIONED"
    error_message = "The stream has not the one shard that is the default."
  }

  assert {
    condition     = aws_kinesis_stream.events.encryption_type == "KMS" && aws_kinesis_stream.events.kms_key_id == var.kms_key_arn
    error_message = "The stream is not encrypted with our key."
  }

  assert {
    condition     = aws_kinesis_stream.events.retention_period > 12
    error_message = "The stream forgets before its function gives up."
  }

  assert {
    condition     = aws_cloudwatch_log_group.deliveries.retention_in_days == 30 && aws_cloudwatch_log_group.deliveries.kms_key_id == var.kms_key_arn
    error_message = "The log of deliveries is kept for ever, or is not encrypted."
  }
}

run "files" {
  command = plan

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].file_extension == ".jsonl" && startswith(aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].prefix, "events/date=")
    error_message = "The nightly import looks for events/**/*.jsonl."
  }

  assert {
    condition     = one(aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].processing_configuration[0].processors).type == "AppendDelimiterToRecord"
    error_message = "Records are not one a line."
  }

  assert {
    condition     = !startswith(aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].error_output_prefix, "events/")
    error_message = "What failed would be imported as events."
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.raw.extended_s3_configuration[0].kms_key_arn == var.kms_key_arn
    error_message = "The files are not encrypted with our key."
  }
}

# An apply by the mocks: rights name the stream's own ARN, which a plan does not know.
run "rights" {
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.delivery.policy).Statement :
      alltrue([for action in flatten([statement.Action]) : !strcontains(action, "*")])
      && alltrue([for resource in flatten([statement.Resource]) : resource != "*"])
    ])
    error_message = "The delivery stream may do more than it has to."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.delivery.policy).Statement : statement.Resource
      if statement.Sid == "WriteFiles"
    ]) == ["arn:aws:s3:::endcap-test-lake/events/*", "arn:aws:s3:::endcap-test-lake/events-failed/*"]
    error_message = "The delivery stream may write elsewhere."
  }

  assert {
    condition     = output.stream.arn == "arn:aws:kinesis:eu-west-1:111122223333:stream/endcap-test-events"
    error_message = "The stream's ARN is not put out."
  }
}

run "on_demand" {
  command = plan

  variables {
    shards = 0
  }

  assert {
    condition     = aws_kinesis_stream.events.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "No shards are not on demand."
  }
}

run "refuses_to_forget_too_soon" {
  command = plan

  variables {
    retention_hours = 12
  }

  expect_failures = [var.retention_hours]
}

run "refuses_a_retention_that_cloudwatch_lacks" {
  command = plan

  variables {
    log_retention_days = 31
  }

  expect_failures = [var.log_retention_days]
}

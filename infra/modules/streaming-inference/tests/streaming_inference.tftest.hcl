mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/endcap-test" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-Firehose:live" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:delivery" }
  }
}

variables {
  name         = "endcap-test"
  kms_key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  lake_bucket  = { name = "endcap-test-lake", arn = "arn:aws:s3:::endcap-test-lake" }
  lake_prefix  = "lake"
  package_file = "versions.tf" # any file: nothing is made
  resources = {
    artifacts_bucket = ["arn:aws:s3:::endcap-test-artifacts"]
    documents_table  = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-documents"]
  }
  environment = {
    ENDCAP_ARTIFACTS = "s3://endcap-test-artifacts/shop"
    ENDCAP_DOCUMENTS = "dynamodb://endcap-test-"
  }
}

run "direct" {
  command = plan

  assert {
    condition     = length(aws_kinesis_firehose_delivery_stream.this.kinesis_source_configuration) == 0 && aws_kinesis_firehose_delivery_stream.this.server_side_encryption[0].key_type == "CUSTOMER_MANAGED_CMK"
    error_message = "What programs put directly must be encrypted by the given key."
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].prefix == "lake/default/stream/firehose/recommendations/date=!{partitionKeyFromLambda:date}/"
    error_message = "Answers must lie where erasure looks, by the function's partition key."
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].error_output_prefix == "lake/default/stream/firehose/failed/date=!{timestamp:yyyy-MM-dd}/!{firehose:error-output-type}-"
    error_message = "Failed records must lie where erasure looks: a folder by day, and no folder below it."
  }

  assert {
    condition = alltrue([
      aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].dynamic_partitioning_configuration[0].enabled,
      aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].buffering_size >= 64,
      aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].compression_format == "UNCOMPRESSED",
      aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].file_extension == ".jsonl",
    ])
    error_message = "Partitions by the function's key, in objects that erasure can read."
  }

  assert {
    condition     = keys(module.functions.functions) == ["Firehose"]
    error_message = "No function but Firehose is made here."
  }

  assert {
    condition = {
      for parameter in aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].processing_configuration[0].processors[0].parameters :
      parameter.parameter_name => parameter.parameter_value
      } == {
      LambdaArn       = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-Firehose:live"
      BufferSizeInMBs = "0.25"
    }
    error_message = "The alias of the function answers what was gathered for one call."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.delivery.policy).Statement :
      !contains(statement.Resource, "*") && !anytrue([for action in statement.Action : strcontains(action, "*") || startswith(action, "kinesis:")])
    ])
    error_message = "Named actions on named resources, and no stream to read."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.delivery.policy).Statement : statement.Resource if statement.Sid == "Objects"] == [["arn:aws:s3:::endcap-test-lake/lake/default/stream/firehose/*"]]
    error_message = "It may write its own folder alone."
  }
}

run "from_kinesis_with_neighbours" {
  command = plan

  variables {
    source_stream_arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/endcap-test-events"
    vectors           = "secret:arn:aws:secretsmanager:eu-central-1:123456789012:secret:endcap-test-vectors-reader-AbCdEf#url"
    image_uri         = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/endcap-test-functions:1"
    package_file      = null
    lake_prefix       = ""
    call_mb           = 1
    call_s            = 30
    vpc               = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition     = aws_kinesis_firehose_delivery_stream.this.kinesis_source_configuration[0].kinesis_stream_arn == var.source_stream_arn && length(aws_kinesis_firehose_delivery_stream.this.server_side_encryption) == 0
    error_message = "Firehose refuses its own encryption where it reads Kinesis."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.delivery.policy).Statement : statement.Resource if statement.Sid == "Source"] == [[var.source_stream_arn]]
    error_message = "It may read its source."
  }

  assert {
    condition = {
      for parameter in aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].processing_configuration[0].processors[0].parameters :
      parameter.parameter_name => parameter.parameter_value if parameter.parameter_name != "LambdaArn"
    } == { BufferIntervalInSeconds = "30" }
    error_message = "What differs from Firehose's own values is told, and nothing else."
  }

  assert {
    condition     = startswith(aws_kinesis_firehose_delivery_stream.this.extended_s3_configuration[0].prefix, "default/stream/")
    error_message = "Without a prefix of the lake none is written."
  }

  assert {
    condition     = local.neighbours == tomap({ ENDCAP_STREAM_NEIGHBOURS = "on", ENDCAP_VECTORS = var.vectors })
    error_message = "The function must be told to ask the database."
  }

  assert {
    condition = strcontains(
      module.functions.policies["Firehose"],
      jsonencode("arn:aws:secretsmanager:eu-central-1:123456789012:secret:endcap-test-vectors-reader-AbCdEf")
    )
    error_message = "The function may read the secret with the reader's URL."
  }
}

run "refuses_a_database_without_client_or_network" {
  command = plan

  variables {
    vectors = "secret:endcap-test-vectors-reader#url"
  }

  expect_failures = [var.vectors]
}

run "refuses" {
  command = plan

  variables {
    name        = "Endcap"
    lake_prefix = "/lake"
    group       = "a/b"
    consumer    = "a b"
    vectors     = "postgresql://user:word@host/db"
    resources   = { documents_table = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-documents"] }
    environment = { ENDCAP_ARTIFACTS = "s3://endcap-test-artifacts/shop" }
    call_mb     = 4
    call_s      = 1000
    object_mb   = 5
    object_s    = 10
    image_uri   = "x"
    vpc         = { subnet_ids = [], security_group_ids = [] }
  }

  expect_failures = [
    var.name, var.lake_prefix, var.group, var.consumer, var.vectors, var.resources, var.environment,
    var.call_mb, var.call_s, var.object_mb, var.object_s,
  ]
}

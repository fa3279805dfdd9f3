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
  name         = "endcap-test"
  kms_key_arn  = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  package_file = "main.tf" # any file: nothing is uploaded by a plan
  image_uri    = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/endcap-test-functions:1"
  resources    = { interests_table = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-CustomerInterest"] }
}

run "chosen" {
  command = plan

  variables {
    only                    = ["NotifyCompletion", "Submit"]
    image_functions         = ["Submit"]
    asynchronous            = ["NotifyCompletion"]
    reserved_concurrency    = { Submit = 40 }
    provisioned_concurrency = { Submit = 2, api = 3 }
    memory_mb               = { Submit = 4096 }
    timeout_s               = { Submit = 20 }
    vpc                     = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
    environment = {
      ENDCAP_VECTORS     = "secret:arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1-AbCdEf#url"
      ENDCAP_SENDER      = "ssm:/endcap/sender"
      ENDCAP_JWKS        = "secret:shop/keys#jwks"
      OTHER_PLACE_OF_IDS = "ssm:/not/ours"
    }
    resources = {
      artifacts_bucket = ["arn:aws:s3:::endcap-test-artifacts"]
      changes_table    = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-changes"]
      documents_table  = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-documents"]
      events_stream    = ["arn:aws:kinesis:eu-central-1:123456789012:stream/endcap-test-events"]
      events_table     = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-events"]
      topic            = []
    }
  }

  override_resource {
    target          = aws_sqs_queue.given_up
    override_during = plan
    values          = { arn = "arn:aws:sqs:eu-central-1:123456789012:endcap-test-NotifyCompletion-given-up" }
  }

  assert {
    condition     = keys(aws_lambda_function.this) == ["NotifyCompletion", "Submit"] && length(aws_lambda_event_source_mapping.stream) == 0
    error_message = "Only the functions named are made."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.this["NotifyCompletion"].policy).Statement : s.Sid] == ["DocumentsTable", "Log", "Trace", "KeyToRead", "KeyToWrite", "Parameters", "Secrets", "GivenUp", "Network", "NotByItsCode"]
    error_message = "What is not there is left out of a role; parameters, secrets, dead letters and network come in."
  }

  assert {
    condition     = { for s in jsondecode(aws_iam_role_policy.this["NotifyCompletion"].policy).Statement : s.Sid => s.Condition.StringEquals["kms:ViaService"] if startswith(s.Sid, "Key") } == { KeyToRead = ["dynamodb.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com", "sqs.eu-central-1.amazonaws.com", "ssm.eu-central-1.amazonaws.com"], KeyToWrite = ["sqs.eu-central-1.amazonaws.com"] }
    error_message = "The key is used through the services whose resources the function has."
  }

  assert {
    condition     = { for s in jsondecode(aws_iam_role_policy.this["Submit"].policy).Statement : s.Sid => s.Resource if contains(["Parameters", "Secrets"], s.Sid) } == { Parameters = ["arn:aws:ssm:eu-central-1:123456789012:parameter/endcap/sender"], Secrets = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/keys-??????", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1-AbCdEf"] }
    error_message = "Parameters and secrets are those that settings name, by name or ARN."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.this["Submit"].policy).Statement : s.Effect if length(regexall("^Network|^NotBy", s.Sid)) > 0] == ["Allow", "Deny"]
    error_message = "Network interfaces are Lambda's to make, not those of the function's code."
  }

  assert {
    condition     = length([for s in jsondecode(aws_iam_role_policy.this["Submit"].policy).Statement : s if s.Sid == "GivenUp"]) == 0
    error_message = "A function whose callers wait has no dead letters."
  }

  assert {
    condition     = aws_lambda_function.this["Submit"].package_type == "Image" && aws_lambda_function.this["Submit"].memory_size == 4096 && aws_lambda_function.this["Submit"].timeout == 20 && aws_lambda_function.this["Submit"].reserved_concurrent_executions == 40
    error_message = "Package, memory, time and concurrency may be chosen by function."
  }

  assert {
    condition     = keys(aws_lambda_provisioned_concurrency_config.live) == ["Submit"] && aws_lambda_function.this["NotifyCompletion"].dead_letter_config[0].target_arn == "arn:aws:sqs:eu-central-1:123456789012:endcap-test-NotifyCompletion-given-up" && length(aws_lambda_function.this["Submit"].dead_letter_config) == 0
    error_message = "Warm environments and dead letters are of the functions named and made."
  }
}

run "a_resource_that_was_forgotten" {
  command = plan

  variables {
    only      = ["RecordPreference"]
    resources = {}
  }

  expect_failures = [aws_iam_role_policy.this]
}

run "a_package_that_is_not_there" {
  command = plan

  variables {
    only         = ["RecordPreference"]
    package_file = "no/such.zip"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_package_in_a_bucket" {
  command = plan

  variables {
    only           = ["RecordPreference"]
    package_object = { bucket = "endcap-test-artifacts", key = "code/functions.zip" }
  }

  assert {
    condition     = aws_lambda_function.this["RecordPreference"].filename == null && aws_lambda_function.this["RecordPreference"].s3_bucket == "endcap-test-artifacts" && aws_lambda_function.this["RecordPreference"].s3_key == "code/functions.zip"
    error_message = "It is taken from there."
  }

  assert {
    condition     = aws_lambda_function.this["RecordPreference"].source_code_hash == filebase64sha256(var.package_file)
    error_message = "Another zip is another version."
  }
}

run "an_image_that_is_not_named" {
  command = plan

  variables {
    only            = ["RecordPreference"]
    image_functions = ["RecordPreference"]
    image_uri       = null
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_function_that_nobody_knows" {
  command = plan

  variables {
    only = ["Sumbit"]
  }

  expect_failures = [var.only]
}

run "wrong_words" {
  command = plan

  variables {
    name               = "Endcap"
    architecture       = "arm"
    runtime            = "nodejs20.x"
    memory_mb          = { api = 64 }
    timeout_s          = { api = 901 }
    disk_mb            = { api = 100 }
    log_retention_days = 31
  }

  expect_failures = [
    var.name, var.architecture, var.runtime, var.memory_mb, var.timeout_s, var.disk_mb, var.log_retention_days,
  ]
}

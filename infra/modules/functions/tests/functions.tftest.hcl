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

  resources = {
    artifacts_bucket       = ["arn:aws:s3:::endcap-test-artifacts"]
    campaign               = ["arn:aws:personalize:eu-central-1:123456789012:campaign/shop"]
    catalog_table          = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-catalog"]
    changes_table          = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-changes"]
    control_executions     = ["arn:aws:states:eu-central-1:123456789012:execution:endcap-test-control:*"]
    control_machine        = ["arn:aws:states:eu-central-1:123456789012:stateMachine:endcap-test-control"]
    documents_table        = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-documents"]
    events_stream          = ["arn:aws:kinesis:eu-central-1:123456789012:stream/endcap-test-events"]
    events_table           = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-events"]
    failures_bucket        = ["arn:aws:s3:::endcap-test-failures"]
    interests_table        = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-CustomerInterest"]
    lake_bucket            = ["arn:aws:s3:::endcap-test-lake"]
    mail_identity          = ["arn:aws:ses:eu-central-1:123456789012:identity/shop.example"]
    map_runs               = ["arn:aws:states:eu-central-1:123456789012:mapRun:endcap-test-users-distributed/users:*"]
    product_features_table = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-product_features"]
    ranker_endpoint        = ["arn:aws:sagemaker:eu-central-1:123456789012:endpoint/endcap-test"]
    related_table          = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-related_items"]
    runs_bucket            = ["arn:aws:s3:::endcap-test-runs"]
    stored_table           = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-storeRecommendations"]
    topic                  = ["arn:aws:sns:eu-central-1:123456789012:endcap-test-runs"]
    user_features_table    = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-user_features"]
    users_bucket           = ["arn:aws:s3:::endcap-test-users"]
    users_table            = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-EcommerceUsers"]
  }
}

# tests/infra/test_rights.py compares the policies of this run with the table.
run "all" {
  command = plan

  variables {
    prefixes = { "Stream.lake_bucket" = ["lake/*/stream/*"], artifacts_bucket = ["shop/*"] }
    environment = {
      ENDCAP_DOCUMENTS = "dynamodb://endcap-test-"
    }
    function_environment = {
      RecordPreference = { CustomerInterestTable = "endcap-test-CustomerInterest" }
    }
  }

  assert {
    condition     = toset(keys(aws_lambda_function.this)) == toset(keys(jsondecode(file("../../functions.json"))))
    error_message = "Every function of the table must be made."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.this["RecordPreference"].policy).Statement : statement.Sid] == ["InterestsTable", "Log", "Trace", "KeyToRead"]
    error_message = "The function that records preferences writes one table, its log and its trace, and uses the key through DynamoDB alone."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this["RecordPreference"].policy).Statement[0] == { Sid = "InterestsTable", Effect = "Allow", Action = ["dynamodb:PutItem"], Resource = ["arn:aws:dynamodb:eu-central-1:123456789012:table/endcap-test-CustomerInterest"] }
    error_message = "The function that records preferences may do nothing but put items into CustomerInterest."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this["RecordPreference"].policy).Statement[3].Condition == { StringEquals = { "kms:ViaService" = ["dynamodb.eu-central-1.amazonaws.com"] } }
    error_message = "It uses the key through DynamoDB alone."
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.this : [
        for statement in jsondecode(policy.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
      ]
    ]))
    error_message = "No action may have a wildcard."
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.this : [
        for statement in jsondecode(policy.policy).Statement : statement.Sid == "Trace" || !contains(statement.Resource, "*")
      ]
    ]))
    error_message = "Only X-Ray has no resources to name."
  }

  assert {
    condition     = { for s in jsondecode(aws_iam_role_policy.this["Stream"].policy).Statement : s.Sid => s.Resource if endswith(s.Sid, "Objects") } == { LakeBucketObjects = ["arn:aws:s3:::endcap-test-lake/lake/*/stream/*"], FailuresBucketObjects = ["arn:aws:s3:::endcap-test-failures/*"] }
    error_message = "A prefix given for one function must narrow its objects."
  }

  assert {
    condition     = { for s in jsondecode(aws_iam_role_policy.this["Submit"].policy).Statement : s.Sid => s.Resource if startswith(s.Sid, "ArtifactsBucket") } == { ArtifactsBucket = ["arn:aws:s3:::endcap-test-artifacts"], ArtifactsBucketObjects = ["arn:aws:s3:::endcap-test-artifacts/shop/*"] }
    error_message = "Listing is of a bucket, reading of its objects below what is given."
  }

  assert {
    condition     = { for name, function in aws_lambda_function.this : name => function.package_type if function.package_type != "Zip" } == { Nightly = "Image" }
    error_message = "Only what the zip has no room for runs from the image."
  }

  assert {
    condition     = aws_lambda_function.this["api"].handler == "app.handler" && aws_lambda_function.this["api"].runtime == "python3.12" && aws_lambda_function.this["api"].architectures == tolist(["arm64"])
    error_message = "The API's handler is app.handler, for Python 3.12 on arm64."
  }

  assert {
    condition     = aws_lambda_function.this["Nightly"].image_config[0].command == tolist(["endcap.entrypoints.lambdas.nightly.handler"]) && aws_lambda_function.this["Nightly"].ephemeral_storage[0].size == 10240
    error_message = "Nightly names its handler to the image and has all the disk that there is."
  }

  assert {
    condition     = aws_lambda_function.this["api"].environment[0].variables == tomap({ ENDCAP_HOME = "/tmp/endcap", ENDCAP_CACHE_MB = "1536", ENDCAP_DOCUMENTS = "dynamodb://endcap-test-" })
    error_message = "Variables are the home, the size of its copies, and those given for all."
  }

  assert {
    condition     = aws_lambda_function.this["RecordPreference"].environment[0].variables.CustomerInterestTable == "endcap-test-CustomerInterest"
    error_message = "Variables of one function go to it."
  }

  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.tracing_config[0].mode == "Active" && function.kms_key_arn == var.kms_key_arn && function.publish])
    error_message = "Every function is traced, has its variables encrypted, and is published."
  }

  assert {
    condition     = { for name, group in aws_cloudwatch_log_group.this : name => group.name if name == "Firehose" } == { Firehose = "/aws/lambda/endcap-test-Firehose" } && alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == var.kms_key_arn && group.retention_in_days == 30])
    error_message = "Logs lie where Lambda writes them, encrypted, for 30 days."
  }

  assert {
    condition     = keys(aws_lambda_event_source_mapping.stream) == ["Stream"] && aws_lambda_event_source_mapping.stream["Stream"].event_source_arn == "arn:aws:kinesis:eu-central-1:123456789012:stream/endcap-test-events"
    error_message = "Stream alone reads the stream."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.stream["Stream"].function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.stream["Stream"].maximum_record_age_in_seconds == 43200 && aws_lambda_event_source_mapping.stream["Stream"].destination_config[0].on_failure[0].destination_arn == "arn:aws:s3:::endcap-test-failures"
    error_message = "Single records come again for up to 12 hours; what is given up goes to the bucket of failures."
  }

  assert {
    condition     = length(aws_sqs_queue.given_up) == 0 && length(aws_lambda_provisioned_concurrency_config.live) == 0
    error_message = "No function is asynchronous or kept warm unless named."
  }
}

run "what_is_only_read" {
  command = plan

  variables {
    only          = ["Nightly"]
    prefixes      = { "Nightly.lake_bucket" = ["shop/*"] }
    read_prefixes = { "Nightly.lake_bucket" = ["events/*"] }
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.this["Nightly"].policy).Statement : s
      if s.Sid == "LakeBucketReads"
    ] == [{ Sid = "LakeBucketReads", Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.resources.lake_bucket[0]}/events/*"] }]
    error_message = "Below read_prefixes it may read."
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.this["Nightly"].policy).Statement : s.Resource
      if s.Sid == "LakeBucketObjects"
    ] == [["${var.resources.lake_bucket[0]}/shop/*"]]
    error_message = "It writes and removes below prefixes only."
  }
}

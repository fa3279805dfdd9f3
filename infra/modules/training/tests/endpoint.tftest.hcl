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
}

override_resource {
  target          = aws_ecr_repository.this
  override_during = plan
  values          = { arn = "arn:aws:ecr:eu-west-1:111122223333:repository/endcap-test-training" }
}

override_resource {
  target          = aws_iam_role.endpoint
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:role/endcap-test-endpoint" }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  buckets = {
    lake      = { name = "endcap-test-lake", arn = "arn:aws:s3:::endcap-test-lake" }
    artifacts = { name = "endcap-test-artifacts", arn = "arn:aws:s3:::endcap-test-artifacts" }
  }
  tables = {
    documents = { name = "endcap-test-documents", arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/endcap-test-documents" }
  }
  training_image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/endcap-test-training:1"
  model_url      = "s3://endcap-test-artifacts/endpoints/v0007.tar.gz"
  endpoint       = true
}

run "with_instances" {
  command = plan

  assert {
    condition     = aws_sagemaker_endpoint.this[0].name == "endcap-test-ranker" && output.endpoint_name == "endcap-test-ranker"
    error_message = "The endpoint is not named after the prefix and model_name."
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this[0].kms_key_arn == var.kms_key_arn && aws_sagemaker_model.this[0].enable_network_isolation
    error_message = "The endpoint's disk is not encrypted with our key, or its container reaches the network."
  }

  assert {
    condition     = aws_appautoscaling_target.endpoint[0].resource_id == "endpoint/endcap-test-ranker/variant/all" && aws_appautoscaling_target.endpoint[0].max_capacity == 4
    error_message = "The endpoint's instances do not follow the calls."
  }

  assert {
    condition     = aws_appautoscaling_policy.endpoint[0].target_tracking_scaling_policy_configuration[0].predefined_metric_specification[0].predefined_metric_type == "SageMakerVariantInvocationsPerInstance"
    error_message = "Instances are not counted by the calls that each gets."
  }

  assert {
    condition     = length(aws_sagemaker_endpoint_configuration.this[0].data_capture_config) == 0 && length(aws_sagemaker_endpoint.this[0].deployment_config) == 0
    error_message = "Nothing is captured, and nothing rolled back, unless asked."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.endpoint[0].policy).Statement : statement.Resource if statement.Sid == "Model"
    ])) == toset(["arn:aws:s3:::endcap-test-artifacts/endpoints/v0007.tar.gz"])
    error_message = "The endpoint may read more than its own archive."
  }
}

run "with_a_disk_of_its_own" {
  command = plan

  variables {
    sagemaker_instance_type = "ml.m5d.large"
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this[0].kms_key_arn == null
    error_message = "SageMaker refuses a key for a disk that is part of the machine."
  }
}

run "serverless" {
  command = plan

  variables {
    serverless = { memory_mb = 3072, max_concurrency = 5 }
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this[0].production_variants[0].serverless_config[0].memory_size_in_mb == 3072 && aws_sagemaker_endpoint_configuration.this[0].production_variants[0].instance_type == null
    error_message = "An endpoint without instances has the memory that was asked for, and no instance type."
  }

  assert {
    condition     = length(aws_appautoscaling_target.endpoint) == 0 && !aws_sagemaker_model.this[0].enable_network_isolation
    error_message = "Without instances there is nothing to scale and no isolation."
  }
}

run "careful" {
  command = plan

  variables {
    rollback_alarms = ["endcap-test-endpoint-errors"]
    capture_percent = 10
  }

  assert {
    condition     = one(aws_sagemaker_endpoint.this[0].deployment_config[0].auto_rollback_configuration[0].alarms).alarm_name == "endcap-test-endpoint-errors"
    error_message = "The alarm does not take the endpoint back."
  }

  assert {
    condition     = aws_sagemaker_endpoint_configuration.this[0].data_capture_config[0].destination_s3_uri == "s3://endcap-test-artifacts/training/captured" && length([for statement in jsondecode(aws_iam_role_policy.endpoint[0].policy).Statement : statement if statement.Sid == "Captured"]) == 1
    error_message = "Calls are captured to where the endpoint may not write."
  }
}

run "another_model" {
  command = plan

  variables {
    model_url = "s3://endcap-test-artifacts/endpoints/v0008.tar.gz"
  }

  assert {
    condition     = aws_sagemaker_model.this[0].name != run.with_instances.model_name
    error_message = "Another model must have another name, for the endpoint to change over."
  }
}

run "without_a_model" {
  command = plan

  variables {
    model_url = ""
  }

  expect_failures = [var.model_url]
}

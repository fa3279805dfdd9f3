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
  target          = aws_iam_role.training
  override_during = plan
  values          = { arn = "arn:aws:iam::111122223333:role/endcap-test-training" }
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
}

run "images" {
  command = plan

  assert {
    condition     = toset([for repository in aws_ecr_repository.this : repository.name]) == toset(["endcap-test-functions", "endcap-test-training"])
    error_message = "There are other repositories than functions and training."
  }

  assert {
    condition = alltrue([
      for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE"
      && repository.image_scanning_configuration[0].scan_on_push
      && repository.encryption_configuration[0].kms_key == var.kms_key_arn && !repository.force_delete
    ])
    error_message = "An image may change behind its tag, goes unscanned or unencrypted, or goes with its repository."
  }

  assert {
    condition     = jsondecode(aws_ecr_repository_policy.functions.policy).Statement[0].Principal.Service == "lambda.amazonaws.com"
    error_message = "Lambda may not fetch the image of a function."
  }
}

run "rights" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(aws_iam_role_policy.training.policy).Statement :
      [for action in flatten([statement.Action]) : !strcontains(action, "*")]
    ]))
    error_message = "The role of training holds an action with a wildcard."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.training.policy).Statement :
      statement.Resource != ["*"] || contains(["Metrics", "Registry"], statement.Sid)
    ])
    error_message = "A right of the role of training names no resource."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.training.policy).Statement :
      !contains(flatten([statement.Action]), "s3:PutObject") || alltrue([
        for resource in statement.Resource : startswith(resource, "arn:aws:s3:::endcap-test-artifacts/")
      ])
    ])
    error_message = "A training job may write somewhere else than below shop/ and training/ of the artifacts."
  }

  assert {
    condition     = jsondecode(aws_iam_role.training.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "SageMaker of another account could be let in."
  }
}

run "no_endpoint_by_itself" {
  command = plan

  assert {
    condition     = length(aws_sagemaker_endpoint.this) == 0 && length(aws_iam_role.endpoint) == 0 && output.endpoint_name == null
    error_message = "An endpoint costs by the hour: it is made only where it is asked for."
  }

  assert {
    condition     = output.job.spot == false && output.job.checkpoints_url == "s3://endcap-test-artifacts/training/checkpoints"
    error_message = "The job is not as the state machine expects it."
  }
}

run "no_job_without_an_image" {
  command = plan

  variables {
    training_image = ""
    model_url      = ""
  }

  assert {
    condition     = output.job == null
    error_message = "A job was described that has no image."
  }
}

run "spot" {
  command = plan

  variables {
    spot = true
  }

  assert {
    condition     = output.job.spot
    error_message = "Spot instances were asked for."
  }
}

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
}

variables {
  name = "endcap-test"
}

run "key" {
  command = plan

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "The key is not rotated."
  }

  assert {
    condition     = aws_kms_alias.this.name == "alias/endcap-test"
    error_message = "The alias is not named by the prefix."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_kms_key.this.policy).Statement :
      alltrue([for action in flatten([statement.Action]) : !strcontains(action, "*")])
    ])
    error_message = "The key's policy allows an action with a wildcard."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Condition.ArnLike
      if statement.Sid == "LogGroups"
    ])["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-west-1:111122223333:log-group:*"
    error_message = "Log groups of other accounts or regions may use the key."
  }

  assert {
    condition = contains(one([
      for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Action
      if statement.Sid == "ByPoliciesOfTheAccount"
    ]), "kms:PutKeyPolicy")
    error_message = "Nobody could change the key's policy again."
  }

  assert {
    condition     = length(aws_cloudtrail.this) == 0 && length(aws_s3_bucket.trail) == 0
    error_message = "There is a trail although none was asked for."
  }
}

run "trail" {
  command = plan

  variables {
    cloudtrail = true
  }

  assert {
    condition     = aws_cloudtrail.this[0].is_multi_region_trail && aws_cloudtrail.this[0].enable_log_file_validation
    error_message = "The trail leaves regions out, or its files can be changed unseen."
  }

  assert {
    condition     = aws_s3_bucket.trail[0].bucket == "endcap-test-trail-111122223333"
    error_message = "The trail's bucket is not named by prefix and account."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(aws_s3_bucket_policy.trail[0].policy).Statement :
      statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
    ])
    error_message = "The trail's bucket answers without TLS."
  }

  assert {
    condition = contains(
      [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid], "RecordOfCalls",
    )
    error_message = "The trail may not use the key."
  }
}

run "refuses_a_bad_name" {
  command = plan

  variables {
    name = "Endcap"
  }

  expect_failures = [var.name]
}

run "refuses_a_record_that_is_too_short" {
  command = plan

  variables {
    trail_days = 30
  }

  expect_failures = [var.trail_days]
}

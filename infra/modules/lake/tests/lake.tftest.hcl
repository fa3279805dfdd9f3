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
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/endcap-test-crawler" }
  }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
}

run "buckets" {
  command = plan

  assert {
    condition     = toset(keys(output.buckets)) == toset(["lake", "artifacts", "users", "runs", "failures", "logs"])
    error_message = "A bucket is missing."
  }

  assert {
    condition     = aws_s3_bucket.this["lake"].bucket == "endcap-test-lake-111122223333" && output.lake_url == "s3://endcap-test-lake-111122223333/shop"
    error_message = "The lake's bucket is not named by prefix and account."
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : !bucket.force_destroy])
    error_message = "A bucket with files in it can be destroyed."
  }

  assert {
    condition = alltrue([
      for block in aws_s3_bucket_public_access_block.this :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == length(aws_s3_bucket.this)
    error_message = "A bucket can be made public."
  }

  assert {
    condition = alltrue([
      for logical, encryption in aws_s3_bucket_server_side_encryption_configuration.this :
      logical == "logs" || one(one(encryption.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn
    ])
    error_message = "A bucket is not encrypted with our key."
  }

  assert {
    condition = alltrue([
      for policy in aws_s3_bucket_policy.this : anytrue([
        for statement in jsondecode(policy.policy).Statement :
        statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ])
    ])
    error_message = "A bucket answers without TLS."
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_s3_bucket_policy.this : [
        for statement in jsondecode(policy.policy).Statement :
        startswith(statement.Sid, "AccessLogsOf") && statement.Principal.Service == "logging.s3.amazonaws.com"
        if statement.Effect == "Allow"
      ]
    ]))
    error_message = "A bucket's policy lets somebody in beside the delivery of access logs."
  }

  assert {
    condition     = toset(keys(aws_s3_bucket_logging.this)) == toset(["lake", "artifacts", "users", "runs", "failures"])
    error_message = "A bucket writes no access log."
  }

  assert {
    condition     = toset([for logical, told in aws_s3_bucket_notification.this : logical if told.eventbridge]) == toset(["lake", "users"])
    error_message = "EventBridge is not told of new users and nightly files."
  }
}

run "what_goes_by_itself" {
  command = plan

  assert {
    condition = toset([
      for rule in aws_s3_bucket_lifecycle_configuration.this["lake"].rule : one(rule.filter).prefix if rule.id != "gone"
    ]) == toset(["events/", "events-failed/"])
    error_message = "Something of the lake goes that Endcap reads."
  }

  assert {
    condition = alltrue([
      for logical in ["artifacts", "users"] :
      length(aws_s3_bucket_lifecycle_configuration.this[logical].rule) == 1
      && aws_s3_bucket_lifecycle_configuration.this[logical].rule[0].id == "gone"
    ])
    error_message = "Models or users' files go by themselves."
  }

  assert {
    condition = alltrue([
      for lifecycle in aws_s3_bucket_lifecycle_configuration.this :
      lifecycle.rule[0].id == "gone" && one(lifecycle.rule[0].expiration).expired_object_delete_marker
    ])
    error_message = "The rule of the whole bucket removes more than markers and old versions."
  }

  assert {
    condition = alltrue([
      for lifecycle in aws_s3_bucket_lifecycle_configuration.this :
      one(lifecycle.rule[0].noncurrent_version_expiration).noncurrent_days == 7
    ])
    error_message = "What was erased stays in old versions."
  }
}

run "catalogue" {
  command = plan

  assert {
    condition     = aws_glue_catalog_database.this.name == "endcap_test"
    error_message = "The database cannot be named in SQL."
  }

  assert {
    condition     = toset([for table in aws_glue_catalog_table.closed : table.name if length(table.partition_keys) > 0]) == toset(["events", "sessions"])
    error_message = "Other tables than events and sessions (and training) are by day."
  }

  assert {
    condition     = aws_glue_catalog_table.closed["events"].parameters["storage.location.template"] == "s3://endcap-test-lake-111122223333/shop/default/tables/events/date=$${date}/"
    error_message = "Days of events are looked for where the ETL does not write them."
  }

  assert {
    condition     = toset(keys(aws_glue_catalog_table.open)) == toset(["items", "users", "training"])
    error_message = "Tables with a shop's own columns are not those that the crawler completes."
  }

  assert {
    condition     = aws_glue_catalog_table.lines["recommendations"].parameters["projection.consumer.values"] == "recommendations,firehose"
    error_message = "Answers of the delivery stream are not found."
  }

  assert {
    condition     = one(aws_athena_workgroup.this.configuration).enforce_workgroup_configuration && one(one(one(aws_athena_workgroup.this.configuration).result_configuration).encryption_configuration).kms_key_arn == var.kms_key_arn
    error_message = "Results of queries can be written elsewhere or in clear."
  }
}

# An apply by the mocks: rights name ARNs, which a plan does not know.
run "rights" {
  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.crawler.policy).Statement :
      alltrue([for action in flatten([statement.Action]) : !strcontains(action, "*") && !startswith(action, "s3:Put") && !startswith(action, "s3:Delete")])
    ])
    error_message = "The crawler may do more than read files."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.crawler.policy).Statement : statement.Sid
      if contains(flatten([statement.Resource]), "*")
    ] == ["ReadItsConfiguration"]
    error_message = "The crawler's rights are not on named resources."
  }
}

run "without_protection" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : bucket.force_destroy]) && aws_athena_workgroup.this.force_destroy
    error_message = "Without protection a bucket still refuses."
  }
}

run "refuses_the_prefix_of_raw_events" {
  command = plan

  variables {
    lake_prefix = "events"
  }

  expect_failures = [var.lake_prefix]
}

run "refuses_to_forget_too_soon" {
  command = plan

  variables {
    raw_days  = 1
    runs_days = 1
  }

  expect_failures = [var.raw_days, var.runs_days]
}

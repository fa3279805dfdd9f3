mock_provider "aws" {}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
}

run "tables" {
  command = plan

  assert {
    condition     = length(setsubtract(["EcommerceUsers", "storeRecommendations", "CustomerInterest", "catalog", "events", "related_items", "documents", "changes"], keys(aws_dynamodb_table.this))) == 0
    error_message = "A table that Endcap writes to is missing."
  }

  assert {
    condition     = aws_dynamodb_table.this["events"].name == "endcap-test-events" && output.prefix == "endcap-test-"
    error_message = "Names do not begin with the prefix that the functions are told."
  }

  assert {
    condition     = aws_dynamodb_table.this["events"].hash_key == "userId" && aws_dynamodb_table.this["events"].range_key == "ts"
    error_message = "The events' key is not the shopper and the time."
  }

  assert {
    condition     = aws_dynamodb_table.this["catalog"].range_key == null && length(aws_dynamodb_table.this["catalog"].attribute) == 1
    error_message = "A table with one key has more."
  }

  assert {
    condition = alltrue([
      for table in aws_dynamodb_table.this :
      table.billing_mode == "PAY_PER_REQUEST" && table.deletion_protection_enabled
      && table.server_side_encryption[0].kms_key_arn == var.kms_key_arn
      && table.point_in_time_recovery[0].enabled && table.point_in_time_recovery[0].recovery_period_in_days == 35
    ])
    error_message = "A table is not charged by request, protected, encrypted with our key or kept for recovery."
  }

  assert {
    condition     = toset([for logical, table in aws_dynamodb_table.this : logical if length(table.ttl) > 0]) == toset(["documents", "events"])
    error_message = "Other tables than documents and events drop rows."
  }
}

run "bare_names" {
  command = plan

  variables {
    table_prefix = ""
  }

  assert {
    condition     = aws_dynamodb_table.this["storeRecommendations"].name == "storeRecommendations"
    error_message = "An empty prefix does not give the bare names."
  }
}

run "refuses_what_is_no_key" {
  command = plan

  variables {
    kms_key_arn = "alias/endcap-test"
  }

  expect_failures = [var.kms_key_arn]
}

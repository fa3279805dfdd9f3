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
  target          = aws_sns_topic.alarms
  override_during = plan
  values          = { arn = "arn:aws:sns:eu-west-1:111122223333:endcap-test-alarms" }
}

override_resource {
  target          = aws_cloudwatch_metric_alarm.this
  override_during = plan
  values          = { arn = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:one-of-ours" }
}

override_resource {
  target          = aws_cloudwatch_metric_alarm.no_night
  override_during = plan
  values          = { arn = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:one-of-ours" }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  functions = {
    for logical in ["api", "Submit", "RecordPreference", "Stream", "Nightly", "StoreToDynamoDB", "NotifyCompletion", "ImportUsersFromS3"] :
    logical => { name = "endcap-test-${logical}", log_group = "/aws/lambda/endcap-test-${logical}" }
  }
  http_api = { id = "abc123", stage = "prod" }
  rest_api = { name = "endcap-test-rest", stage = "dev" }
  stream   = { name = "endcap-test-events", shards = 2 }
  tables = {
    for logical in ["documents", "changes", "events", "CustomerInterest"] :
    logical => { name = "endcap-test-${logical}", arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/endcap-test-${logical}" }
  }
  delivery_streams = { raw = "endcap-test-events-raw" }
  state_machines = {
    for logical in ["nightly-small", "users"] :
    logical => { name = "endcap-test-${logical}", arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:endcap-test-${logical}" }
  }
  daily_machine = "nightly-small"
  queues        = { runs = "endcap-test-runs-given-up" }
  endpoint      = { name = "endcap-test-ranker", variant = "all" }
  alarm_email   = "ops@shop.example"
}

run "everything" {
  command = plan

  assert {
    condition = length(setsubtract([
      "insert-error", "api-errors", "submit-errors", "recordpreference-errors", "api-slow", "http-errors", "http-slow", "rest-errors", "rest-slow",
      "api-model-stale", "submit-model-stale", "api-not-fresh", "api-falls-back", "drift", "iterator-age", "records-set-aside", "runs-given-up",
      "nightly-small-failed", "users-failed", "stream-full", "tables-throttled", "endpoint-errors", "raw-delivery-late", "nightly-timeouts",
    ], keys(aws_cloudwatch_metric_alarm.this))) == 0
    error_message = "An alarm is missing."
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.no_night) == ["nightly-small"] && aws_cloudwatch_metric_alarm.no_night["nightly-small"].treat_missing_data == "breaching"
    error_message = "A night that never began rings nowhere."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && startswith(alarm.alarm_name, "endcap-test-")])
    error_message = "An alarm tells nobody."
  }

  assert {
    condition     = keys(aws_cloudwatch_composite_alarm.this) == ["availability", "data", "quality"] && strcontains(aws_cloudwatch_composite_alarm.this["quality"].alarm_rule, "ALARM(\"endcap-test-insert-error\")")
    error_message = "Alarms are not summed up."
  }

  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn && aws_sns_topic_subscription.email[0].endpoint == "ops@shop.example"
    error_message = "The topic is not encrypted, or nobody listens."
  }

  assert {
    condition     = [for row in jsondecode(aws_cloudwatch_dashboard.this["operations"].dashboard_body).widgets : row.properties.metrics[2][0].expression if try(startswith(row.properties.title, "Shards in use"), false)] == ["100 * bytes / PERIOD(bytes) / 2097152"]
    error_message = "Shards are not measured by what two of them take."
  }
}

run "little" {
  command = plan

  variables {
    functions        = { api = { name = "endcap-test-api", log_group = "/aws/lambda/endcap-test-api" } }
    http_api         = null
    rest_api         = null
    delivery_streams = {}
    state_machines   = {}
    queues           = {}
    endpoint         = null
    alarm_email      = ""
    composite_alarms = false
    saved_queries    = false
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "insert-error") && contains(keys(aws_cloudwatch_metric_alarm.this), "api-errors") && length(aws_cloudwatch_metric_alarm.no_night) == 0
    error_message = "What is not there has an alarm."
  }

  assert {
    condition     = length(aws_cloudwatch_composite_alarm.this) == 0 && length(aws_cloudwatch_query_definition.this) == 0 && length(aws_sns_topic_subscription.email) == 0
    error_message = "What was not asked for is made."
  }

  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this["operations"].dashboard_body).widgets : widget if try(widget.properties.markdown, "") == "## Endpoint"]) == 0
    error_message = "A section of nothing is shown."
  }
}

run "wrong_numbers" {
  command = plan

  variables {
    error_percent        = 0
    latency_ms           = 1
    fallback_percent     = 0
    model_age_hours      = 0
    freshness_hours      = 0
    drift                = 0
    iterator_age_minutes = 720
    tables               = {}
  }

  expect_failures = [
    var.error_percent, var.latency_ms, var.fallback_percent, var.model_age_hours, var.freshness_hours, var.drift, var.iterator_age_minutes, var.tables,
  ]
}

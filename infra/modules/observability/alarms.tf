# Each alarm: what it means (docs/aws.md says what to do), its metrics as [namespace, name, dimensions,
# statistic, seconds], and of these an expression, where it is not the one metric itself.

locals {
  few = 20 # calls in five minutes below which a share says nothing

  of = { for logical, function in var.functions : logical => { (local.dimension) = function.name } }

  # Answers
  serving_alarms = merge(
    {
      for logical, function in local.answering : "${lower(logical)}-errors" => {
        about      = "More than ${var.error_percent} % of the calls of ${logical} fail"
        metrics    = { errors = ["AWS/Lambda", "Errors", { FunctionName = function.name }, "Sum", 300], calls = ["AWS/Lambda", "Invocations", { FunctionName = function.name }, "Sum", 300] }
        expression = "IF(calls >= ${local.few}, 100 * errors / calls, 0)"
        above      = var.error_percent
        periods    = [3, 2]
      }
    },
    {
      for logical, function in local.answering : "${lower(logical)}-slow" => {
        about      = "One in a hundred calls of ${logical} takes longer than ${var.latency_ms} ms"
        metrics    = { duration = ["AWS/Lambda", "Duration", { FunctionName = function.name }, "p99", 300] }
        expression = ""
        above      = var.latency_ms
        periods    = [3, 3]
      }
    },
    {
      for logical, function in local.answering : "${lower(logical)}-throttled" => {
        about      = "Calls of ${logical} were refused: too many at once for the function or the account"
        metrics    = { refused = ["AWS/Lambda", "Throttles", { FunctionName = function.name }, "Sum", 300] }
        expression = ""
        above      = 0
        periods    = [3, 2]
      }
    },
    {
      for api in var.http_api[*] : "http-errors" => {
        about      = "More than ${var.error_percent} % of the HTTP API's answers are 5xx"
        metrics    = { errors = ["AWS/ApiGateway", "5xx", { ApiId = api.id, Stage = api.stage }, "Sum", 300], calls = ["AWS/ApiGateway", "Count", { ApiId = api.id, Stage = api.stage }, "Sum", 300] }
        expression = "IF(calls >= ${local.few}, 100 * errors / calls, 0)"
        above      = var.error_percent
        periods    = [3, 2]
      }
    },
    {
      for api in var.http_api[*] : "http-slow" => {
        about      = "One in a hundred answers of the HTTP API takes longer than ${var.latency_ms} ms"
        metrics    = { latency = ["AWS/ApiGateway", "Latency", { ApiId = api.id, Stage = api.stage }, "p99", 300] }
        expression = ""
        above      = var.latency_ms
        periods    = [3, 3]
      }
    },
    {
      for api in var.rest_api[*] : "rest-errors" => {
        about      = "More than ${var.error_percent} % of the REST API's answers are 5xx"
        metrics    = { errors = ["AWS/ApiGateway", "5XXError", { ApiName = api.name, Stage = api.stage }, "Sum", 300], calls = ["AWS/ApiGateway", "Count", { ApiName = api.name, Stage = api.stage }, "Sum", 300] }
        expression = "IF(calls >= ${local.few}, 100 * errors / calls, 0)"
        above      = var.error_percent
        periods    = [3, 2]
      }
    },
    {
      for api in var.rest_api[*] : "rest-slow" => {
        about      = "One in a hundred answers of the REST API takes longer than ${var.latency_ms} ms"
        metrics    = { latency = ["AWS/ApiGateway", "Latency", { ApiName = api.name, Stage = api.stage }, "p99", 300] }
        expression = ""
        above      = var.latency_ms
        periods    = [3, 3]
      }
    },
    {
      for endpoint in var.endpoint[*] : "endpoint-errors" => {
        about      = "The endpoint of SageMaker fails"
        metrics    = { errors = ["AWS/SageMaker", "Invocation5XXErrors", { EndpointName = endpoint.name, VariantName = endpoint.variant }, "Sum", 60] }
        expression = ""
        above      = 0
        periods    = [3, 2]
      }
    },
  )

  # What answers are made of
  quality_alarms = merge(
    {
      for logical in ["RecordPreference"] : "insert-error" => {
        about      = "A customer's preference could not be stored (InsertError)"
        metrics    = { lost = [local.ours, "InsertError", local.of[logical], "Sum", 60] }
        expression = ""
        above      = 0
        periods    = [1, 1]
      } if contains(keys(var.functions), logical)
    },
    {
      for logical in ["api", "Submit"] : "${lower(logical)}-falls-back" => {
        about      = "More than ${var.fallback_percent} stages were done without in a hundred answers of ${logical}"
        metrics    = { without = [local.ours, "fallbacks_total", local.of[logical], "Sum", 300], calls = ["AWS/Lambda", "Invocations", { FunctionName = var.functions[logical].name }, "Sum", 300] }
        expression = "IF(calls >= ${local.few}, 100 * FILL(without, 0) / calls, 0)"
        above      = var.fallback_percent
        periods    = [3, 2]
      } if contains(keys(var.functions), logical)
    },
    {
      for logical in ["api", "Submit"] : "${lower(logical)}-model-stale" => {
        about      = "The model that ${logical} answers with is older than ${var.model_age_hours} hours"
        metrics    = { age = [local.ours, "model_age_seconds", local.of[logical], "Minimum", 3600] }
        expression = ""
        above      = var.model_age_hours * 3600
        periods    = [1, 1]
      } if contains(keys(var.functions), logical)
    },
    {
      for logical in ["api", "Submit"] : "${lower(logical)}-not-fresh" => {
        about      = "The newest event that ${logical} has a snapshot of is older than ${var.freshness_hours} hours"
        metrics    = { age = [local.ours, "newest_event_age_seconds", local.of[logical], "Minimum", 3600] }
        expression = ""
        above      = var.freshness_hours * 3600
        periods    = [1, 1]
      } if contains(keys(var.functions), logical)
    },
    {
      for logical in ["Nightly"] : "drift" => {
        about      = "What shoppers choose has moved away from what the model learnt from"
        metrics    = { moved = [local.ours, "drift", local.of[logical], "Maximum", 86400] }
        expression = ""
        above      = var.drift
        periods    = [1, 1]
      } if contains(keys(var.functions), logical)
    },
  )

  # What comes in, and what is made of it at night
  data_alarms = merge(
    {
      for logical in ["Stream"] : "iterator-age" => {
        about      = "Records of the stream wait longer than ${var.iterator_age_minutes} minutes for their function"
        metrics    = { age = ["AWS/Lambda", "IteratorAge", { FunctionName = var.functions[logical].name }, "Maximum", 60] }
        expression = ""
        above      = var.iterator_age_minutes * 60000
        periods    = [5, 5]
      } if contains(keys(var.functions), logical)
    },
    {
      for logical in ["Stream"] : "records-set-aside" => {
        about      = "Records of the stream could never be kept and were set aside"
        metrics    = { aside = [local.ours, "recordsSetAside", local.of[logical], "Sum", 300] }
        expression = ""
        above      = 0
        periods    = [1, 1]
      } if contains(keys(var.functions), logical)
    },
    {
      "stream-full" = {
        about      = "The stream refuses records: too many for its shards"
        metrics    = { refused = ["AWS/Kinesis", "WriteProvisionedThroughputExceeded", { StreamName = var.stream.name }, "Sum", 60] }
        expression = ""
        above      = 0
        periods    = [5, 3]
      }
    },
    {
      for logical, name in var.delivery_streams : "${logical}-delivery-late" => {
        about      = "The oldest record that Firehose (${logical}) has not delivered is older than half an hour"
        metrics    = { age = ["AWS/Firehose", "DeliveryToS3.DataFreshness", { DeliveryStreamName = name }, "Maximum", 300] }
        expression = ""
        above      = 1800
        periods    = [3, 3]
      }
    },
    {
      "tables-throttled" = {
        about = "DynamoDB refuses reads or writes"
        metrics = merge([
          for n, held in ["documents", "changes", "events", "CustomerInterest"] : {
            "r${n}" = ["AWS/DynamoDB", "ReadThrottleEvents", { TableName = var.tables[held].name }, "Sum", 300]
            "w${n}" = ["AWS/DynamoDB", "WriteThrottleEvents", { TableName = var.tables[held].name }, "Sum", 300]
          }
        ]...)
        expression = "SUM(FILL(METRICS(), 0))"
        above      = 0
        periods    = [3, 2]
      }
    },
    {
      for logical, machine in var.state_machines : "${logical}-failed" => {
        about = "A run of the state machine ${logical} failed, took too long or was stopped"
        metrics = {
          failed  = ["AWS/States", "ExecutionsFailed", { StateMachineArn = machine.arn }, "Sum", 300]
          late    = ["AWS/States", "ExecutionsTimedOut", { StateMachineArn = machine.arn }, "Sum", 300]
          stopped = ["AWS/States", "ExecutionsAborted", { StateMachineArn = machine.arn }, "Sum", 300]
        }
        expression = "SUM(FILL(METRICS(), 0))"
        above      = 0
        periods    = [1, 1]
      }
    },
    {
      for logical, name in var.queues : "${logical}-given-up" => {
        about      = "Something was given up and lies in the queue of ${logical}"
        metrics    = { kept = ["AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = name }, "Maximum", 300] }
        expression = ""
        above      = 0
        periods    = [1, 1]
      }
    },
    {
      for logical, function in var.functions : "${lower(logical)}-timeouts" => {
        about      = "Calls of ${logical} were cut off at their time limit"
        metrics    = { cut = [local.logged, "${function.name}-timeouts", {}, "Sum", 300] }
        expression = ""
        above      = 0
        periods    = [3, 2]
      }
    },
  )

  alarms = merge(local.serving_alarms, local.quality_alarms, local.data_alarms)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.about
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  evaluation_periods  = each.value.periods[0]
  datapoints_to_alarm = each.value.periods[1]
  treat_missing_data  = "notBreaching" # no traffic, or nothing to tell
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id          = metric_query.key
      return_data = each.value.expression == ""

      metric {
        namespace   = metric_query.value[0]
        metric_name = metric_query.value[1]
        dimensions  = metric_query.value[2]
        stat        = metric_query.value[3]
        period      = metric_query.value[4]
      }
    }
  }

  dynamic "metric_query" {
    for_each = each.value.expression == "" ? [] : [each.value.expression]

    content {
      id          = "told"
      expression  = metric_query.value
      label       = each.value.about
      return_data = true
    }
  }
}

# A day without a night that went well. Nothing told is the worst of it.
resource "aws_cloudwatch_metric_alarm" "no_night" {
  for_each = { for logical, machine in var.state_machines : logical => machine if logical == var.daily_machine }

  alarm_name          = "${var.name}-${each.key}-missing"
  alarm_description   = "No run of the state machine ${each.key} went well for a day"
  namespace           = "AWS/States"
  metric_name         = "ExecutionsSucceeded"
  dimensions          = { StateMachineArn = each.value.arn }
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

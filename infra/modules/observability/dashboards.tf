# Dashboards as sections of widgets, three in a row, each 8 wide and 6 high. A metric is a row of
# CloudWatch's own notation: namespace, name, dimension, value …, options.

locals {
  width  = 8
  height = 6
  shards = var.stream.shards == 0 ? 4 : var.stream.shards

  fn    = { for logical, function in var.functions : logical => function.name }
  names = sort(keys(local.fn))
  lambda = {
    for metric in ["Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions"] : metric => [
      for logical in local.names : ["AWS/Lambda", metric, "FunctionName", local.fn[logical], { label = logical }]
    ]
  }
  # A metric of ours, of each function that is there and tells it.
  told = {
    for metric, tellers in {
      ColdStart                = local.names
      InsertError              = ["RecordPreference", "api"]
      InsertSuccess            = ["RecordPreference", "api"]
      answers_total            = ["api", "Submit", "Firehose"]
      campaign_calls_total     = ["api"]
      dependency_retries_total = local.names
      drift                    = ["Nightly"]
      failures                 = ["NotifyCompletion"]
      fallbacks_total          = ["api", "Submit", "Firehose"]
      load_failures_total      = ["api", "Submit", "Firehose"]
      model_age_seconds        = ["api", "Submit"]
      newest_event_age_seconds = ["api", "Submit"]
      promoted                 = ["Nightly"]
      ranker_calls_total       = ["api", "Submit"]
      recordsAgain             = ["Stream"]
      recordsErased            = ["Stream"]
      recordsKept              = ["Stream"]
      recordsSetAside          = ["Stream"]
      refusals_total           = ["api"]
      refused                  = ["Nightly"]
      requests_total           = ["api", "Submit", "RecordPreference"]
      runs                     = ["NotifyCompletion"]
      snapshot_age_seconds     = ["api", "Submit"]
      stored                   = ["StoreToDynamoDB", "Nightly"]
      submissions_total        = ["api", "Submit"]
      usersBad                 = ["ImportUsersFromS3"]
      usersWritten             = ["ImportUsersFromS3"]
      } : metric => [
      for logical in tellers : [local.ours, metric, local.dimension, local.fn[logical], { label = "${logical}: ${metric}" }] if contains(local.names, logical)
    ]
  }
  # The same as numbers for an expression, which alone is drawn.
  hidden = {
    for metric, rows in local.told : metric => [
      for n, row in rows : concat(slice(row, 0, 4), [{ id = "${lower(replace(metric, "_", ""))}${n}", visible = false, stat = "Sum" }])
    ]
  }

  http  = [for api in var.http_api[*] : ["ApiId", api.id, "Stage", api.stage]]
  rest  = [for api in var.rest_api[*] : ["ApiName", api.name, "Stage", api.stage]]
  model = [for endpoint in var.endpoint[*] : ["EndpointName", endpoint.name, "VariantName", endpoint.variant]]
  flow  = ["StreamName", var.stream.name]
  held  = sort(keys(var.tables))

  operations = [
    {
      title = "Gateways"
      widgets = concat(
        [for at in local.http : { title = "HTTP API: latency, ms", stat = "p50", metrics = [for stat in ["p50", "p95", "p99"] : concat(["AWS/ApiGateway", "Latency"], at, [{ stat = stat, label = stat }])] }],
        [for at in local.http : { title = "HTTP API: requests, 4xx, 5xx", stat = "Sum", metrics = [for metric in ["Count", "4xx", "5xx"] : concat(["AWS/ApiGateway", metric], at)] }],
        [for at in local.rest : { title = "REST API: latency, ms", stat = "p50", metrics = [for stat in ["p50", "p95", "p99"] : concat(["AWS/ApiGateway", "Latency"], at, [{ stat = stat, label = stat }])] }],
        [for at in local.rest : { title = "REST API: requests, 4xx, 5xx", stat = "Sum", metrics = [for metric in ["Count", "4XXError", "5XXError"] : concat(["AWS/ApiGateway", metric], at)] }],
      )
    },
    {
      title = "Functions"
      widgets = [
        { title = "Invocations", stat = "Sum", metrics = local.lambda["Invocations"] },
        { title = "Errors and refused for too many at once", stat = "Sum", metrics = concat(local.lambda["Errors"], [for row in local.lambda["Throttles"] : concat(slice(row, 0, 4), [{ label = "${row[4].label}: throttled" }])]) },
        { title = "Duration p99, ms", stat = "p99", metrics = local.lambda["Duration"] },
        { title = "Duration of what answers: p50, p95", stat = "p95", metrics = flatten([for logical in sort(keys(local.answering)) : [for stat in ["p50", "p95"] : { row = ["AWS/Lambda", "Duration", "FunctionName", local.fn[logical], { label = "${logical} ${stat}", stat = stat }] }]])[*].row },
        { title = "At once", stat = "Maximum", metrics = local.lambda["ConcurrentExecutions"] },
        { title = "Cold starts", stat = "Sum", metrics = local.told["ColdStart"] },
        { title = "Cut off at the time limit", stat = "Sum", metrics = [for logical in local.names : [local.logged, "${local.fn[logical]}-timeouts", { label = logical }]] },
        { title = "Calls of stores tried again", stat = "Sum", metrics = local.told["dependency_retries_total"] },
      ]
    },
    {
      title = "Answers"
      widgets = [
        { title = "Stages done without, in % of answers", stat = "Sum", metrics = concat(local.hidden["fallbacks_total"], local.hidden["answers_total"], [[{ expression = "100 * SUM(FILL(METRICS(\"fallbackstotal\"), 0)) / SUM(METRICS(\"answerstotal\"))", label = "%", id = "share" }]]) },
        { title = "Age of the model, hours", stat = "Maximum", metrics = concat([for n, row in local.told["model_age_seconds"] : concat(slice(row, 0, 4), [{ id = "m${n}", visible = false }])], [for n, row in local.told["model_age_seconds"] : [{ expression = "m${n} / 3600", label = row[4].label, id = "h${n}" }]]) },
        { title = "Freshness: age of snapshot and newest event, s", stat = "Minimum", metrics = concat(local.told["snapshot_age_seconds"], local.told["newest_event_age_seconds"]) },
        { title = "Preferences stored, in %", stat = "Sum", metrics = concat(local.hidden["InsertSuccess"], local.hidden["InsertError"], [[{ expression = "100 * SUM(FILL(METRICS(\"insertsuccess\"), 0)) / (SUM(FILL(METRICS(\"insertsuccess\"), 0)) + SUM(FILL(METRICS(\"inserterror\"), 0)))", label = "%", id = "share" }]]) },
        { title = "Models and snapshots that could not be loaded", stat = "Sum", metrics = local.told["load_failures_total"] },
        { title = "Questions to the ranker's endpoint and to Personalize", stat = "Sum", metrics = concat(local.told["ranker_calls_total"], local.told["campaign_calls_total"]) },
        { title = "Refused", stat = "Sum", metrics = local.told["refusals_total"] },
        { title = "Drift of what shoppers choose", stat = "Maximum", metrics = local.told["drift"] },
      ]
    },
    {
      title = "Streams"
      widgets = concat(
        [
          { title = "Records wait, ms", stat = "Maximum", metrics = concat([for logical in ["Stream"] : ["AWS/Lambda", "IteratorAge", "FunctionName", local.fn[logical], { label = logical }] if contains(local.names, logical)], [concat(["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"], local.flow, [{ label = "slowest reader" }])]) },
          {
            title = "Shards in use, in % of what ${local.shards} take", stat = "Sum", metrics = [
              concat(["AWS/Kinesis", "IncomingBytes"], local.flow, [{ id = "bytes", visible = false }]),
              concat(["AWS/Kinesis", "IncomingRecords"], local.flow, [{ id = "records", visible = false }]),
              [{ expression = "100 * bytes / PERIOD(bytes) / ${local.shards * 1048576}", label = "bytes", id = "b" }],
              [{ expression = "100 * records / PERIOD(records) / ${local.shards * 1000}", label = "records", id = "r" }],
            ]
          },
          { title = "Refused by the stream", stat = "Sum", metrics = [for metric in ["WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded"] : concat(["AWS/Kinesis", metric], local.flow)] },
          { title = "Records kept, again, set aside", stat = "Sum", metrics = concat(local.told["recordsKept"], local.told["recordsAgain"], local.told["recordsSetAside"], local.told["recordsErased"]) },
        ],
        [
          for rows in [[for logical in sort(keys(var.delivery_streams)) : ["AWS/Firehose", "DeliveryToS3.DataFreshness", "DeliveryStreamName", var.delivery_streams[logical], { label = logical }]]] :
          { title = "Firehose: oldest record not delivered, s", stat = "Maximum", metrics = rows } if length(rows) > 0
        ],
      )
    },
    {
      title = "Endpoint"
      widgets = concat(
        [for at in local.model : { title = "CPU and memory, %", stat = "Average", metrics = [for metric in ["CPUUtilization", "MemoryUtilization"] : concat(["/aws/sagemaker/Endpoints", metric], at)] }],
        [for at in local.model : { title = "Calls, and calls for each instance", stat = "Sum", metrics = [for metric in ["Invocations", "InvocationsPerInstance"] : concat(["AWS/SageMaker", metric], at)] }],
        [for at in local.model : { title = "Latency p99, µs", stat = "p99", metrics = [for metric in ["ModelLatency", "OverheadLatency"] : concat(["AWS/SageMaker", metric], at)] }],
        [for at in local.model : { title = "Errors", stat = "Sum", metrics = [for metric in ["Invocation4XXErrors", "Invocation5XXErrors"] : concat(["AWS/SageMaker", metric], at)] }],
      )
    },
    {
      title = "Pipelines"
      widgets = concat(
        [
          for logical in sort(keys(var.state_machines)) : {
            title   = "${logical}: how runs ended", stat = "Sum",
            metrics = [for metric in ["ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"] : ["AWS/States", metric, "StateMachineArn", var.state_machines[logical].arn]]
          }
        ],
        [
          for rows in [[for logical in sort(keys(var.state_machines)) : ["AWS/States", "ExecutionTime", "StateMachineArn", var.state_machines[logical].arn, { label = logical }]]] :
          { title = "Time of a run, ms", stat = "Maximum", metrics = rows } if length(rows) > 0
        ],
        [
          for rows in [[for logical in sort(keys(var.queues)) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queues[logical], { label = logical }]]] :
          { title = "Given up", stat = "Maximum", metrics = rows } if length(rows) > 0
        ],
      )
    },
    {
      title = "Tables"
      widgets = [
        { title = "Reads refused", stat = "Sum", metrics = [for held in local.held : ["AWS/DynamoDB", "ReadThrottleEvents", "TableName", var.tables[held].name, { label = held }]] },
        { title = "Writes refused", stat = "Sum", metrics = [for held in local.held : ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", var.tables[held].name, { label = held }]] },
        { title = "Units written", stat = "Sum", metrics = [for held in local.held : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", var.tables[held].name, { label = held }]] },
      ]
    },
  ]

  business = [
    {
      title = "Shoppers"
      widgets = [
        { title = "Lists answered", stat = "Sum", metrics = local.told["answers_total"] },
        { title = "Events that came in", stat = "Sum", metrics = concat([concat(["AWS/Kinesis", "IncomingRecords"], local.flow, [{ label = "all records" }])], local.told["recordsKept"]) },
        { title = "Submissions answered", stat = "Sum", metrics = local.told["submissions_total"] },
        { title = "Requests", stat = "Sum", metrics = local.told["requests_total"] },
        { title = "Preferences stored", stat = "Sum", metrics = local.told["InsertSuccess"] },
      ]
    },
    {
      title = "Nights"
      widgets = [
        { title = "Recommendations stored", stat = "Sum", metrics = local.told["stored"] },
        { title = "Models: promoted and refused", stat = "Sum", metrics = concat(local.told["promoted"], local.told["refused"]) },
        { title = "Runs and failures", stat = "Sum", metrics = concat(local.told["runs"], local.told["failures"]) },
        { title = "Users imported, and bad records", stat = "Sum", metrics = concat(local.told["usersWritten"], local.told["usersBad"]) },
      ]
    },
  ]
}

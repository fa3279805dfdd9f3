# Who is told of an alarm, what AWS does not count by itself, and queries of the logs.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # As entrypoints/lambdas/observed.py writes them.
  ours      = "Endcap"
  dimension = "function"
  logged    = "Endcap/Logs" # what metric filters count

  # Those that somebody waits for.
  answering = { for logical, function in var.functions : logical => function if contains(["api", "Submit", "RecordPreference"], logical) }
}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "EncryptedOnTheWay"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["sns:Publish"]
        Resource  = [aws_sns_topic.alarms.arn]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OurAlarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = ["sns:Publish"]
        Resource  = [aws_sns_topic.alarms.arn]
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          # Alarms of this prefix: their names are not known to the topic.
          ArnLike = { "aws:SourceArn" = "arn:${local.partition}:cloudwatch:${local.region}:${local.account}:alarm:${var.name}-*" }
        }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

# AWS counts a call that was cut off among errors: only the log says that it took too long.
resource "aws_cloudwatch_log_metric_filter" "timeouts" {
  for_each = var.functions

  name           = "${each.value.name}-timeouts"
  log_group_name = each.value.log_group
  pattern        = "\"Task timed out after\""

  metric_transformation {
    namespace = local.logged
    name      = "${each.value.name}-timeouts"
    value     = "1"
    unit      = "Count"
  }
}

locals {
  queries = {
    errors               = <<-EOT
      fields @timestamp, service, kind, code, field, where.0, function_request_id
      | filter level = "ERROR"
      | sort @timestamp desc
      | limit 200
    EOT
    "answered-with-less" = <<-EOT
      filter message = "answered with less"
      | stats count(*) as answers by stage, coalesce(code, kind) as reason, bin(15m)
      | sort answers desc
    EOT
    "cold-starts"        = <<-EOT
      filter @type = "REPORT" and ispresent(@initDuration)
      | stats count(*) as starts, avg(@initDuration) as mean_ms, max(@initDuration) as most_ms, max(@maxMemoryUsed / 1000 / 1000) as most_mb by @log
    EOT
    "slowest-calls"      = <<-EOT
      filter @type = "REPORT"
      | fields @timestamp, @requestId, @duration, @billedDuration, @maxMemoryUsed, @log
      | sort @duration desc
      | limit 50
    EOT
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = var.saved_queries ? local.queries : {}

  name            = "${var.name}/${each.key}"
  log_group_names = sort([for function in var.functions : function.log_group])
  query_string    = each.value
}

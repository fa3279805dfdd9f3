# The alarms summed up, so that one message comes of one trouble.

locals {
  groups = {
    availability = keys(local.serving_alarms)
    quality      = keys(local.quality_alarms)
    data         = keys(local.data_alarms)
  }
  told_once = var.composite_alarms ? { for group, members in local.groups : group => members if length(members) > 0 } : {}
}

resource "aws_cloudwatch_composite_alarm" "this" {
  for_each = local.told_once

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "At least one alarm of ${each.key} rings"
  alarm_rule        = join(" OR ", [for member in each.value : "ALARM(\"${aws_cloudwatch_metric_alarm.this[member].alarm_name}\")"])
  alarm_actions     = [aws_sns_topic.alarms.arn]
  ok_actions        = [aws_sns_topic.alarms.arn]
}

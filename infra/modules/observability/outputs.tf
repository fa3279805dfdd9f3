output "dashboard_names" {
  description = "Names of the dashboards: operations, business."
  value       = [for dashboard in aws_cloudwatch_dashboard.this : dashboard.dashboard_name]
}

output "alarm_names" {
  description = "Names of the alarms, without those that sum up others."
  value = concat(
    [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.no_night : alarm.alarm_name],
  )
}

output "alarm_topic_arn" {
  description = "ARN of the topic that alarms go to."
  value       = aws_sns_topic.alarms.arn
}

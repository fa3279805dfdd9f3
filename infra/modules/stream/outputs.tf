output "stream" {
  description = "Name and ARN of the stream of events: ENDCAP_STREAM is kinesis://NAME."
  value       = { name = aws_kinesis_stream.events.name, arn = aws_kinesis_stream.events.arn }
}

output "delivery_stream" {
  description = "Name and ARN of the delivery stream that puts its records into the lake's bucket."
  value       = { name = aws_kinesis_firehose_delivery_stream.raw.name, arn = aws_kinesis_firehose_delivery_stream.raw.arn }
}

output "log_group" {
  description = "Name of the log of deliveries."
  value       = aws_cloudwatch_log_group.deliveries.name
}

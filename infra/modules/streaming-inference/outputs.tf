output "delivery_stream" {
  description = "The delivery stream."
  value = {
    name = aws_kinesis_firehose_delivery_stream.this.name
    arn  = aws_kinesis_firehose_delivery_stream.this.arn
  }
}

output "function" {
  description = "The function that answers: name, arn, alias_arn, role_arn, role_name, log_group."
  value       = local.function
}

output "answers_url" {
  description = "Where the answers lie, by day of arrival."
  value       = "s3://${var.lake_bucket.name}/${local.folder}/recommendations"
}

output "failures_url" {
  description = "Where records lie that had no answer, as they came: one object holds those of one kind of error."
  value       = "s3://${var.lake_bucket.name}/${local.folder}/failed"
}

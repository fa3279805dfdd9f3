output "buckets" {
  description = "Name and ARN of each bucket: lake, artifacts, users, runs, failures, logs."
  value       = { for logical, bucket in aws_s3_bucket.this : logical => { name = bucket.bucket, arn = bucket.arn } }
}

output "lake_url" {
  description = "ENDCAP_LAKE."
  value       = "s3://${aws_s3_bucket.this["lake"].bucket}/${var.lake_prefix}"
}

output "artifacts_url" {
  description = "ENDCAP_ARTIFACTS."
  value       = "s3://${aws_s3_bucket.this["artifacts"].bucket}/${var.lake_prefix}"
}

output "glue_database" {
  description = "Name of the database of the Glue catalogue."
  value       = aws_glue_catalog_database.this.name
}

output "glue_security_configuration" {
  description = "How crawlers and jobs of Glue encrypt what they write and log."
  value       = aws_glue_security_configuration.this.name
}

output "crawler_name" {
  description = "The crawler to start when the ETL has made tables."
  value       = aws_glue_crawler.tables.name
}

output "athena_workgroup" {
  description = "The workgroup of Athena in which the tables are queried."
  value       = aws_athena_workgroup.this.name
}

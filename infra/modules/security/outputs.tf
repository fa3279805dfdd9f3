output "kms_key_arn" {
  description = "The key with which everything is encrypted."
  value       = aws_kms_key.this.arn
}

output "kms_key_id" {
  description = "The id of that key."
  value       = aws_kms_key.this.key_id
}

output "trail_bucket" {
  description = "The bucket of the record of calls; null without cloudtrail."
  value       = var.cloudtrail ? aws_s3_bucket.trail[0].bucket : null
}

output "url" {
  description = "Where the page is."
  value       = "https://${try(var.aliases[0], aws_cloudfront_distribution.page.domain_name)}/"
}

output "bucket" {
  description = "Name of the bucket that the page's files go into."
  value       = aws_s3_bucket.page.id
}

output "distribution_id" {
  description = "Id of the CloudFront distribution, whose copies are outdated after an upload."
  value       = aws_cloudfront_distribution.page.id
}

output "distribution_arn" {
  description = "ARN of the distribution."
  value       = aws_cloudfront_distribution.page.arn
}

output "config" {
  description = "What config.json of the page holds: infra/webapp.py writes it."
  value       = { api = var.api_base, credential = var.credential }
}

output "arn" {
  description = "ARN of the web ACL."
  value       = aws_wafv2_web_acl.this.arn
}

output "name" {
  description = "Its name: a dimension of its metrics."
  value       = aws_wafv2_web_acl.this.name
}

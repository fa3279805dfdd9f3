output "plan_role_arn" {
  description = "The role that reads, for pull requests: the repository's variable AWS_PLAN_ROLE_ARN."
  value       = aws_iam_role.this["plan"].arn
}

output "apply_role_arn" {
  description = "The role that applies: the variable AWS_APPLY_ROLE_ARN of the environment at GitHub."
  value       = aws_iam_role.this["apply"].arn
}

output "oidc_provider_arn" {
  description = "GitHub's OIDC provider, for the roles of a second environment in this account."
  value       = local.provider_arn
}

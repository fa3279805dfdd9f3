output "identifier" {
  description = "Name of the server, as alarms and dashboards take it."
  value       = aws_db_instance.this.identifier
}

output "host" {
  description = "Name that the server is reached by."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Port of the server."
  value       = aws_db_instance.this.port
}

output "database" {
  description = "Name of the database."
  value       = var.database
}

output "secret_arn" {
  description = "The secret of the master, which RDS makes and renews: for infra/bootstrap_databases.py alone."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "secret_arns" {
  description = "By account: its secret."
  value       = { for account, secret in aws_secretsmanager_secret.account : account => secret.arn }
}

output "resource_id" {
  description = "What a policy names the server by where somebody logs in by IAM."
  value       = aws_db_instance.this.resource_id
}

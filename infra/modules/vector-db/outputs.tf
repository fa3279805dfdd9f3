output "endpoint" {
  description = "Host and port of the server."
  value       = "${module.database.host}:${module.database.port}"
}

output "identifier" {
  description = "Name of the server, as alarms and dashboards take it."
  value       = module.database.identifier
}

output "database" {
  description = "Name of the database."
  value       = module.database.database
}

output "secret_arn" {
  description = "The secret of the master, which RDS makes and renews: for the bootstrap alone."
  value       = module.database.secret_arn
}

output "reader_secret_arn" {
  description = "The secret of the account that searches."
  value       = module.database.secret_arns[local.reader]
}

output "loader_secret_arn" {
  description = "The secret of the account that loads."
  value       = module.database.secret_arns[local.loader]
}

output "vectors" {
  description = "ENDCAP_VECTORS of whoever searches, as streaming-inference takes it."
  value       = "secret:${module.database.secret_arns[local.reader]}#url"
}

output "vectors_of_loader" {
  description = "ENDCAP_VECTORS of whoever runs `endcap vectors load`."
  value       = "secret:${module.database.secret_arns[local.loader]}#url"
}

output "url_without_password" {
  description = "The URL of the account that searches, without its password."
  value       = "postgresql://${local.reader}@${module.database.host}:${module.database.port}/${module.database.database}?${var.url_options}"
}

output "people_arn" {
  description = "What a policy names with rds-db:connect, so that a person may search by IAM log-in, without a password."
  value       = "arn:${data.aws_partition.this.partition}:rds-db:${data.aws_region.this.name}:${data.aws_caller_identity.this.account_id}:dbuser:${module.database.resource_id}/${local.people}"
}

output "bootstrap_command" {
  description = "What makes extension, schema, roles and accounts; run it from a host that carries the group of clients. Running it again changes nothing."
  value = join(" ", [
    "python infra/bootstrap_databases.py pgvector --host ${module.database.host} --port ${module.database.port}",
    "--database ${module.database.database} --options '${var.url_options}' --master-secret ${module.database.secret_arn}",
    "--reader-secret ${module.database.secret_arns[local.reader]} --loader-secret ${module.database.secret_arns[local.loader]}",
  ])
}

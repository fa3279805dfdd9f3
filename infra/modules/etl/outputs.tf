output "glue_job_name" {
  description = "The job, as the nightly state machine starts it."
  value       = aws_glue_job.etl.name
}

output "glue_job_arn" {
  description = "ARN of the job."
  value       = aws_glue_job.etl.arn
}

output "files" {
  description = "Where script and wheels lie."
  value       = { bucket = var.files_bucket.name, prefix = var.files_prefix }
}

output "tables_url" {
  description = "Where the tables lie: --output of the job."
  value       = "${local.shop}/tables"
}

output "mysql" {
  description = "The shop's database, where there is one: endpoint, URL without a password, the reader's secret, and what makes the reader."
  value = local.source == null ? null : {
    endpoint             = "${local.source.host}:${local.source.port}"
    database             = var.mysql_database
    url_without_password = "mysql://${local.reader}@${local.source.host}:${local.source.port}/${var.mysql_database}"
    reader_secret_arn    = local.source.reader
    password_setting     = "secret:${local.source.reader}#password" # a value of ENDCAP_DATABASE_PASSWORD
    bootstrap_command = join(" ", [
      "python infra/bootstrap_databases.py mysql --host ${local.source.host} --port ${local.source.port} --database ${var.mysql_database}",
      "--master-secret ${local.source.master} --reader-secret ${local.source.reader}",
    ])
  }
}

output "mysql_identifier" {
  description = "Name of the MySQL server, as alarms and dashboards take it; null where none was made."
  value       = one(module.mysql[*].identifier)
}

output "tables" {
  description = "Name and ARN of each table, by its name in infra/tables.json."
  value       = { for logical, table in aws_dynamodb_table.this : logical => { name = table.name, arn = table.arn } }
}

output "prefix" {
  description = "What goes before the names: ENDCAP_DOCUMENTS is dynamodb://PREFIX."
  value       = local.prefix
}

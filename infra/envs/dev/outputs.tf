# The same in every environment. What a phase makes is null or empty while that phase is off.

output "phases" {
  description = "The phases that stand."
  value       = module.endcap.phases
}

output "region" {
  description = "Region of AWS."
  value       = var.aws_region
}

output "name" {
  description = "Prefix of all names."
  value       = module.endcap.name
}

output "http_api_url" {
  description = "HTTP API, with its stage."
  value       = module.endcap.http_api_url
}

output "rest_api_url" {
  description = "REST API, with its stage."
  value       = module.endcap.rest_api_url
}

output "api_key_id" {
  description = "Id of the REST API's key; its value: aws apigateway get-api-key --include-value."
  value       = module.endcap.api_key_id
}

output "user_pool" {
  description = "Cognito: id, client_id, issuer."
  value       = module.endcap.user_pool
}

output "web_url" {
  description = "Where the page is."
  value       = module.endcap.web_url
}

output "web_bucket" {
  description = "Where the page's files go."
  value       = module.endcap.web_bucket
}

output "distribution_id" {
  description = "CloudFront's distribution before that bucket."
  value       = module.endcap.distribution_id
}

output "web_config" {
  description = "What config.json of the page holds."
  value       = module.endcap.web_config
}

output "buckets" {
  description = "Names of buckets: lake, artifacts, users, runs, failures, logs."
  value       = module.endcap.buckets
}

output "tables" {
  description = "Names of the tables of DynamoDB."
  value       = module.endcap.tables
}

output "stream" {
  description = "Name of the stream of events."
  value       = module.endcap.stream
}

output "functions" {
  description = "Names of the functions."
  value       = module.endcap.functions
}

output "state_machines" {
  description = "ARNs of the state machines nightly and users."
  value       = module.endcap.state_machines
}

output "topic_arn" {
  description = "Topic that the message of each run goes to."
  value       = module.endcap.topic_arn
}

output "glue_files" {
  description = "Bucket and prefix of the Glue job's files."
  value       = module.endcap.glue_files
}

output "repositories" {
  description = "URLs of the repositories of images: functions, training."
  value       = module.endcap.repositories
}

output "dashboards" {
  description = "Names of the dashboards."
  value       = module.endcap.dashboards
}

output "alarm_topic_arn" {
  description = "Topic that alarms go to."
  value       = module.endcap.alarm_topic_arn
}

output "databases" {
  description = "Of PostgreSQL: endpoint, database, URL without a password, and the secret that holds it."
  value       = module.endcap.databases
}

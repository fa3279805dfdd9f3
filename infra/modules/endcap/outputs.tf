output "phases" {
  description = "The phases that stand."
  value       = sort(var.phases)
}

output "name" {
  description = "Prefix of all names."
  value       = var.name
}

output "http_api_url" {
  description = "HTTP API, with its stage."
  value       = one(module.api[*].http_url)
}

output "rest_api_url" {
  description = "REST API, with its stage."
  value       = one(module.api[*].rest_url)
}

output "api_key_id" {
  description = "Id of the REST API's key."
  value       = one(module.api[*].api_key_id)
}

output "user_pool" {
  description = "Cognito: id, client_id, issuer."
  value       = one(module.api[*].user_pool)
}

output "web_url" {
  description = "Where the page is."
  value       = one(module.web[*].url)
}

output "web_bucket" {
  description = "Where the page's files go."
  value       = one(module.web[*].bucket)
}

output "distribution_id" {
  description = "CloudFront's distribution before that bucket."
  value       = one(module.web[*].distribution_id)
}

output "web_config" {
  description = "What config.json of the page holds."
  value       = one(module.web[*].config)
}

output "buckets" {
  description = "Names of buckets by what they hold."
  value       = { for logical, bucket in module.lake.buckets : logical => bucket.name }
}

output "tables" {
  description = "Names of tables by what they hold."
  value       = { for logical, table in module.store.tables : logical => table.name }
}

output "stream" {
  description = "Name of the stream of events."
  value       = module.stream.stream.name
}

output "functions" {
  description = "Names of the functions that stand, by name in infra/functions.json."
  value = {
    for logical, function in merge([for made in concat(
      module.pipeline_functions[*].functions, module.application_functions[*].functions
    ) : made]...) : logical => function.name
  }
}

output "state_machines" {
  description = "ARNs of the state machines by name, and as nightly and users those that schedule and new files begin."
  value = merge({}, [for made in module.pipeline : merge(
    { for machine, told in made.state_machines : machine => told.arn },
    { for pipeline, machine in made.begun : pipeline => made.state_machines[machine].arn if machine != null },
  )]...)
}

output "topic_arn" {
  description = "Topic that the message of each run goes to."
  value       = one(module.pipeline[*].topic_arn)
}

output "glue_files" {
  description = "Bucket and prefix of the Glue job's files."
  value       = one(module.etl[*].files)
}

output "repositories" {
  description = "URLs of the repositories of images."
  value       = module.training.repositories
}

output "dashboards" {
  description = "Names of the dashboards."
  value       = length(module.observability) == 0 ? [] : module.observability[0].dashboard_names
}

output "alarm_topic_arn" {
  description = "Topic that alarms go to."
  value       = one(module.observability[*].alarm_topic_arn)
}

output "databases" {
  description = "Of PostgreSQL: endpoint, database, URL without a password, and the secret that holds it."
  value = one([for made in module.vector_db : {
    endpoint   = made.endpoint
    database   = made.database
    url        = made.url_without_password
    secret_arn = made.secret_arn
  }])
}

module "pipeline" {
  source = "../pipeline"
  count  = local.on["pipeline"]

  name               = var.name
  kms_key_arn        = module.security.kms_key_arn
  machines           = var.machines
  functions          = { for name, function in module.pipeline_functions[0].functions : name => function.alias_arn }
  runs_bucket        = module.lake.buckets["runs"].name
  runs_prefix        = local.runs_prefix
  log_retention_days = var.log_retention_days
  emails             = var.alarm_email == "" ? [] : [var.alarm_email]

  # A night learns from what the stream brought, and from files that somebody puts there.
  schedule = {
    enabled      = var.nightly_schedule
    interactions = "s3://${module.lake.buckets["lake"].name}/${local.events_prefix}**/*.jsonl"
  }
  new_data = {
    nightly = { bucket = module.lake.buckets["lake"].name, prefix = local.nightly_prefix }
    users   = { bucket = module.lake.buckets["users"].name, prefix = local.users_prefix }
  }

  shop = {
    lake      = module.lake.lake_url
    documents = "dynamodb://${module.store.prefix}"
    artifacts = module.lake.artifacts_url
  }
  glue_job = one(module.etl[*].glue_job_name)
  training = module.training.job
}

# Only where it lies is in the state, nothing of what it holds. The rule of new files begins the run.
resource "aws_s3_object" "users" {
  count = var.users_file == "" ? 0 : 1

  bucket      = module.lake.buckets["users"].name
  key         = "${local.users_prefix}${basename(var.users_file)}"
  source      = var.users_file
  source_hash = filesha256(var.users_file)
  kms_key_id  = module.security.kms_key_arn

  depends_on = [module.pipeline]
}

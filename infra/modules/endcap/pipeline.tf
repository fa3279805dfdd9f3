module "pipeline" {
  source = "../pipeline"
  count  = local.on["pipeline"]

  name               = var.name
  kms_key_arn        = module.security.kms_key_arn
  functions          = { for name, function in module.pipeline_functions[0].functions : name => function.arn }
  nightly            = var.nightly
  runs_bucket        = module.lake.buckets["runs"].name
  runs_prefix        = local.runs_prefix
  users_bucket       = module.lake.buckets["users"].name
  users_prefix       = local.users_prefix
  nightly_bucket     = module.lake.buckets["lake"].name
  nightly_prefix     = local.nightly_prefix
  nightly_source     = "s3://${module.lake.buckets["lake"].name}/${trimsuffix(local.nightly_prefix, "/")}"
  log_retention_days = var.log_retention_days
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

resource "aws_sns_topic_subscription" "runs" {
  count = local.on["pipeline"] == 1 && var.alarm_email != "" ? 1 : 0

  topic_arn = module.pipeline[0].topic_arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

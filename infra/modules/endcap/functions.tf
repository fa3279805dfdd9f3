# What the functions are told and may name. Which may do what: infra/functions.json.

locals {
  # The pipeline is named by its outputs, one by one: its machines wait for the functions, which wait
  # for its topic.
  resources = {
    documents_table        = [module.store.tables["documents"].arn]
    changes_table          = [module.store.tables["changes"].arn]
    events_table           = [module.store.tables["events"].arn]
    interests_table        = [module.store.tables["CustomerInterest"].arn]
    users_table            = [module.store.tables["EcommerceUsers"].arn]
    stored_table           = [module.store.tables["storeRecommendations"].arn]
    catalog_table          = [module.store.tables["catalog"].arn]
    related_table          = [module.store.tables["related_items"].arn]
    product_features_table = [module.store.tables["product_features"].arn]
    user_features_table    = [module.store.tables["user_features"].arn]

    artifacts_bucket = [module.lake.buckets["artifacts"].arn]
    lake_bucket      = [module.lake.buckets["lake"].arn]
    users_bucket     = [module.lake.buckets["users"].arn]
    runs_bucket      = [module.lake.buckets["runs"].arn]
    failures_bucket  = [module.lake.buckets["failures"].arn]

    events_stream   = [module.stream.stream.arn]
    ranker_endpoint = var.sagemaker_endpoint ? [module.training.endpoint_arn] : []
    campaign        = var.personalize_campaign_arn == "" ? [] : [var.personalize_campaign_arn]
    control_machine = var.control_machine_arn == "" ? [] : [var.control_machine_arn]
    topic           = local.on["pipeline"] == 1 ? [module.pipeline[0].topic_arn] : []
    control_executions = (
      var.control_machine_arn == "" ? [] : ["${replace(var.control_machine_arn, ":stateMachine:", ":execution:")}:*"]
    )
    mail_identity = [] # runs are told by the topic

    map_runs = local.on["pipeline"] == 1 ? module.pipeline[0].map_run_arns : []
  }

  # Below which keys: a function of one part of a bucket has no business in the others.
  prefixes = {
    artifacts_bucket      = ["${local.shop_prefix}/*"]
    users_bucket          = ["${local.users_prefix}*"]
    runs_bucket           = ["${local.runs_prefix}/*"]
    "Nightly.lake_bucket" = ["${local.shop_prefix}/*"]
    "Stream.lake_bucket"  = ["${local.shop_prefix}/*/stream/*"]
  }

  # What a night imports stays as it came, until its time is over.
  read_prefixes = {
    "Nightly.lake_bucket" = ["${local.events_prefix}*", "${local.nightly_prefix}*"]
  }

  environment = merge(
    {
      ENDCAP_DOCUMENTS      = "dynamodb://${module.store.prefix}"
      ENDCAP_LOG            = "dynamodb"
      ENDCAP_LAKE           = module.lake.lake_url
      ENDCAP_ARTIFACTS      = module.lake.artifacts_url
      ENDCAP_STREAM         = "kinesis://${module.stream.stream.name}"
      CustomerInterestTable = module.store.tables["CustomerInterest"].name
    },
    var.personalize_campaign_arn == "" ? {} : { PERSONALIZE_CAMPAIGN_ARN = var.personalize_campaign_arn },
    var.functions_environment,
  )

  # Behind the gateways: they ask for keys and tokens.
  behind = merge(
    { ENDCAP_AUTH = "gateway", ENDCAP_DEADLINE_MS = "400" },
    var.control_machine_arn == "" ? {} : { ENDCAP_JOBS = "stepfunctions://control=${var.control_machine_arn}" },
    length(var.cors_allowed_origins) == 0 ? {} : { ENDCAP_CORS_ORIGINS = join(",", var.cors_allowed_origins) },
    var.sagemaker_endpoint ? { ENDCAP_RANKER = "sagemaker://${module.training.endpoint_name}" } : {},
  )

  told = {
    api               = local.behind
    Submit            = local.behind
    RecordPreference  = local.behind
    NotifyCompletion  = local.on["pipeline"] == 1 ? { ENDCAP_SENDER = "sns://${module.pipeline[0].topic_arn}" } : {}
    ImportUsersFromS3 = { RunsUrl = "s3://${module.lake.buckets["runs"].name}/${local.runs_prefix}" }
  }

  function_environment = {
    for name in setunion(keys(local.told), keys(var.function_environment)) :
    name => merge(lookup(local.told, name, {}), lookup(var.function_environment, name, {}))
  }
}

# The zip is uploaded once for all functions.
resource "aws_s3_object" "package" {
  count = var.functions_package != "" && max(local.on["pipeline"], local.on["application"], local.on["streaming-inference"]) == 1 ? 1 : 0

  bucket      = module.lake.buckets["artifacts"].name
  key         = "code/functions.zip"
  source      = var.functions_package
  source_hash = filemd5(var.functions_package)
  kms_key_id  = module.security.kms_key_arn
}

locals {
  package = one([for made in aws_s3_object.package : { bucket = made.bucket, key = made.key }])
}

module "pipeline_functions" {
  source = "../functions"
  count  = local.on["pipeline"]

  name        = var.name
  kms_key_arn = module.security.kms_key_arn
  only = [
    "ImportUsersFromS3", "MockRecommendations", "FetchRecommendations", "StoreToDynamoDB",
    "NotifyCompletion", "Nightly",
  ]
  package_file         = var.functions_package
  package_object       = local.package
  image_uri            = var.functions_image
  architecture         = var.architecture
  runtime              = var.runtime
  resources            = local.resources
  prefixes             = local.prefixes
  read_prefixes        = local.read_prefixes
  environment          = local.environment
  function_environment = local.function_environment
  log_retention_days   = var.log_retention_days
}

module "application_functions" {
  source = "../functions"
  count  = local.on["application"]

  name                 = var.name
  kms_key_arn          = module.security.kms_key_arn
  only                 = ["api", "Submit", "RecordPreference", "Stream"]
  package_file         = var.functions_package
  package_object       = local.package
  architecture         = var.architecture
  runtime              = var.runtime
  resources            = local.resources
  prefixes             = local.prefixes
  read_prefixes        = local.read_prefixes
  environment          = local.environment
  function_environment = local.function_environment
  log_retention_days   = var.log_retention_days
}

# The same in every environment: what differs stands in defaults.tf.

provider "aws" {
  region = var.aws_region

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"

  default_tags {
    tags = local.tags
  }
}

locals {
  environment = coalesce(var.environment, local.defaults.environment)

  tags = {
    project     = "endcap"
    environment = local.environment
    managed_by  = "terraform"
  }
}

module "endcap" {
  source = "../../modules/endcap"

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }

  name             = coalesce(var.name, "endcap-${local.environment}")
  phases           = var.phases
  machines         = var.machines
  nightly_schedule = var.nightly_schedule

  functions_package     = var.functions_package
  functions_image       = var.functions_image
  training_image        = var.training_image
  architecture          = var.architecture
  runtime               = var.runtime
  glue_package          = var.glue_package
  functions_environment = var.functions_environment
  function_environment  = var.function_environment

  deletion_protection = coalesce(var.deletion_protection, local.defaults.deletion_protection)
  log_retention_days  = coalesce(var.log_retention_days, local.defaults.log_retention_days)
  cloudtrail          = coalesce(var.cloudtrail, local.defaults.cloudtrail)
  waf                 = coalesce(var.waf, local.defaults.waf)
  composite_alarms    = coalesce(var.composite_alarms, local.defaults.composite_alarms)
  alarm_email         = var.alarm_email

  stream_shards        = var.stream_shards
  cidr                 = var.cidr
  mysql                = var.mysql
  etl_schedule         = var.etl_schedule
  multi_az             = coalesce(var.multi_az, local.defaults.multi_az)
  streaming_neighbours = var.streaming_neighbours

  sagemaker_instance_type  = var.sagemaker_instance_type
  training_spot            = var.training_spot
  sagemaker_endpoint       = var.sagemaker_endpoint
  model_name               = var.model_name
  model_url                = var.model_url
  personalize_campaign_arn = var.personalize_campaign_arn
  control_machine_arn      = var.control_machine_arn

  cors_allowed_origins = var.cors_allowed_origins
  web_aliases          = var.web_aliases
  web_certificate_arn  = var.web_certificate_arn
  web_response_headers = var.web_response_headers
  account_logging      = var.account_logging
  users_file           = var.users_file
}

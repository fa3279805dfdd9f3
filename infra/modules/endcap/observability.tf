# Looks at whatever stands, and so changes with the phases.

locals {
  # Keys are known before anything stands: alarms are made for each.
  standing = merge(concat(
    [for made in module.pipeline_functions : made.functions],
    [for made in module.application_functions : made.functions],
    [for made in module.streaming_inference : { Firehose = made.function }],
  )...)
  delivering = merge(
    { raw = module.stream.delivery_stream.name },
    { for made in module.streaming_inference : "answers" => made.delivery_stream.name },
  )
}

module "observability" {
  source = "../observability"
  count  = local.on["application"]

  name             = var.name
  kms_key_arn      = module.security.kms_key_arn
  alarm_email      = var.alarm_email
  composite_alarms = var.composite_alarms

  functions        = { for name, made in local.standing : name => { name = made.name, log_group = made.log_group } }
  http_api         = { id = module.api[0].http_api_id, stage = module.api[0].stages.http }
  rest_api         = { name = module.api[0].rest_api_name, stage = module.api[0].stages.rest }
  stream           = { name = module.stream.stream.name, shards = var.stream_shards }
  delivery_streams = local.delivering
  tables           = module.store.tables
  state_machines   = local.on["pipeline"] == 1 ? module.pipeline[0].state_machines : {}
  daily_machine    = local.on["pipeline"] == 1 && var.nightly_schedule ? module.pipeline[0].begun.nightly : ""
  queues           = local.on["pipeline"] == 1 ? { pipeline = module.pipeline[0].dead_letter_queue.name } : {}
  endpoint = !var.sagemaker_endpoint ? null : {
    name    = module.training.endpoint_name
    variant = module.training.endpoint_variant
  }
}

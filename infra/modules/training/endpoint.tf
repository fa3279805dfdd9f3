# One endpoint for other programs, and for functions and servers that do not rank by themselves.

locals {
  endpoints     = var.endpoint ? 1 : 0
  endpoint_name = "${var.name}-${var.model_name}"
  variant       = "all"
  instanced     = var.endpoint && var.serverless == null ? 1 : 0

  endpoint_log_group = "/aws/sagemaker/Endpoints/${local.endpoint_name}"

  # SageMaker changes neither models nor configurations: another one gets another name, and the
  # endpoint changes over before the one before goes.
  model_full_name = "${local.endpoint_name}-${substr(sha256("${var.training_image} ${var.model_url}"), 0, 10)}"
  configuration = substr(sha256(jsonencode([
    local.model_full_name, var.sagemaker_instance_type, var.instances.min, var.serverless, var.capture_percent, var.kms_key_arn,
  ])), 0, 10)

  # Disks that are part of the machine encrypt themselves, and SageMaker refuses a key for them.
  own_disk = can(regex("^ml\\.([a-z]+[0-9]+[a-z]*d[a-z]*|g5|g6e?|p4de?|p5e?n?|trn1n?|inf1)\\.", var.sagemaker_instance_type))
}

resource "aws_cloudwatch_log_group" "endpoint" {
  #checkov:skip=CKV_AWS_338:how long logs are kept is a variable; they hold no number and no id
  count = local.endpoints

  name              = local.endpoint_log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_sagemaker_model" "this" {
  #checkov:skip=CKV_AWS_370:serverless endpoints refuse network isolation; those with instances have it
  count = local.endpoints

  name               = local.model_full_name
  execution_role_arn = aws_iam_role.endpoint[0].arn
  # The container reads its archive and nothing else.
  enable_network_isolation = var.serverless == null

  primary_container {
    image          = var.training_image
    model_data_url = var.model_url
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_iam_role_policy.endpoint]
}

resource "aws_sagemaker_endpoint_configuration" "this" {
  #checkov:skip=CKV_AWS_98:the key is given wherever SageMaker takes one: not without instances, nor for disks that are part of the machine
  count = local.endpoints

  name        = "${local.endpoint_name}-${local.configuration}"
  kms_key_arn = var.serverless == null && !local.own_disk ? var.kms_key_arn : null

  production_variants {
    variant_name           = local.variant
    model_name             = aws_sagemaker_model.this[0].name
    instance_type          = var.serverless == null ? var.sagemaker_instance_type : null
    initial_instance_count = var.serverless == null ? var.instances.min : null
    initial_variant_weight = 1

    dynamic "serverless_config" {
      for_each = var.serverless == null ? [] : [var.serverless]

      content {
        memory_size_in_mb = serverless_config.value.memory_mb
        max_concurrency   = serverless_config.value.max_concurrency
      }
    }
  }

  dynamic "data_capture_config" {
    for_each = var.capture_percent > 0 ? [var.capture_percent] : []

    content {
      enable_capture              = true
      initial_sampling_percentage = data_capture_config.value
      destination_s3_uri          = "s3://${local.artifacts.name}/training/captured"
      kms_key_id                  = var.kms_key_arn

      capture_options {
        capture_mode = "Input"
      }
      capture_options {
        capture_mode = "Output"
      }
      capture_content_type_header {
        json_content_types = ["application/json"]
        csv_content_types  = ["text/csv"]
      }
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_sagemaker_endpoint" "this" {
  count = local.endpoints

  name                 = local.endpoint_name
  endpoint_config_name = aws_sagemaker_endpoint_configuration.this[0].name

  # A tenth of the calls goes to the new model first; ten minutes without an alarm, then the rest.
  dynamic "deployment_config" {
    for_each = length(var.rollback_alarms) > 0 ? [var.rollback_alarms] : []

    content {
      blue_green_update_policy {
        termination_wait_in_seconds = 300

        traffic_routing_configuration {
          type                     = "CANARY"
          wait_interval_in_seconds = 600

          canary_size {
            type  = "CAPACITY_PERCENT"
            value = 10
          }
        }
      }

      auto_rollback_configuration {
        dynamic "alarms" {
          for_each = deployment_config.value

          content {
            alarm_name = alarms.value
          }
        }
      }
    }
  }

  depends_on = [aws_cloudwatch_log_group.endpoint]
}

resource "aws_appautoscaling_target" "endpoint" {
  count = local.instanced

  service_namespace  = "sagemaker"
  resource_id        = "endpoint/${aws_sagemaker_endpoint.this[0].name}/variant/${local.variant}"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  min_capacity       = var.instances.min
  max_capacity       = var.instances.max
}

resource "aws_appautoscaling_policy" "endpoint" {
  count = local.instanced

  name               = "${local.endpoint_name}-invocations"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.endpoint[0].service_namespace
  resource_id        = aws_appautoscaling_target.endpoint[0].resource_id
  scalable_dimension = aws_appautoscaling_target.endpoint[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = var.invocations_per_instance
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantInvocationsPerInstance"
    }
  }
}

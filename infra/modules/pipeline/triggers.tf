# What begins runs by themselves, as triggers.json says: a schedule, and new files in buckets.

locals {
  triggers = jsondecode(templatefile("${local.folder}/triggers.json", {
    nightly_source       = var.schedule.source
    nightly_interactions = var.schedule.interactions
    nightly_bucket       = try(var.new_data.nightly.bucket, "")
    nightly_prefix       = try(var.new_data.nightly.prefix, "")
    users_bucket         = try(var.new_data.users.bucket, "")
    users_prefix         = try(var.new_data.users.prefix, "")
  }))

  # Of two machines of a pipeline the larger is begun.
  begun = {
    for pipeline, larger in { nightly = "nightly", users = "users-distributed" } : pipeline => one([
      for machine in [contains(var.machines, larger) ? larger : pipeline == "users" ? "users" : "nightly-small"] :
      machine if contains(var.machines, machine)
    ])
  }
  scheduled = { for machine in compact([local.begun.nightly]) : machine => local.triggers.nightly.schedule }
  new_files = {
    for pipeline, place in var.new_data : pipeline => local.triggers[pipeline].new_data
    if local.begun[pipeline] != null
  }

  # The rule of a bucket and the schedule start what they are for, and leave what cannot be started.
  starters = {
    for service, machines in {
      events    = [for pipeline in keys(local.new_files) : local.begun[pipeline]]
      scheduler = keys(local.scheduled)
    } : service => machines if length(machines) > 0
  }
  starter_sources = {
    events    = [for pipeline in keys(local.new_files) : format(local.services, "events", "rule/${var.name}-new-${pipeline}")]
    scheduler = [format(local.services, "scheduler", "schedule-group/${var.name}")]
  }
  starter_statements = {
    for service, machines in local.starters : service => concat(
      [
        {
          Sid      = "Start"
          Effect   = "Allow"
          Action   = ["states:StartExecution"]
          Resource = [for machine in machines : aws_sfn_state_machine.this[machine].arn]
        },
      ],
      [
        for statement in [
          {
            Sid      = "GivenUp"
            Effect   = "Allow"
            Action   = ["sqs:SendMessage"]
            Resource = [aws_sqs_queue.given_up.arn]
          },
          # Of the queue, and of the schedule itself, which is decrypted with this role.
          { Sid = "KeyToRead", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [var.kms_key_arn] },
          {
            Sid       = "KeyToWrite"
            Effect    = "Allow"
            Action    = ["kms:GenerateDataKey"]
            Resource  = [var.kms_key_arn]
            Condition = { StringEquals = { "kms:ViaService" = ["sqs.${local.region}.${local.dns}"] } }
          },
        ] : statement if service == "scheduler"
      ],
    )
  }
}

resource "aws_iam_role" "starter" {
  for_each = local.starters

  name        = "${var.name}-starts-by-${each.key}"
  description = "What EventBridge (${each.key}) may do to begin runs."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "${each.key}.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account, "aws:SourceArn" = local.starter_sources[each.key] }
      }
    }]
  })
}

resource "aws_iam_role_policy" "starter" {
  for_each = local.starters

  name = "rights"
  role = aws_iam_role.starter[each.key].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.starter_statements[each.key]
  })
}

resource "aws_scheduler_schedule_group" "this" {
  count = length(local.scheduled) > 0 ? 1 : 0

  name = var.name
}

resource "aws_scheduler_schedule" "nightly" {
  for_each = local.scheduled

  name                         = "${var.name}-${each.key}"
  description                  = "Begins the nightly run."
  group_name                   = aws_scheduler_schedule_group.this[0].name
  state                        = var.schedule.enabled ? "ENABLED" : "DISABLED"
  schedule_expression          = coalesce(var.schedule.expression, each.value.expression)
  schedule_expression_timezone = coalesce(var.schedule.timezone, each.value.timezone)
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.this[each.key].arn
    role_arn = aws_iam_role.starter["scheduler"].arn
    input    = jsonencode(each.value.input)

    retry_policy {
      maximum_event_age_in_seconds = 6 * 3600
      maximum_retry_attempts       = 20
    }

    dead_letter_config {
      arn = aws_sqs_queue.given_up.arn
    }
  }

  depends_on = [aws_iam_role_policy.starter]
}

resource "aws_cloudwatch_event_rule" "new_data" {
  for_each = local.new_files

  name          = "${var.name}-new-${each.key}"
  description   = "New files for the pipeline ${each.key}."
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "new_data" {
  for_each = local.new_files

  rule      = aws_cloudwatch_event_rule.new_data[each.key].name
  target_id = local.begun[each.key]
  arn       = aws_sfn_state_machine.this[local.begun[each.key]].arn
  role_arn  = aws_iam_role.starter["events"].arn

  input_transformer {
    input_paths    = each.value.paths
    input_template = each.value.template
  }

  retry_policy {
    maximum_event_age_in_seconds = 6 * 3600
    maximum_retry_attempts       = 20
  }

  dead_letter_config {
    arn = aws_sqs_queue.given_up.arn
  }
}

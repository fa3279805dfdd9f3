# What each state machine may do: what its definition names, its log, its trace, and the key behind.

locals {
  texts = { for machine in var.machines : machine => file("${local.folder}/${machine}.asl.json") }
  calls = {
    for machine, text in local.texts : machine => {
      functions = [for name in sort(keys(var.functions)) : var.functions[name] if contains(local.placeholders[machine], name)]
      glue      = strcontains(text, ":glue:startJobRun.sync")
      sagemaker = strcontains(text, ":sagemaker:createTrainingJob.sync")
      reads     = strcontains(text, ":s3:getObject")
      writes    = strcontains(text, ":s3:putObject")
      fans_out  = strcontains(text, "\"DISTRIBUTED\"")
    }
  }
  runs     = "arn:${local.partition}:s3:::${coalesce(var.runs_bucket, "none")}/${var.runs_prefix}"
  services = "arn:${local.partition}:%s:${local.region}:${local.account}:%s"

  # A distributed run's children go by the machine's name and the label of the fan-out.
  as_machine = { for machine, arn in local.arns : machine => machine == "users-distributed" ? [arn, "${arn}/users"] : [arn] }

  machine_statements = {
    for machine, call in local.calls : machine => concat(
      [
        {
          Sid      = "Functions"
          Effect   = "Allow"
          Action   = ["lambda:InvokeFunction"]
          Resource = call.functions
        },
        {
          Sid    = "Log"
          Effect = "Allow"
          Action = [
            "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
          ]
          # Deliveries of logs have no names, and Step Functions sets them up by the machine's role.
          Resource = ["*"]
        },
        {
          Sid    = "Trace"
          Effect = "Allow"
          Action = [
            "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
          ]
          # X-Ray has no resources that could be named here.
          Resource = ["*"]
        },
      ],
      [
        for statement in [
          {
            Sid      = "Tables"
            Effect   = "Allow"
            Action   = ["glue:BatchStopJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:StartJobRun"]
            Resource = [format(local.services, "glue", "job/${coalesce(var.glue_job, "none")}")]
          },
        ] : statement if call.glue
      ],
      [for statement in local.training_statements : statement if call.sagemaker],
      [for statement in local.fan_out_statements : statement if call.fans_out],
      [
        for statement in [
          {
            Sid    = "Runs"
            Effect = "Allow"
            Action = concat(
              ["s3:GetObject"],
              # Results are written in parts, beside those of other runs.
              call.writes ? ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"] : [],
            )
            Resource = ["${local.runs}/*"]
          },
          {
            Sid       = "KeyOfRuns"
            Effect    = "Allow"
            Action    = concat(["kms:Decrypt"], call.writes ? ["kms:GenerateDataKey"] : [])
            Resource  = [var.kms_key_arn]
            Condition = { StringEquals = { "kms:ViaService" = ["s3.${local.region}.${local.dns}"] } }
          },
        ] : statement if call.reads
      ],
      [
        for statement in [
          {
            Sid      = "KeyOfExecutions"
            Effect   = "Allow"
            Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
            Resource = [var.kms_key_arn]
            Condition = {
              StringLike = { "kms:EncryptionContext:aws:states:stateMachineArn" = local.as_machine[machine] }
            }
          },
          {
            Sid      = "KeyOfTheirLog"
            Effect   = "Allow"
            Action   = ["kms:GenerateDataKey"]
            Resource = [var.kms_key_arn]
            Condition = {
              # Whichever delivery of this account Logs makes for it.
              StringLike = { "kms:EncryptionContext:SourceArn" = [format(local.services, "logs", "*")] }
            }
          },
        ] : statement if var.encrypt_executions
      ],
    )
  }

  training_statements = [
    {
      Sid    = "Training"
      Effect = "Allow"
      Action = [
        "sagemaker:AddTags", "sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob",
        "sagemaker:ListTags", "sagemaker:StopTrainingJob",
      ]
      # Each job has a name of its own, which begins with ours.
      Resource = [format(local.services, "sagemaker", "training-job/${var.name}-*")]
    },
    {
      Sid       = "RoleOfTraining"
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = [try(var.training.role_arn, "none")]
      Condition = { StringEquals = { "iam:PassedToService" = ["sagemaker.amazonaws.com"] } }
    },
    {
      Sid    = "EndOfTraining"
      Effect = "Allow"
      Action = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
      # The rule by which Step Functions hears of it.
      Resource = [format(local.services, "events", "rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule")]
    },
  ]
  fan_out_statements = [
    {
      Sid      = "FanOut"
      Effect   = "Allow"
      Action   = ["states:StartExecution"]
      Resource = [format(local.services, "states", "stateMachine:${var.name}-users-distributed")]
    },
    {
      Sid    = "ItsMembers"
      Effect = "Allow"
      Action = ["states:DescribeExecution", "states:StopExecution"]
      # Each run has children of names that nobody knows beforehand.
      Resource = [
        format(local.services, "states", "execution:${var.name}-users-distributed:*"),
        format(local.services, "states", "execution:${var.name}-users-distributed/users:*"),
      ]
    },
  ]
}

resource "aws_iam_role" "machine" {
  for_each = local.names

  name        = each.value
  description = "What the state machine ${each.value} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = local.as_machine[each.key] }
      }
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  #checkov:skip=CKV_AWS_290:deliveries of logs and X-Ray have no resources to name
  #checkov:skip=CKV_AWS_355:deliveries of logs and X-Ray have no resources to name
  for_each = local.names

  name = "rights"
  role = aws_iam_role.machine[each.key].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.machine_statements[each.key]
  })
}

# What each function may do: the actions of infra/functions.json on the resources given, its own log,
# its trace, the key behind those resources, and what its variables and its network ask for.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name

  # Where a shop has none of these, functions do without.
  dispensable = ["campaign", "control_executions", "control_machine", "mail_identity", "map_runs", "ranker_endpoint", "topic"]

  object_actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]

  # By function and resource: the actions of the table, where the resource is there.
  rights = {
    for name, row in local.functions : name => {
      for resource in distinct(row.actions[*].resource) : resource => sort(distinct([
        for entry in row.actions : entry.action if entry.resource == resource
      ])) if length(lookup(var.resources, resource, [])) > 0
    }
  }
  actions = { for name, held in local.rights : name => distinct(flatten(values(held))) }
  missing = {
    for name, row in local.functions : name => [
      for resource in distinct(row.actions[*].resource) : resource
      if !contains(keys(var.resources), resource) && !contains(local.dispensable, resource)
    ]
  }

  statements = {
    for name, held in local.rights : name => concat(
      [
        for resource, actions in held : {
          Sid      = local.sids[resource]
          Effect   = "Allow"
          Action   = [for action in actions : action if !contains(local.object_actions, action)]
          Resource = var.resources[resource]
        } if length(setsubtract(actions, local.object_actions)) > 0
      ],
      [
        for resource, actions in held : {
          Sid    = "${local.sids[resource]}Objects"
          Effect = "Allow"
          Action = [for action in actions : action if contains(local.object_actions, action)]
          # The objects of a bucket have no names beforehand: all of it, or below what is given.
          Resource = flatten([
            for bucket in var.resources[resource] : [
              for pattern in try(var.prefixes["${name}.${resource}"], var.prefixes[resource], ["*"]) : "${bucket}/${pattern}"
            ]
          ])
        } if length(setintersection(actions, local.object_actions)) > 0
      ],
      [
        for resource, actions in held : {
          Sid    = "${local.sids[resource]}Reads"
          Effect = "Allow"
          Action = ["s3:GetObject"]
          Resource = flatten([
            for bucket in var.resources[resource] : [
              for pattern in var.read_prefixes["${name}.${resource}"] : "${bucket}/${pattern}"
            ]
          ])
        } if contains(actions, "s3:GetObject") && can(var.read_prefixes["${name}.${resource}"])
      ],
      [
        {
          Sid    = "Log"
          Effect = "Allow"
          Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
          # The streams of its own group: Lambda names them.
          Resource = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${local.log_groups[name]}:*"]
        },
        {
          Sid    = "Trace"
          Effect = "Allow"
          Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
          # X-Ray has no resources that could be named here.
          Resource = ["*"]
        },
      ],
      local.key_statements[name],
      local.place_statements[name],
      local.queue_statements[name],
      local.network_statements[name],
    )
  }

  sids = {
    for resource in distinct(flatten([for held in values(local.rights) : keys(held)])) :
    resource => replace(title(replace(resource, "_", " ")), " ", "")
  }

  # A service decrypts what it keeps with the rights of who asks for it. What is written in parts to
  # S3, published or queued needs both. DynamoDB asks for its table's key only.
  decrypting = {
    for name, actions in local.actions : name => compact([
      anytrue([for action in actions : startswith(action, "dynamodb:")]) ? "dynamodb" : "",
      contains(actions, "kinesis:GetRecords") ? "kinesis" : "",
      contains(actions, "s3:GetObject") || contains(actions, "s3:PutObject") ? "s3" : "",
      length(local.secrets[name]) > 0 ? "secretsmanager" : "",
      contains(actions, "sns:Publish") ? "sns" : "",
      contains(var.asynchronous, name) ? "sqs" : "",
      length(local.parameters[name]) > 0 ? "ssm" : "",
    ])
  }
  encrypting = {
    for name, actions in local.actions : name => compact([
      contains(actions, "kinesis:PutRecords") ? "kinesis" : "",
      contains(actions, "s3:PutObject") ? "s3" : "",
      contains(actions, "sns:Publish") ? "sns" : "",
      contains(var.asynchronous, name) ? "sqs" : "",
    ])
  }
  key_statements = {
    for name in keys(local.functions) : name => [
      for use in [
        { sid = "KeyToRead", action = "kms:Decrypt", services = local.decrypting[name] },
        { sid = "KeyToWrite", action = "kms:GenerateDataKey", services = local.encrypting[name] },
        ] : {
        Sid      = use.sid
        Effect   = "Allow"
        Action   = [use.action]
        Resource = [var.kms_key_arn]
        Condition = {
          StringEquals = {
            "kms:ViaService" = [
              for service in use.services : "${service}.${local.region}.${data.aws_partition.current.dns_suffix}"
            ]
          }
        }
      } if length(use.services) > 0
    ]
  }

  # Settings that stand elsewhere: ssm:NAME and secret:NAME, with #MEMBER or without.
  places = {
    for name, given in local.variables : name => [
      for variable, value in given : value if startswith(variable, "ENDCAP_")
    ]
  }
  parameters = {
    for name, values in local.places : name => distinct([
      for value in values : trimprefix(value, "ssm:") if startswith(value, "ssm:")
    ])
  }
  secrets = {
    for name, values in local.places : name => distinct([
      for value in values : split("#", trimprefix(value, "secret:"))[0] if startswith(value, "secret:")
    ])
  }
  place_statements = {
    for name in keys(local.functions) : name => concat(
      [
        for named in [local.parameters[name]] : {
          Sid    = "Parameters"
          Effect = "Allow"
          Action = ["ssm:GetParameter"]
          Resource = [
            for place in named : startswith(place, "arn:") ? place :
            "arn:${local.partition}:ssm:${local.region}:${local.account}:parameter/${trimprefix(place, "/")}"
          ]
        } if length(named) > 0
      ],
      [
        for named in [local.secrets[name]] : {
          Sid    = "Secrets"
          Effect = "Allow"
          Action = ["secretsmanager:GetSecretValue"]
          # Secrets Manager ends the ARN of a name with six characters of its own.
          Resource = [
            for place in named : startswith(place, "arn:") ? place :
            "arn:${local.partition}:secretsmanager:${local.region}:${local.account}:secret:${place}-??????"
          ]
        } if length(named) > 0
      ],
    )
  }

  queue_statements = {
    for name in keys(local.functions) : name => [
      for of, queue in aws_sqs_queue.given_up : {
        Sid      = "GivenUp"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [queue.arn]
      } if of == name
    ]
  }

  # Lambda makes a function's network interfaces with the function's role. The function's own code
  # may not.
  network_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]
  network_statements = {
    for name in keys(local.functions) : name => [
      for statement in [
        {
          Sid    = "Network"
          Effect = "Allow"
          Action = local.network_actions
          # Lambda looks whether it may before there is an interface to name.
          Resource = ["*"]
        },
        {
          Sid    = "NotByItsCode"
          Effect = "Deny"
          Action = local.network_actions
          # A refusal: of every interface.
          Resource = ["*"]
          Condition = {
            ArnEquals = {
              "lambda:SourceFunctionArn" = [
                "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${local.names[name]}"
              ]
            }
          }
        },
      ] : statement if var.vpc != null
    ]
  }
}

resource "aws_iam_role" "this" {
  for_each = local.functions

  name        = local.names[each.key]
  description = "What the function ${local.names[each.key]} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.functions

  name = "rights"
  role = aws_iam_role.this[each.key].name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements[each.key]
  })

  lifecycle {
    precondition {
      condition     = length(local.missing[each.key]) == 0
      error_message = "resources must have what ${each.key} works with: ${join(", ", local.missing[each.key])}. Give [] for what is not there."
    }
    precondition {
      condition     = length(jsonencode(local.statements[each.key])) < 10000
      error_message = "The rights of ${each.key} are longer than the 10240 characters that IAM takes: give fewer or shorter resources and prefixes."
    }
  }
}

# Roles that an apply may make for the environment's services, and what neither role may ever do.

locals {
  # Who takes the roles of infra/modules.
  services = [
    "apigateway", "cloudtrail", "events", "firehose", "glue", "lambda", "monitoring.rds", "sagemaker", "scheduler", "states", "vpc-flow-logs",
  ]
  served = [for service in local.services : "${service}.amazonaws.com"]

  write_roles = [
    {
      Sid    = "WriteRoles"
      Effect = "Allow"
      Action = [
        "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:TagRole",
        "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
      ]
      Resource = local.named.iam
    },
    {
      Sid      = "AttachOnePolicy"
      Effect   = "Allow"
      Action   = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
      Resource = local.named.iam
      Condition = {
        ArnEquals = { "iam:PolicyARN" = "${local.arn}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole" }
      }
    },
    {
      Sid       = "GiveRolesToServices"
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = local.named.iam
      Condition = { StringEquals = { "iam:PassedToService" = local.served } }
    },
    {
      Sid    = "RolesOfServicesThemselves"
      Effect = "Allow"
      Action = ["iam:CreateServiceLinkedRole"]
      # AWS makes these roles and their rights; their names are its own.
      Resource = ["${local.arn}:iam::${local.account}:role/aws-service-role/*"]
      Condition = {
        StringEquals = {
          "iam:AWSServiceName" = [
            for service in ["delivery.logs", "ops.apigateway", "rds", "sagemaker.application-autoscaling", "wafv2"] : "${service}.amazonaws.com"
          ]
        }
      }
    },
  ]

  never = [
    {
      Sid    = "NeverReadData"
      Effect = "Deny"
      Action = [
        "athena:GetQueryResults", "dynamodb:BatchGetItem", "dynamodb:ExportTableToPointInTime", "dynamodb:GetItem", "dynamodb:GetRecords",
        "dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan", "kinesis:GetRecords", "logs:FilterLogEvents", "logs:GetLogEvents",
        "logs:StartQuery", "rds-db:connect", "secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage",
      ]
      Resource = "*" # a refusal: of any table, stream, log and secret
    },
    {
      Sid    = "NeverReadFiles"
      Effect = "Deny"
      Action = ["s3:GetObject", "s3:GetObjectVersion"]
      NotResource = concat(
        local.programs,
        local.page,
        ["${local.state}/${local.state_key}", "${local.state}/${local.state_key}.tflock"],
      )
    },
    {
      Sid    = "NeverMakeAccounts"
      Effect = "Deny"
      Action = [
        "iam:AddRoleToInstanceProfile", "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey", "iam:CreateGroup",
        "iam:CreateInstanceProfile", "iam:CreateLoginProfile", "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:CreateSAMLProvider",
        "iam:CreateServiceSpecificCredential", "iam:CreateUser", "iam:CreateVirtualMFADevice", "iam:DeactivateMFADevice", "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteUserPermissionsBoundary", "iam:PutGroupPolicy", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary", "iam:PutUserPolicy",
        "iam:SetDefaultPolicyVersion", "iam:UpdateAccessKey", "iam:UpdateAccountPasswordPolicy", "iam:UpdateLoginProfile", "iam:UpdateSAMLProvider",
        "organizations:LeaveOrganization", "sts:AssumeRole", "sts:GetFederationToken",
      ]
      Resource = "*" # a refusal: of any user, group, policy, and of any other role
    },
    {
      Sid    = "NeverChangeThemselves"
      Effect = "Deny"
      Action = [
        "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PassRole", "iam:PutRolePolicy",
        "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
      ]
      # These two, and those of other environments whose prefix begins with this one.
      Resource = concat(values(local.role_arns), ["${local.arn}:iam::${local.account}:role/${var.name}-*-ci-plan", "${local.arn}:iam::${local.account}:role/${var.name}-*-ci-apply"])
    },
    {
      Sid    = "NeverChangeWhoIsTrusted"
      Effect = "Deny"
      Action = [
        "iam:AddClientIDToOpenIDConnectProvider", "iam:CreateOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider",
        "iam:RemoveClientIDFromOpenIDConnectProvider", "iam:TagOpenIDConnectProvider", "iam:UpdateOpenIDConnectProviderThumbprint",
      ]
      Resource = "*" # a refusal: of any provider
    },
  ]
}

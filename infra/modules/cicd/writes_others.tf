# What an apply may do to things whose ids are AWS's, and to the files that it uploads itself.

locals {
  write_others = [
    {
      Sid      = "WriteGateways"
      Effect   = "Allow"
      Action   = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:SetWebACL"]
      Resource = local.named.apigateway
    },
    {
      Sid      = "MapToOurFunctions"
      Effect   = "Allow"
      Action   = ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
      Resource = "*" # a mapping has an id of AWS; the condition says whose functions it may serve
      Condition = {
        ArnLike = { "lambda:FunctionArn" = local.named.lambda }
      }
    },
    {
      Sid      = "TagMappings"
      Effect   = "Allow"
      Action   = ["lambda:TagResource", "lambda:UntagResource"]
      Resource = local.tagged.mapping
    },
    {
      Sid       = "CalledByGatewaysAlone"
      Effect    = "Allow"
      Action    = ["lambda:AddPermission", "lambda:RemovePermission"]
      Resource  = local.named.lambda
      Condition = { StringEquals = { "lambda:Principal" = "apigateway.amazonaws.com" } }
    },
    {
      Sid    = "ScaleEndpoints"
      Effect = "Allow"
      Action = [
        "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget", "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource", "application-autoscaling:UntagResource",
      ]
      Resource = local.tagged.scaling
    },
    {
      Sid    = "WriteWhatHasNoName"
      Effect = "Allow"
      Action = [
        "glue:CreateSecurityConfiguration", "glue:DeleteSecurityConfiguration", "logs:CreateLogDelivery", "logs:DeleteLogDelivery",
        "logs:DeleteQueryDefinition", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
        "logs:PutQueryDefinition", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
      ]
      Resource = "*" # AWS takes no resource for these
    },
    {
      Sid       = "MakeKeysAndPools"
      Effect    = "Allow"
      Action    = ["cognito-idp:CreateUserPool", "cognito-idp:TagResource", "kms:CreateKey", "kms:TagResource"]
      Resource  = "*" # it is not there yet; the tags that it gets are asked for
      Condition = { StringEquals = local.becomes }
    },
    {
      Sid    = "WriteUserPools"
      Effect = "Allow"
      Action = [
        "cognito-idp:AddCustomAttributes", "cognito-idp:CreateUserPoolClient", "cognito-idp:DeleteUserPool", "cognito-idp:DeleteUserPoolClient",
        "cognito-idp:SetUserPoolMfaConfig", "cognito-idp:UntagResource", "cognito-idp:UpdateUserPool", "cognito-idp:UpdateUserPoolClient",
      ]
      Resource  = local.tagged.cognito
      Condition = { StringEquals = local.is_ours }
    },
    {
      Sid    = "WriteKeys"
      Effect = "Allow"
      Action = [
        "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:EnableKey", "kms:EnableKeyRotation",
        "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
      ]
      Resource  = local.tagged.kms
      Condition = { StringEquals = local.is_ours }
    },
    {
      Sid      = "NameKeys"
      Effect   = "Allow"
      Action   = ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"]
      Resource = ["${local.arn}:kms:${local.here}:alias/${var.name}"]
    },
    {
      Sid       = "LendKeysToServices"
      Effect    = "Allow"
      Action    = ["kms:CreateGrant"]
      Resource  = local.tagged.kms
      Condition = { StringEquals = local.is_ours, Bool = { "kms:GrantIsForAWSResource" = "true" } }
    },
    {
      Sid    = "UseKeysThroughServices"
      Effect = "Allow"
      Action = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
      Condition = {
        StringEquals = merge(local.is_ours, {
          "kms:ViaService" = [
            for service in ["dynamodb", "ecr", "firehose", "glue", "kinesis", "lambda", "rds", "s3", "sagemaker", "scheduler", "secretsmanager", "sns", "sqs", "states"] :
            "${service}.${local.region}.${local.dns}"
          ]
        })
      }
      Resource = local.tagged.kms
    },
    {
      Sid    = "PasswordsThatDatabasesKeep"
      Effect = "Allow"
      Action = ["secretsmanager:CreateSecret", "secretsmanager:TagResource"]
      # RDS names the secret of its own account after an id, and makes it on behalf of who asks.
      Resource = ["${local.arn}:secretsmanager:${local.here}:secret:rds!db-*"]
    },
    {
      Sid    = "DefaultOptionsOfDatabases"
      Effect = "Allow"
      Action = ["rds:CreateDBInstance", "rds:ModifyDBInstance"]
      # AWS's own group of options for the engine and version.
      Resource = ["${local.arn}:rds:${local.here}:og:default:*"]
    },
    {
      Sid      = "RulesetsOfFirewalls"
      Effect   = "Allow"
      Action   = ["wafv2:CreateWebACL", "wafv2:UpdateWebACL"]
      Resource = local.named.web_rulesets
    },
    {
      Sid    = "FirewallsOfGateways"
      Effect = "Allow"
      Action = ["wafv2:AssociateWebACL", "wafv2:DisassociateWebACL", "wafv2:GetWebACLForResource"]
      # The stage has the gateway's id.
      Resource = ["${local.arn}:apigateway:${local.region}::/restapis/*/stages/*"]
    },
  ]

  write_files = [
    {
      Sid      = "UploadProgramsAndPage"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging"]
      Resource = concat(local.programs, local.page)
    },
  ]

  write_networks = [
    {
      Sid    = "MakeNetworks"
      Effect = "Allow"
      Action = [
        "ec2:AllocateAddress", "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateFlowLogs", "ec2:CreateInternetGateway",
        "ec2:CreateNatGateway", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateVpc", "ec2:CreateVpcEndpoint",
      ]
      Resource  = local.tagged.ec2
      Condition = { StringEquals = local.becomes }
    },
    {
      Sid    = "ChangeNetworks"
      Effect = "Allow"
      Action = [
        "ec2:AssociateRouteTable", "ec2:AttachInternetGateway", "ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateFlowLogs",
        "ec2:CreateNatGateway", "ec2:CreateRoute", "ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateVpcEndpoint",
        "ec2:DeleteFlowLogs", "ec2:DeleteInternetGateway", "ec2:DeleteNatGateway", "ec2:DeleteRoute", "ec2:DeleteRouteTable", "ec2:DeleteSecurityGroup",
        "ec2:DeleteSubnet", "ec2:DeleteTags", "ec2:DeleteVpc", "ec2:DeleteVpcEndpoints", "ec2:DetachInternetGateway", "ec2:DisassociateAddress",
        "ec2:DisassociateRouteTable", "ec2:ModifySecurityGroupRules", "ec2:ModifySubnetAttribute", "ec2:ModifyVpcAttribute", "ec2:ModifyVpcEndpoint",
        "ec2:ReleaseAddress", "ec2:ReplaceRoute", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
      ]
      Resource  = local.tagged.ec2
      Condition = { StringEquals = local.is_ours }
    },
    {
      Sid      = "TagWhatIsMade"
      Effect   = "Allow"
      Action   = ["ec2:CreateTags"]
      Resource = local.tagged.ec2
      Condition = {
        StringEquals = merge(local.becomes, {
          "ec2:CreateAction" = [
            "AllocateAddress", "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "CreateFlowLogs", "CreateInternetGateway",
            "CreateNatGateway", "CreateRouteTable", "CreateSecurityGroup", "CreateSubnet", "CreateVpc", "CreateVpcEndpoint",
          ]
        })
      }
    },
    {
      Sid       = "TagWhatIsOurs"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags"]
      Resource  = local.tagged.ec2
      Condition = { StringEquals = local.is_ours }
    },
    {
      # AWS makes a network's default group, without tags. Terraform empties and tags it.
      Sid       = "EmptyDefaultGroups"
      Effect    = "Allow"
      Action    = ["ec2:CreateTags", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"]
      Resource  = local.tagged.groups
      Condition = { Null = { "aws:ResourceTag/project" = "true" } }
    },
  ]
}

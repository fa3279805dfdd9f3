# What a plan reads: how things are set up, never what they hold. Both roles have this.

locals {
  reads = {
    athena     = ["athena:GetWorkGroup", "athena:ListTagsForResource"]
    cloudfront = ["cloudfront:GetDistribution", "cloudfront:GetOriginAccessControl", "cloudfront:GetResponseHeadersPolicy", "cloudfront:ListTagsForResource"]
    cloudtrail = ["cloudtrail:GetEventSelectors", "cloudtrail:GetInsightSelectors", "cloudtrail:GetTrail", "cloudtrail:GetTrailStatus", "cloudtrail:ListTags"]
    cloudwatch = ["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"]
    dynamodb   = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource"]
    ecr        = ["ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource"]
    events     = ["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"]
    firehose   = ["firehose:DescribeDeliveryStream", "firehose:ListTagsForDeliveryStream"]
    glue = [
      "glue:GetConnection", "glue:GetCrawler", "glue:GetDatabase", "glue:GetJob", "glue:GetPartitionIndexes",
      "glue:GetTable", "glue:GetTags", "glue:GetTrigger",
    ]
    iam     = ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags"]
    kinesis = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListTagsForResource", "kinesis:ListTagsForStream"]
    lambda = [
      "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency", "lambda:GetFunctionConfiguration",
      "lambda:GetPolicy", "lambda:GetProvisionedConcurrencyConfig", "lambda:ListTags", "lambda:ListVersionsByFunction",
    ]
    logs = ["logs:DescribeLogStreams", "logs:DescribeMetricFilters", "logs:ListTagsForResource", "logs:ListTagsLogGroup"]
    rds  = ["rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"]
    s3 = [
      "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLocation", "s3:GetBucketLogging", "s3:GetBucketNotification",
      "s3:GetBucketObjectLockConfiguration", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
      "s3:ListBucket", # by which the provider asks whether a bucket is there
    ]
    sagemaker = ["sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel", "sagemaker:ListTags"]
    scheduler = ["scheduler:GetSchedule", "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"]
    secrets   = ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"]
    sns       = ["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource"]
    sqs       = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"]
    states    = ["states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource"]
    web_acl   = ["wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:ListTagsForResource"]
  }

  # By letter, so that each policy stays below what IAM takes.
  read_halves = { read-a-l = "^[a-k]|^lambda$", read-l-z = "^logs$|^[m-z]" }

  read_named = {
    for half, services in local.read_halves : half => [
      for service, actions in local.reads : {
        Sid      = "Read${replace(title(replace(service, "_", " ")), " ", "")}"
        Effect   = "Allow"
        Action   = actions
        Resource = local.named[service]
      } if can(regex(services, service))
    ]
  }

  read_policies = merge(local.read_named, {
    read-others = [
      {
        Sid    = "ReadWhatHasNoName"
        Effect = "Allow"
        Action = [
          "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies", "cloudtrail:DescribeTrails",
          "cloudwatch:DescribeAlarms", "ec2:DescribeAddresses", "ec2:DescribeAddressesAttribute", "ec2:DescribeAvailabilityZones", "ec2:DescribeFlowLogs",
          "ec2:DescribeInternetGateways", "ec2:DescribeNatGateways", "ec2:DescribeNetworkAcls", "ec2:DescribeNetworkInterfaces",
          "ec2:DescribePrefixLists", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups",
          "ec2:DescribeSubnets", "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "glue:GetSecurityConfiguration",
          "kms:ListAliases", "lambda:GetEventSourceMapping", "logs:DescribeLogGroups", "logs:DescribeQueryDefinitions", "rds:DescribeDBInstances",
          "states:ValidateStateMachineDefinition",
        ]
        Resource = "*" # these calls list, or look at what AWS gives no name of ours
      },
      {
        Sid      = "ReadGateways"
        Effect   = "Allow"
        Action   = ["apigateway:GET"]
        Resource = local.named.apigateway
      },
      {
        Sid      = "ReadMappings"
        Effect   = "Allow"
        Action   = ["lambda:ListTags"]
        Resource = local.tagged.mapping
      },
      {
        Sid      = "ReadScaling"
        Effect   = "Allow"
        Action   = ["application-autoscaling:ListTagsForResource"]
        Resource = local.tagged.scaling
      },
      {
        Sid       = "ReadUserPools"
        Effect    = "Allow"
        Action    = ["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolClient", "cognito-idp:GetUserPoolMfaConfig", "cognito-idp:ListTagsForResource"]
        Resource  = local.tagged.cognito
        Condition = { StringEquals = local.is_ours }
      },
      {
        Sid       = "ReadKeys"
        Effect    = "Allow"
        Action    = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
        Resource  = local.tagged.kms
        Condition = { StringEquals = local.is_ours }
      },
      {
        # Variables of functions and definitions of machines are encrypted; without this a plan sees them as changed.
        Sid    = "ReadEncryptedDescriptions"
        Effect = "Allow"
        Action = ["kms:Decrypt"]
        Condition = {
          StringEquals = merge(local.is_ours, {
            "kms:ViaService" = [for service in ["lambda", "scheduler", "states"] : "${service}.${local.region}.${local.dns}"]
          })
        }
        Resource = local.tagged.kms
      },
      {
        Sid      = "ReadPrograms"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectTagging"]
        Resource = local.programs
      },
    ]
  })
}

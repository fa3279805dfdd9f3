# What belongs to the environment: by its name where AWS lets us choose one, else by its tags.

locals {
  here = "${local.region}:${local.account}"

  # The trailing * stands for the rest of a name that begins with the prefix, or for a number that
  # AWS adds; a * in the middle for an id of AWS. Some names are the prefix alone.
  named = {
    # as above
    athena       = ["${local.arn}:athena:${local.here}:workgroup/${var.name}"]
    cloudtrail   = ["${local.arn}:cloudtrail:${local.here}:trail/${var.name}-trail"]
    cloudwatch   = ["${local.arn}:cloudwatch:${local.here}:alarm:${var.name}-*", "${local.arn}:cloudwatch::${local.account}:dashboard/${var.name}-*"]
    dynamodb     = ["${local.arn}:dynamodb:${local.here}:table/${var.name}-*"]
    ecr          = ["${local.arn}:ecr:${local.here}:repository/${var.name}-*"]
    events       = ["${local.arn}:events:${local.here}:rule/${var.name}-*"]
    firehose     = ["${local.arn}:firehose:${local.here}:deliverystream/${var.name}-*"]
    iam          = ["${local.arn}:iam::${local.account}:role/${var.name}-*"]
    kinesis      = ["${local.arn}:kinesis:${local.here}:stream/${var.name}-*"]
    lambda       = ["${local.arn}:lambda:${local.here}:function:${var.name}-*"]
    rds          = [for kind in ["db", "pg", "subgrp", "snapshot"] : "${local.arn}:rds:${local.here}:${kind}:${var.name}-*"]
    s3           = ["${local.arn}:s3:::${var.name}-*"]
    sagemaker    = [for kind in ["model", "endpoint", "endpoint-config"] : "${local.arn}:sagemaker:${local.here}:${kind}/${var.name}-*"]
    scheduler    = ["${local.arn}:scheduler:${local.here}:schedule-group/${var.name}", "${local.arn}:scheduler:${local.here}:schedule/${var.name}/*"]
    secrets      = ["${local.arn}:secretsmanager:${local.here}:secret:${var.name}-*"]
    sns          = ["${local.arn}:sns:${local.here}:${var.name}-*"]
    sqs          = ["${local.arn}:sqs:${local.here}:${var.name}-*"]
    states       = ["${local.arn}:states:${local.here}:stateMachine:${var.name}-*"]
    web_acl      = ["${local.arn}:wafv2:${local.here}:regional/webacl/${var.name}-*", "${local.arn}:wafv2:us-east-1:${local.account}:global/webacl/${var.name}-*"]
    web_rulesets = ["${local.arn}:wafv2:${local.here}:regional/managedruleset/*", "${local.arn}:wafv2:us-east-1:${local.account}:global/managedruleset/*"]
    # Log groups of all services begin with /aws and have the prefix in them; one has a name of API Gateway's.
    logs = [
      "${local.arn}:logs:${local.here}:log-group:/aws*/${var.name}*",
      "${local.arn}:logs:${local.here}:log-group:API-Gateway-Execution-Logs_*",
    ]
    # A database of Glue has _ for -, and its tables the names that the lake gives them.
    glue = concat(
      ["${local.arn}:glue:${local.here}:catalog"],
      ["${local.arn}:glue:${local.here}:database/${replace(var.name, "-", "_")}"],
      ["${local.arn}:glue:${local.here}:table/${replace(var.name, "-", "_")}/*"],
      [for kind in ["connection", "crawler", "job", "trigger"] : "${local.arn}:glue:${local.here}:${kind}/${var.name}-*"],
    )
    # Gateways and distributions have ids of AWS alone, and their parts no tags.
    apigateway = [for kind in ["account", "apikeys", "apikeys/*", "apis", "apis/*", "restapis", "restapis/*", "tags/*", "usageplans", "usageplans/*"] : "${local.arn}:apigateway:${local.region}::/${kind}"]
    cloudfront = [for kind in ["distribution", "origin-access-control", "response-headers-policy"] : "${local.arn}:cloudfront::${local.account}:${kind}/*"]
  }

  # What bears an id of AWS and tags: the kind, any id. Conditions narrow it to the environment's.
  tagged = {
    # as above
    cognito = ["${local.arn}:cognito-idp:${local.here}:userpool/*"]
    ec2     = ["${local.arn}:ec2:${local.here}:*/*"]
    groups  = ["${local.arn}:ec2:${local.here}:security-group/*"]
    kms     = ["${local.arn}:kms:${local.here}:key/*"]
    mapping = ["${local.arn}:lambda:${local.here}:event-source-mapping:*"]
    scaling = ["${local.arn}:application-autoscaling:${local.here}:scalable-target/*"]
  }

  # Files that Terraform itself uploads: programs of the Glue job and of the functions. Nothing there is about people.
  programs = [for folder in ["code", "glue"] : "${local.arn}:s3:::${var.name}-artifacts-${local.account}/${folder}/*"]
  page     = ["${local.arn}:s3:::${var.name}-web-${local.account}/*"] # the page, public by nature

  tags    = { project = var.project, environment = var.environment }
  is_ours = { for tag, value in local.tags : "aws:ResourceTag/${tag}" => value }
  becomes = { for tag, value in local.tags : "aws:RequestTag/${tag}" => value }
}

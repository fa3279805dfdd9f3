# One key for everything that is encrypted at rest: who may use it is said once, here.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  arn     = "arn:${data.aws_partition.current.partition}"
  dns     = data.aws_partition.current.dns_suffix
  trail   = "${var.name}-trail"

  # A key's policy speaks of the key it is attached to, and calls it "*".
  this_key = "*"

  administration = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:CreateGrant",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
  ]

  cryptography = [
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
  ]

  # The account's own policies decide which of its roles may do this: each names the key.
  account_statement = {
    Sid       = "ByPoliciesOfTheAccount"
    Effect    = "Allow"
    Principal = { AWS = "${local.arn}:iam::${local.account}:root" }
    Action    = concat(local.administration, local.cryptography)
    Resource  = local.this_key
  }

  logs_statement = {
    Sid       = "LogGroups"
    Effect    = "Allow"
    Principal = { Service = "logs.${local.region}.${local.dns}" }
    Action    = concat(["kms:DescribeKey"], local.cryptography)
    Resource  = local.this_key
    Condition = {
      ArnLike = {
        # Any log group of this account and region: their modules make them later.
        "kms:EncryptionContext:aws:logs:arn" = "${local.arn}:logs:${local.region}:${local.account}:log-group:*"
      }
    }
  }

  # The errors of executions that are encrypted by this key, on their way to their log group.
  deliveries_statement = {
    Sid       = "DeliveriesOfLogs"
    Effect    = "Allow"
    Principal = { Service = "delivery.logs.amazonaws.com" }
    Action    = ["kms:Decrypt"]
    Resource  = local.this_key
    Condition = {
      # Whichever delivery of this account and region Logs makes.
      ArnLike = { "kms:EncryptionContext:SourceArn" = "${local.arn}:logs:${local.region}:${local.account}:*" }
    }
  }

  # Alarms, rules and topics send into encrypted topics and dead-letter queues. These services give
  # KMS neither account nor source, so that a condition on them would silence every alarm.
  messages_statement = {
    Sid       = "MessagesBetweenServices"
    Effect    = "Allow"
    Principal = { Service = [for service in ["cloudwatch", "events", "sns"] : "${service}.amazonaws.com"] }
    Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource  = local.this_key
  }

  # The web page's objects, through a distribution of this account.
  pages_statement = {
    Sid       = "PagesThroughCloudFront"
    Effect    = "Allow"
    Principal = { Service = "cloudfront.amazonaws.com" }
    Action    = ["kms:Decrypt"]
    Resource  = local.this_key
    Condition = {
      # Any distribution: the one of the page is made later, from this key.
      ArnLike = { "aws:SourceArn" = "${local.arn}:cloudfront::${local.account}:distribution/*" }
    }
  }

  trail_statement = {
    Sid       = "RecordOfCalls"
    Effect    = "Allow"
    Principal = { Service = "cloudtrail.amazonaws.com" }
    Action    = ["kms:DescribeKey", "kms:GenerateDataKey"]
    Resource  = local.this_key
    Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
  }
}

resource "aws_kms_key" "this" {
  description             = "Everything of ${var.name} that is encrypted at rest"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.account_statement, local.logs_statement, local.deliveries_statement, local.messages_statement, local.pages_statement],
      var.cloudtrail ? [local.trail_statement] : [],
    )
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

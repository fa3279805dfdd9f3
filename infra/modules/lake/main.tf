# One bucket for each kind of thing, since rights and times differ.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  arn     = "arn:${data.aws_partition.current.partition}"

  # events: tell EventBridge of new files, which begin runs.
  buckets = {
    lake      = { events = true }
    artifacts = { events = false }
    users     = { events = true }
    runs      = { events = false }
    failures  = { events = false }
    logs      = { events = false }
  }
  watched = { for logical, bucket in local.buckets : logical => bucket if bucket.events }
  logged  = { for logical, bucket in local.buckets : logical => bucket if logical != "logs" }
  names   = { for logical in keys(local.buckets) : logical => "${var.name}-${logical}-${local.account}" }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:A copy in another region is a decision about where shoppers' data may lie; versions protect from mistakes.
  #checkov:skip=CKV_AWS_145:All but the logs are encrypted with our key; S3 delivers its access logs to no bucket that is.
  #checkov:skip=CKV_AWS_18:All but the bucket of the logs itself write access logs, by for_each below.
  #checkov:skip=CKV2_AWS_62:Lake and users tell EventBridge, by for_each below; nobody waits for files of the others.
  for_each = local.buckets

  bucket        = local.names[each.key]
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = each.key != "logs"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.logged

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

resource "aws_s3_bucket_notification" "this" {
  for_each = local.watched

  bucket      = aws_s3_bucket.this[each.key].id
  eventbridge = true
}

locals {
  refused_without_tls = {
    for logical, name in local.names : logical => {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "s3:*" # a refusal: of all that does not come by TLS
      Resource  = ["${local.arn}:s3:::${name}", "${local.arn}:s3:::${name}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
  refused_with_old_tls = {
    for logical, name in local.names : logical => {
      Sid       = "NoOldTls"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "s3:*" # a refusal, too
      Resource  = ["${local.arn}:s3:::${name}", "${local.arn}:s3:::${name}/*"]
      Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
    }
  }
  # Each bucket's access logs have a prefix of their own; the page's bucket is the module web's.
  page = "${var.name}-web-${local.account}"
  logging = merge(
    { for logical in keys(local.logged) : logical => { bucket = local.names[logical], prefix = logical } },
    { web = { bucket = local.page, prefix = local.page } },
  )
  access_logs_statements = [
    for logical, logs in local.logging : {
      Sid       = "AccessLogsOf${title(logical)}"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      # Whatever S3 calls the files.
      Resource = "${local.arn}:s3:::${local.names["logs"]}/${logs.prefix}/*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnEquals    = { "aws:SourceArn" = "${local.arn}:s3:::${logs.bucket}" }
      }
    }
  ]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket     = aws_s3_bucket.this[each.key].id
  depends_on = [aws_s3_bucket_public_access_block.this]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [local.refused_without_tls[each.key], local.refused_with_old_tls[each.key]],
      each.key == "logs" ? local.access_logs_statements : [],
    )
  })
}

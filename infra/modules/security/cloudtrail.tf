# Who called which service of AWS: optional, as many accounts have a trail of their organisation.

locals {
  trail_arn    = "${local.arn}:cloudtrail:${local.region}:${local.account}:trail/${local.trail}"
  trail_bucket = "${var.name}-trail-${local.account}"
}

resource "aws_s3_bucket" "trail" {
  #checkov:skip=CKV_AWS_18:It is a log itself; a record of its readers would be a record of the trail's own deliveries.
  #checkov:skip=CKV_AWS_144:The record of one region's account; whoever needs a second copy has the trail of an organisation.
  #checkov:skip=CKV2_AWS_62:Nobody waits for files of the record.
  count = var.cloudtrail ? 1 : 0

  bucket        = local.trail_bucket
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_public_access_block" "trail" {
  count = var.cloudtrail ? 1 : 0

  bucket                  = aws_s3_bucket.trail[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "trail" {
  count = var.cloudtrail ? 1 : 0

  bucket = aws_s3_bucket.trail[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "trail" {
  count = var.cloudtrail ? 1 : 0

  bucket = aws_s3_bucket.trail[0].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "trail" {
  count = var.cloudtrail ? 1 : 0

  bucket     = aws_s3_bucket.trail[0].id
  depends_on = [aws_s3_bucket_versioning.trail]

  rule {
    id     = "record"
    status = "Enabled"
    filter {}

    transition {
      days          = 30
      storage_class = "GLACIER_IR"
    }

    expiration {
      days = var.trail_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "trail" {
  count = var.cloudtrail ? 1 : 0

  bucket     = aws_s3_bucket.trail[0].id
  depends_on = [aws_s3_bucket_public_access_block.trail]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "s3:*" # a refusal: of everything that does not come by TLS
        Resource  = ["${local.arn}:s3:::${local.trail_bucket}", "${local.arn}:s3:::${local.trail_bucket}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "Look"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:GetBucketAcl"
        Resource  = "${local.arn}:s3:::${local.trail_bucket}"
        Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
      },
      {
        Sid       = "Write"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:PutObject"
        # Any file of this account: the trail names them by date.
        Resource = "${local.arn}:s3:::${local.trail_bucket}/AWSLogs/${local.account}/*"
        Condition = {
          StringEquals = {
            "aws:SourceArn" = local.trail_arn
            "s3:x-amz-acl"  = "bucket-owner-full-control"
          }
        }
      },
    ]
  })
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_252:Nobody is told of each file; alarms are the module observability's.
  count = var.cloudtrail ? 1 : 0

  name                          = local.trail
  s3_bucket_name                = aws_s3_bucket.trail[0].id
  kms_key_id                    = aws_kms_key.this.arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true

  # All streams of the group: the trail makes them.
  cloud_watch_logs_group_arn = "${aws_cloudwatch_log_group.trail[0].arn}:*"
  cloud_watch_logs_role_arn  = aws_iam_role.trail[0].arn

  depends_on = [aws_s3_bucket_policy.trail, aws_iam_role_policy.trail]
}

resource "aws_cloudwatch_log_group" "trail" {
  #checkov:skip=CKV_AWS_338:For searching what happened lately; the whole record is in the bucket for trail_days.
  count = var.cloudtrail ? 1 : 0

  name              = "/aws/cloudtrail/${local.trail}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_iam_role" "trail" {
  count = var.cloudtrail ? 1 : 0

  name = local.trail

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceArn" = local.trail_arn } }
    }]
  })
}

resource "aws_iam_role_policy" "trail" {
  count = var.cloudtrail ? 1 : 0

  name = "log"
  role = aws_iam_role.trail[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      # Streams of this account, which the trail names by region.
      Resource = "${aws_cloudwatch_log_group.trail[0].arn}:log-stream:${local.account}_CloudTrail_*"
    }]
  })
}

# The bucket of the page: nobody but the distribution reads it, and only over TLS.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  bucket    = "${var.name}-web-${local.account}"
}

resource "aws_s3_bucket" "page" {
  #checkov:skip=CKV_AWS_144:the page is built anew from the code; there is nothing to lose in one region
  #checkov:skip=CKV2_AWS_62:nothing waits for a new page
  #checkov:skip=CKV_AWS_18:the log is a variable, log_bucket; CloudFront alone reads here
  bucket        = local.bucket
  force_destroy = !var.deletion_protection
}

resource "aws_s3_bucket_public_access_block" "page" {
  bucket = aws_s3_bucket.page.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "page" {
  bucket = aws_s3_bucket.page.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "page" {
  bucket = aws_s3_bucket.page.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "page" {
  bucket = aws_s3_bucket.page.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "page" {
  bucket = aws_s3_bucket.page.id

  rule {
    id     = "pages-of-before"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.page]
}

resource "aws_s3_bucket_logging" "page" {
  count = var.log_bucket == null ? 0 : 1

  bucket        = aws_s3_bucket.page.id
  target_bucket = var.log_bucket
  target_prefix = "${local.bucket}/"
}

resource "aws_s3_bucket_policy" "page" {
  bucket = aws_s3_bucket.page.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TheDistributionReads"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = "arn:${local.partition}:s3:::${local.bucket}/*" # every file of the page
        Condition = { StringEquals = { "AWS:SourceArn" = aws_cloudfront_distribution.page.arn } }
      },
      {
        Sid       = "OnlyOverTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*" # whatever it is, it is refused
        Resource  = ["arn:${local.partition}:s3:::${local.bucket}", "arn:${local.partition}:s3:::${local.bucket}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.page]
}

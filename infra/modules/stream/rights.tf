# What the delivery stream may do: read the stream, write below two prefixes, tell what failed.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  delivery      = "${var.name}-events-raw"
  failed_prefix = "${trimsuffix(var.events_prefix, "/")}-failed/"
  suffix        = "${data.aws_region.current.name}.${data.aws_partition.current.dns_suffix}"
}

resource "aws_iam_role" "delivery" {
  name = local.delivery

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "delivery" {
  name = "deliver"
  role = aws_iam_role.delivery.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ReadTheStream"
        Effect   = "Allow"
        Action   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
        Resource = aws_kinesis_stream.events.arn
      },
      {
        Sid      = "LookAtTheBucket"
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = var.lake_bucket.arn
      },
      {
        Sid    = "WriteFiles"
        Effect = "Allow"
        Action = ["s3:AbortMultipartUpload", "s3:PutObject"]
        # Files are named by date and time as they are written.
        Resource = ["${var.lake_bucket.arn}/${var.events_prefix}*", "${var.lake_bucket.arn}/${local.failed_prefix}*"]
      },
      {
        Sid       = "UseTheKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = var.kms_key_arn
        Condition = { StringEquals = { "kms:ViaService" = ["kinesis.${local.suffix}", "s3.${local.suffix}"] } }
      },
      {
        Sid      = "TellWhatFailed"
        Effect   = "Allow"
        Action   = "logs:PutLogEvents"
        Resource = aws_cloudwatch_log_stream.deliveries.arn
      },
    ]
  })
}

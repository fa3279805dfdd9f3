# What the delivery stream may do: read its source, call its function, write its folder of the lake.

locals {
  source_statements = var.source_stream_arn == null ? [] : [
    {
      Sid      = "Source"
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      Resource = [var.source_stream_arn]
    },
  ]
}

resource "aws_iam_role" "delivery" {
  name        = local.stream
  description = "What the delivery stream ${local.stream} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "firehose.amazonaws.com" }
      Condition = { StringEquals = { "sts:ExternalId" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "delivery" {
  name = "rights"
  role = aws_iam_role.delivery.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.source_statements, [
      {
        Sid      = "Function"
        Effect   = "Allow"
        Action   = ["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"]
        Resource = [local.function.alias_arn]
      },
      {
        Sid      = "Bucket"
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = [var.lake_bucket.arn]
      },
      {
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
        Resource = ["${var.lake_bucket.arn}/${local.folder}/*"] # Firehose names its objects
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
        Condition = {
          StringEquals = {
            "kms:ViaService" = [
              for service in(var.source_stream_arn == null ? ["s3"] : ["kinesis", "s3"]) : "${service}.${local.region}.${local.suffix}"
            ]
          }
        }
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.delivery.arn}:log-stream:${aws_cloudwatch_log_stream.delivery.name}"]
      },
    ])
  })
}

# What the job may do: read the shop's lake, write its tables, read its own files, write its log.

locals {
  # Glue makes the job's network interfaces with the job's role, and looks around before.
  network_statements = [
    for statement in [
      {
        Sid      = "Network"
        Effect   = "Allow"
        Resource = ["*"] # EC2 names no resource for most of these, and the interfaces have no names beforehand
        Action = [
          "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
          "ec2:DescribeVpcAttribute", "ec2:DescribeVpcEndpoints",
        ]
      },
      {
        Sid      = "NetworkTags"
        Effect   = "Allow"
        Action   = ["ec2:CreateTags", "ec2:DeleteTags"]
        Resource = ["arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*"] # as above
        Condition = {
          "ForAllValues:StringEquals" = { "aws:TagKeys" = ["aws-glue-service-resource"] }
        }
      },
      {
        Sid    = "Connection"
        Effect = "Allow"
        Action = ["glue:GetConnection"]
        Resource = [
          "arn:${local.partition}:glue:${local.region}:${local.account}:catalog",
          "arn:${local.partition}:glue:${local.region}:${local.account}:connection/${local.job}",
        ]
      },
    ] : statement if var.job_in_network
  ]
}

resource "aws_iam_role" "job" {
  name        = local.job
  description = "What the Glue job ${local.job} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "glue.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "job" {
  name = "rights"
  role = aws_iam_role.job.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "Look"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [var.lake_bucket.arn]
        Condition = { StringLike = { "s3:prefix" = ["${local.group}/*", local.group] } }
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${var.lake_bucket.arn}/${local.group}/*"] # the lake names its files
      },
      {
        Sid    = "Write"
        Effect = "Allow"
        Action = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"]
        # Spark names its files; the second is what it marks a folder with.
        Resource = ["${var.lake_bucket.arn}/${local.group}/tables/*", "${var.lake_bucket.arn}/${local.group}/tables_$folder$"]
      },
      {
        Sid      = "OwnFiles"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = concat([aws_s3_object.script.arn], [for wheel in aws_s3_object.wheel : wheel.arn])
      },
      {
        Sid       = "Key"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = ["s3.${local.region}.${local.suffix}"] } }
      },
      {
        Sid    = "Log"
        Effect = "Allow"
        Action = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        # Its own group, and those that Glue itself makes for a job's output and errors.
        Resource = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws-glue/jobs/*"]
      },
      {
        Sid       = "Metrics"
        Effect    = "Allow"
        Action    = ["cloudwatch:PutMetricData"]
        Resource  = ["*"] # metrics are no resources
        Condition = { StringEquals = { "cloudwatch:namespace" = "Glue" } }
      },
    ], local.network_statements)
  })
}

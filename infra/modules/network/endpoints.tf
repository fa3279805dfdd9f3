# Through an endpoint goes what this account's own principals ask of this account's own things.

locals {
  ours = { StringEquals = { "aws:PrincipalAccount" = local.account } }

  # Names of buckets and tables begin with the prefix; which of them a caller may use its role says.
  buckets = concat(["arn:${local.partition}:s3:::${var.name}-*"], var.more_bucket_arns)
  tables  = concat(["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.name}-*"], var.more_table_arns)

  # What functions and jobs ask of a service.
  asked = {
    "glue"              = ["glue:GetConnection", "glue:GetDatabase", "glue:GetTable", "glue:GetPartitions"]
    "kinesis-streams"   = ["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:PutRecords"]
    "logs"              = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    "monitoring"        = ["cloudwatch:PutMetricData"]
    "sagemaker.runtime" = ["sagemaker:InvokeEndpoint"]
    "secretsmanager"    = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    "ssm"               = ["ssm:GetParameter"]
    "sts"               = ["sts:AssumeRole", "sts:GetCallerIdentity"]
    "xray"              = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
  }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Buckets"
        Effect    = "Allow"
        Principal = "*" # of this account, as the condition says
        Action    = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource  = local.buckets
        Condition = local.ours
      },
      {
        Sid       = "Objects"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
        Resource  = [for bucket in local.buckets : "${bucket}/*"]
        Condition = local.ours
      },
    ]
  })

  tags = { Name = "${var.name}-s3" }
}

resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${local.region}.dynamodb"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Tables"
      Effect    = "Allow"
      Principal = "*" # of this account, as the condition says
      Action = [
        "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable",
        "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem",
      ]
      Resource  = concat(local.tables, [for table in local.tables : "${table}/index/*"])
      Condition = local.ours
    }]
  })

  tags = { Name = "${var.name}-dynamodb" }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Asked"
      Effect    = "Allow"
      Principal = "*" # of this account, as the condition says
      Action    = local.asked[each.key]
      Resource  = "*" # the caller's role names what; an endpoint of a service has no narrower resource that all share
      Condition = local.ours
    }]
  })

  tags = { Name = "${var.name}-${each.key}" }
}

# What a training job may do, and what the endpoint's container may.

locals {
  # What the job itself asks of the shop: a test runs one and compares.
  asked = {
    documents_table  = ["dynamodb:GetItem", "dynamodb:PutItem"]
    artifacts_bucket = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
    lake_bucket      = ["s3:GetObject", "s3:ListBucket"]
  }

  # SageMaker asks these with the role of the job or endpoint, whatever runs in it.
  service_statements = {
    for use, log_group in {
      training = "/aws/sagemaker/TrainingJobs"
      endpoint = local.endpoint_log_group
      } : use => [
      {
        Sid    = "Log"
        Effect = "Allow"
        # All training jobs of an account share a log, which the first of them makes.
        Action = concat(
          ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
          use == "training" ? ["logs:CreateLogGroup"] : [],
        )
        # SageMaker names the streams.
        Resource = [
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${log_group}",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:${log_group}:*",
        ]
      },
      {
        Sid    = "Metrics"
        Effect = "Allow"
        Action = ["cloudwatch:PutMetricData"]
        # Metrics have no ARNs; the condition names their namespaces.
        Resource = ["*"]
        Condition = {
          StringEquals = { "cloudwatch:namespace" = ["/aws/sagemaker/Endpoints", "/aws/sagemaker/TrainingJobs"] }
        }
      },
      {
        Sid      = "Image"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = [aws_ecr_repository.this["training"].arn]
      },
      {
        Sid    = "Registry"
        Effect = "Allow"
        Action = ["ecr:GetAuthorizationToken"]
        # A token is of the whole registry: ECR takes nothing else here.
        Resource = ["*"]
      },
    ]
  }

  training_statements = concat(local.service_statements["training"], [
    {
      Sid      = "Registered"
      Effect   = "Allow"
      Action   = local.asked.documents_table
      Resource = [var.tables["documents"].arn]
    },
    {
      Sid      = "Names"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [var.buckets["lake"].arn, local.artifacts.arn]
    },
    {
      Sid      = "Events"
      Effect   = "Allow"
      Action   = setsubtract(local.asked.lake_bucket, ["s3:ListBucket"])
      Resource = ["${var.buckets["lake"].arn}/${var.shop_prefix}/*"] # parts of the lake have no names beforehand
    },
    {
      Sid      = "Versions"
      Effect   = "Allow"
      Action   = setsubtract(local.asked.artifacts_bucket, ["s3:ListBucket"])
      Resource = ["${local.artifacts.arn}/${var.shop_prefix}/*"] # nor have the files of a version
    },
    {
      Sid    = "OutputAndCheckpoints"
      Effect = "Allow"
      # SageMaker carries them between the job's folders and the bucket, in parts where they are large.
      Action   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = ["${local.artifacts.arn}/training/*"] # it chooses the names below
    },
    {
      Sid      = "Key"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.kms_key_arn]
      Condition = {
        StringEquals = { "kms:ViaService" = [for service in ["dynamodb", "s3"] : "${service}.${local.region}.${local.dns}"] }
      }
    },
  ])

  endpoint_statements = concat(local.service_statements["endpoint"], [
    {
      Sid      = "Model"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["arn:${local.partition}:s3:::${trimprefix(var.model_url, "s3://")}"]
    },
    {
      Sid      = "Key"
      Effect   = "Allow"
      Action   = var.capture_percent > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      Resource = [var.kms_key_arn]
      Condition = {
        StringEquals = { "kms:ViaService" = ["s3.${local.region}.${local.dns}"] }
      }
    },
    ],
    [
      for prefix in ["training/captured"] : {
        Sid      = "Captured"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.artifacts.arn}/${prefix}/*"] # SageMaker names them by hour and number
      } if var.capture_percent > 0
    ],
  )

  sagemaker_may = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "sagemaker.amazonaws.com" }
      Action    = ["sts:AssumeRole"]
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role" "training" {
  name               = "${var.name}-training"
  description        = "Endcap: what training jobs of SageMaker run as"
  assume_role_policy = local.sagemaker_may
}

resource "aws_iam_role_policy" "training" {
  name   = "training"
  role   = aws_iam_role.training.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.training_statements })
}

resource "aws_iam_role" "endpoint" {
  count = local.endpoints

  name               = "${var.name}-endpoint"
  description        = "Endcap: what the endpoint of SageMaker runs as"
  assume_role_policy = local.sagemaker_may
}

resource "aws_iam_role_policy" "endpoint" {
  count = local.endpoints

  name   = "endpoint"
  role   = aws_iam_role.endpoint[count.index].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.endpoint_statements })
}

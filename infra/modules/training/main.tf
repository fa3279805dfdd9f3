# Images: of functions that no zip holds, and of training jobs and endpoint.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.name
  dns       = data.aws_partition.current.dns_suffix

  artifacts       = var.buckets["artifacts"]
  output_url      = "s3://${local.artifacts.name}/training/output"
  checkpoints_url = "s3://${local.artifacts.name}/training/checkpoints"
}

resource "aws_ecr_repository" "this" {
  for_each = toset(["functions", "training"])

  name                 = "${var.name}-${each.key}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.deletion_protection

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "What has no tag goes after a week"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "The newest ${var.kept_images} stay"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = var.kept_images }
        action       = { type = "expire" }
      },
    ]
  })
}

# Lambda fetches the image of a function by its own right, for functions of this account and prefix.
resource "aws_ecr_repository_policy" "functions" {
  repository = aws_ecr_repository.this["functions"].name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Functions"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Condition = {
        # Functions are named by another module, after this prefix.
        StringLike = { "aws:SourceArn" = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}-*" }
      }
    }]
  })
}

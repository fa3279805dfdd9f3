# The crawler, which finds a shop's own columns, and where queries put what they find.

resource "aws_glue_security_configuration" "this" {
  name = var.name

  encryption_configuration {
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "SSE-KMS"
      kms_key_arn                = var.kms_key_arn
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = var.kms_key_arn
    }

    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = var.kms_key_arn
    }
  }
}

resource "aws_glue_crawler" "tables" {
  name                   = "${var.name}-tables"
  description            = "Adds columns that only this shop has to items, users and training."
  database_name          = aws_glue_catalog_database.this.name
  role                   = aws_iam_role.crawler.arn
  schedule               = var.crawler_schedule == "" ? null : var.crawler_schedule
  security_configuration = aws_glue_security_configuration.this.name

  catalog_target {
    database_name = aws_glue_catalog_database.this.name
    tables        = sort([for table in aws_glue_catalog_table.open : table.name])
  }

  schema_change_policy {
    update_behavior = "UPDATE_IN_DATABASE"
    delete_behavior = "LOG"
  }

  configuration = jsonencode({
    Version       = 1.0
    CrawlerOutput = { Tables = { AddOrUpdateBehavior = "MergeNewColumns" } }
  })
}

resource "aws_iam_role" "crawler" {
  name = "${var.name}-crawler"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "glue.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

locals {
  glue = "${local.arn}:glue:${local.region}:${local.account}"
}

resource "aws_iam_role_policy" "crawler" {
  name = "crawl"
  role = aws_iam_role.crawler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ReadTheTables"
        Effect = "Allow"
        Action = "s3:GetObject"
        # The files of these tables, whatever their names.
        Resource = [for name in sort(keys(local.open)) : "${local.arn}:s3:::${local.names["lake"]}/${var.lake_prefix}/${var.group}/tables/${name}/*"]
      },
      {
        Sid       = "ListTheTables"
        Effect    = "Allow"
        Action    = "s3:ListBucket"
        Resource  = aws_s3_bucket.this["lake"].arn
        Condition = { StringLike = { "s3:prefix" = "${var.lake_prefix}/${var.group}/tables/*" } }
      },
      {
        Sid      = "LookAtTheBucket"
        Effect   = "Allow"
        Action   = "s3:GetBucketLocation"
        Resource = aws_s3_bucket.this["lake"].arn
      },
      {
        Sid    = "ChangeTheCatalogue"
        Effect = "Allow"
        Action = [
          "glue:BatchCreatePartition",
          "glue:BatchGetPartition",
          "glue:BatchUpdatePartition",
          "glue:CreatePartition",
          "glue:GetDatabase",
          "glue:GetPartition",
          "glue:GetPartitions",
          "glue:GetTable",
          "glue:GetTables",
          "glue:UpdatePartition",
          "glue:UpdateTable",
        ]
        Resource = concat(
          ["${local.glue}:catalog", "${local.glue}:database/${local.database}"],
          [for name in sort(keys(local.open)) : "${local.glue}:table/${local.database}/${name}"],
        )
      },
      {
        Sid    = "ReadItsConfiguration"
        Effect = "Allow"
        Action = "glue:GetSecurityConfiguration"
        # Glue knows no narrower resource for this action.
        Resource = "*"
      },
      {
        Sid    = "TellWhatItDid"
        Effect = "Allow"
        Action = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        # Glue makes the log group and names it by role and configuration.
        Resource = "${local.arn}:logs:${local.region}:${local.account}:log-group:/aws-glue/crawlers*"
      },
      {
        Sid      = "UseTheKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
        Resource = var.kms_key_arn
      },
    ]
  })
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Queries of the tables of ${var.name}; each reads at most ${var.query_gb} GB."
  force_destroy = !var.deletion_protection

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.query_gb * 1024 * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${aws_s3_bucket.this["runs"].bucket}/athena/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.kms_key_arn
      }
    }
  }
}

# An environment as small as can be: phases that stand by count, a bucket, a table, two modules deep.
terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "= 5.100.0"
    }
  }
}

provider "aws" {
  region                      = var.aws_region
  s3_use_path_style           = true
  skip_requesting_account_id  = false
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_credentials_validation = false
}

variable "aws_region" {
  type    = string
  default = "us-east-1"
}

variable "phases" {
  type    = set(string)
  default = ["core"]
}

variable "second" {
  description = "A table that stands already cannot be made: how an apply fails half way."
  type        = string
  default     = "small-etl"
}

variable "deletion_protection" {
  type    = bool
  default = false
}

locals {
  defaults = {
    waf = true
  }
}

resource "aws_dynamodb_table" "core" {
  name                        = "small-core"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_s3_bucket" "core" {
  bucket = "small-core"
}

resource "aws_dynamodb_table" "etl" {
  count        = contains(var.phases, "etl") ? 1 : 0
  name         = var.second
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  depends_on   = [aws_s3_bucket.core]

  attribute {
    name = "id"
    type = "S"
  }
}

output "phases" {
  value = sort(var.phases)
}

output "region" {
  value = var.aws_region
}

output "http_api_url" {
  value = "https://api.example/${aws_s3_bucket.core.id}"
}

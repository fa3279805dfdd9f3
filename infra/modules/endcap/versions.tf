terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "= 5.100.0"

      # What stands before CloudFront stands in us-east-1, wherever the rest is.
      configuration_aliases = [aws.us_east_1]
    }
  }
}

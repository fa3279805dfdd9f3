# What this environment plans. A file of it stands in for the zip: a plan reads its digest only.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\": \"2012-10-17\", \"Statement\": []}" }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  functions_package = "main.tf"
  functions_image   = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/endcap-functions:1"
}

run "as_it_comes" {
  command = plan

  assert {
    condition     = output.name == "endcap-dev"
    error_message = "The name says which environment it is."
  }

  assert {
    condition     = output.region == "eu-west-1" && output.phases == tolist(["application", "core", "pipeline", "web"])
    error_message = "Region or phases are not those of the defaults."
  }

  assert {
    condition     = local.defaults.deletion_protection == false
    error_message = "dev may be destroyed."
  }
}

run "another_name" {
  command = plan

  variables {
    name   = "shop-one"
    phases = ["core"]
  }

  assert {
    condition     = output.tables["documents"] == "shop-one-documents" && output.http_api_url == null
    error_message = "Names do not begin with the variable name, or core makes an API."
  }
}

run "a_region_that_is_none" {
  command = plan

  variables {
    aws_region = "Frankfurt"
  }

  expect_failures = [var.aws_region]
}

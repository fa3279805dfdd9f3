mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      address            = "endcap-test-vectors.abc.eu-central-1.rds.amazonaws.com"
      port               = 5432
      resource_id        = "db-ABC"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-master" }]
    }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:endcap-test-vectors-account" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/endcap-test-vectors-monitoring" }
  }
}

variables {
  name              = "endcap-test"
  kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
}

run "usual" {
  command = plan

  assert {
    condition     = output.url_without_password == "postgresql://endcap_api@endcap-test-vectors.abc.eu-central-1.rds.amazonaws.com:5432/endcap?sslmode=require"
    error_message = "The URL must name the account that searches, and TLS."
  }

  assert {
    condition     = output.vectors == "secret:${output.reader_secret_arn}#url" && output.vectors_of_loader == "secret:${output.loader_secret_arn}#url"
    error_message = "ENDCAP_VECTORS must name the member url of the account's secret."
  }

  assert {
    condition     = output.people_arn == "arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/endcap_people"
    error_message = "A policy for people must name the account without a password."
  }

  assert {
    condition     = output.secret_arn == "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-master" && strcontains(output.bootstrap_command, "--master-secret ${output.secret_arn}")
    error_message = "The bootstrap must name the secret that RDS made."
  }
}

run "refuses" {
  command = plan

  variables {
    name           = "9"
    engine_version = "12"
    url_options    = "sslmode=prefer"
  }

  expect_failures = [var.name, var.engine_version, var.url_options]
}

run "refuses_an_old_pgvector" {
  command = plan

  variables {
    engine_version = "16.4"
  }

  expect_failures = [var.engine_version]
}

mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_subnet" {
    defaults = { availability_zone = "eu-central-1a" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/endcap-test" }
  }
  mock_resource "aws_s3_object" {
    defaults = { arn = "arn:aws:s3:::endcap-test-artifacts/glue/file" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:endcap-test-source-endcap_reader" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      address            = "endcap-test-source.abc.eu-central-1.rds.amazonaws.com"
      port               = 3306
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-master" }]
    }
  }
}

variables {
  name                   = "endcap-test"
  kms_key_arn            = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  lake_bucket            = { name = "endcap-test-lake", arn = "arn:aws:s3:::endcap-test-lake" }
  lake_prefix            = "lake"
  files_bucket           = { name = "endcap-test-artifacts", arn = "arn:aws:s3:::endcap-test-artifacts" }
  package_folder         = "tests/package"
  security_configuration = "endcap-test"
}

run "usual" {
  command = plan

  assert {
    condition     = aws_glue_job.etl.default_arguments["--additional-python-modules"] == "s3://endcap-test-artifacts/glue/endcap-1.0.0-py3-none-any.whl,msgspec==0.22.0"
    error_message = "Wheels must be named where they are put, pins as they are."
  }

  assert {
    condition = (
      aws_glue_job.etl.default_arguments["--lake"] == "s3://endcap-test-lake/lake/default"
      && aws_glue_job.etl.default_arguments["--output"] == "s3://endcap-test-lake/lake/default/tables"
      && aws_glue_job.etl.default_arguments["--job-bookmark-option"] == "job-bookmark-disable"
      && !contains(keys(aws_glue_job.etl.default_arguments), "--tables")
      && !contains(keys(aws_glue_job.etl.default_arguments), "--factors")
    )
    error_message = "The job must be told the shop's lake and where its tables lie, and nothing that was not asked for."
  }

  assert {
    condition     = keys(aws_s3_object.wheel) == ["endcap-1.0.0-py3-none-any.whl"] && aws_s3_object.wheel["endcap-1.0.0-py3-none-any.whl"].key == "glue/endcap-1.0.0-py3-none-any.whl"
    error_message = "The wheels must be put beside the script."
  }

  assert {
    condition     = aws_glue_job.etl.execution_property[0].max_concurrent_runs == 1 && aws_glue_job.etl.max_retries == 0 && aws_glue_job.etl.glue_version == "5.0"
    error_message = "One run at a time: nothing locks on object stores."
  }

  assert {
    condition = (
      length(aws_glue_trigger.schedule) + length(aws_glue_trigger.crawler) + length(aws_glue_connection.network)
      + length(module.mysql) + length(aws_security_group.workers) == 0
    ) && output.mysql == null
    error_message = "Nothing is made that was not asked for."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.job.policy).Statement :
      (!contains(statement.Resource, "*") || statement.Sid == "Metrics") && !anytrue([for action in statement.Action : strcontains(action, "*")])
    ])
    error_message = "Named actions on named resources; metrics are none."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.job.policy).Statement : statement.Resource if statement.Sid == "Write"] == [
      ["arn:aws:s3:::endcap-test-lake/lake/default/tables/*", "arn:aws:s3:::endcap-test-lake/lake/default/tables_$folder$"]
    ]
    error_message = "It may write its tables and nothing else of the lake."
  }
}

run "scheduled_in_the_network_with_mysql" {
  command = plan

  variables {
    schedule       = "cron(30 2 * * ? *)"
    crawler_name   = "endcap-test-tables"
    tables         = ["training", "user_features"]
    factors        = 64
    lake_prefix    = ""
    job_in_network = true
    mysql          = true
    network = {
      vpc_id                      = "vpc-1"
      subnet_ids                  = ["subnet-1", "subnet-2"]
      clients_security_group_id   = "sg-1"
      databases_security_group_id = "sg-2"
    }
  }

  assert {
    condition     = aws_glue_job.etl.default_arguments["--tables"] == "training,user_features" && aws_glue_job.etl.default_arguments["--factors"] == "64" && aws_glue_job.etl.default_arguments["--lake"] == "s3://endcap-test-lake/default"
    error_message = "What is asked of the job must be told to it."
  }

  assert {
    condition     = aws_glue_trigger.crawler[0].predicate[0].conditions[0].state == "SUCCEEDED" && aws_glue_trigger.crawler[0].actions[0].crawler_name == "endcap-test-tables"
    error_message = "The crawler starts when the job has succeeded."
  }

  assert {
    condition     = aws_glue_connection.network[0].physical_connection_requirements[0].availability_zone == "eu-central-1a" && contains(aws_glue_job.etl.connections, "endcap-test-etl")
    error_message = "The job must use the connection."
  }

  assert {
    condition     = output.mysql.url_without_password == "mysql://endcap_reader@endcap-test-source.abc.eu-central-1.rds.amazonaws.com:3306/shop" && strcontains(output.mysql.bootstrap_command, "--master-secret arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-master")
    error_message = "The source must be named without its password, and how its reader is made."
  }
}

run "a_database_that_stands_already" {
  command = plan

  variables {
    mysql_at = { host = "db.shop.example", security_group_id = "sg-9" }
    network = {
      vpc_id                      = "vpc-1"
      subnet_ids                  = ["subnet-1", "subnet-2"]
      clients_security_group_id   = "sg-1"
      databases_security_group_id = "sg-2"
    }
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.clients_to_source[0].from_port == 3306 && aws_vpc_security_group_ingress_rule.source_from_clients[0].security_group_id == "sg-9"
    error_message = "Clients must be able to ask the database that is there."
  }

  assert {
    condition     = output.mysql.endpoint == "db.shop.example:3306" && output.mysql.password_setting == "secret:${output.mysql.reader_secret_arn}#password" && length(module.mysql) == 0
    error_message = "There must be a secret for its reader, and no server."
  }
}

run "refuses" {
  command = plan

  variables {
    name          = "Endcap"
    lake_prefix   = "lake/"
    group         = "a/b"
    files_prefix  = ""
    factors       = 1000
    worker_type   = "Standard"
    workers       = 1
    timeout_min   = 1
    schedule      = "every night"
    mysql_version = "5.7"
  }

  expect_failures = [
    var.name, var.lake_prefix, var.group, var.files_prefix, var.factors, var.worker_type, var.workers, var.timeout_min,
    var.schedule, var.mysql_version,
  ]
}

run "refuses_a_database_without_a_network" {
  command = plan

  variables {
    mysql          = true
    job_in_network = true
  }

  expect_failures = [var.mysql, var.job_in_network]
}

run "refuses_a_database_elsewhere_without_a_network" {
  command = plan

  variables {
    mysql_at = { host = "db.shop.example", security_group_id = "sg-9" }
  }

  expect_failures = [var.mysql_at]
}

run "refuses_a_folder_without_the_package" {
  command = plan

  variables {
    package_folder = "tests"
  }

  expect_failures = [var.package_folder]
}

mock_provider "aws" {
  override_during = plan

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-master" }]
    }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/endcap-test-vectors-monitoring" }
  }
}

variables {
  name              = "endcap-test"
  role              = "vectors"
  kms_key_arn       = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  engine            = "postgres"
  engine_version    = "17"
  family            = "postgres17"
  parameters        = { "rds.force_ssl" = "1" }
  logs              = ["postgresql"]
  database          = "endcap"
  accounts          = ["endcap_api", "endcap_etl"]
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
}

run "usual" {
  command = plan

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && aws_db_instance.this.master_user_secret_kms_key_id == var.kms_key_arn
    error_message = "RDS makes and keeps the master's password, encrypted by the given key."
  }

  assert {
    condition = alltrue([
      aws_db_instance.this.storage_encrypted, aws_db_instance.this.kms_key_id == var.kms_key_arn,
      !aws_db_instance.this.publicly_accessible, aws_db_instance.this.iam_database_authentication_enabled,
      aws_db_instance.this.backup_retention_period == 7, aws_db_instance.this.performance_insights_enabled,
      aws_db_instance.this.monitoring_interval == 60,
    ])
    error_message = "Encrypted, private, backed up, watched."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && !aws_db_instance.this.delete_automated_backups
    error_message = "What is protected leaves a snapshot and its backups when it goes after all."
  }

  assert {
    condition     = [for parameter in aws_db_parameter_group.this.parameter : parameter.name] == ["rds.force_ssl"] && aws_db_instance.this.parameter_group_name == "endcap-test-vectors-postgres17"
    error_message = "The server must use its parameters."
  }

  assert {
    condition     = { for account, secret in aws_secretsmanager_secret.account : account => secret.name } == { endcap_api = "endcap-test-vectors-endcap_api", endcap_etl = "endcap-test-vectors-endcap_etl" }
    error_message = "Each account has a secret."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == var.kms_key_arn && group.retention_in_days == 365])
    error_message = "Logs are encrypted and end."
  }
}

run "to_be_thrown_away" {
  command = plan

  variables {
    deletion_protection  = false
    performance_insights = false
    monitoring_s         = 0
    secret_recovery_days = 0
  }

  assert {
    condition     = aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.delete_automated_backups && length(aws_iam_role.monitoring) == 0
    error_message = "Nothing is left of a server that is not protected."
  }
}

run "refuses" {
  command = plan

  variables {
    role                 = "V"
    engine               = "oracle"
    database             = "Endcap"
    subnet_ids           = ["subnet-1"]
    instance_class       = "t4g.medium"
    storage_gb           = 200
    backup_days          = 0
    monitoring_s         = 2
    secret_recovery_days = 3
  }

  expect_failures = [
    var.role, var.engine, var.database, var.subnet_ids, var.instance_class, var.most_storage_gb, var.backup_days,
    var.monitoring_s, var.secret_recovery_days,
  ]
}

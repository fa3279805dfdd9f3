# PostgreSQL with pgvector for embeddings of items and users: docs/vectors.md.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  # The accounts of sql/bootstrap-pgvector.sql.
  reader = "endcap_api"
  loader = "endcap_etl"
  people = "endcap_people"
}

module "database" {
  source = "../database"

  name           = var.name
  role           = "vectors"
  kms_key_arn    = var.kms_key_arn
  engine         = "postgres"
  engine_version = var.engine_version
  family         = "postgres${split(".", var.engine_version)[0]}"
  database       = var.database
  logs           = ["postgresql", "upgrade"]
  accounts       = [local.reader, local.loader]

  # No statement and no value of one reaches a log: they hold ids of users.
  parameters = {
    "rds.force_ssl"                     = "1"
    "rds.accepted_password_auth_method" = "scram"
    "password_encryption"               = "scram-sha-256"
    "log_connections"                   = "1"
    "log_error_verbosity"               = "terse"
    "log_min_error_statement"           = "panic"
    "log_statement"                     = "none"
  }

  subnet_ids           = var.subnet_ids
  security_group_id    = var.security_group_id
  instance_class       = var.instance_class
  storage_gb           = var.storage_gb
  most_storage_gb      = var.most_storage_gb
  multi_az             = var.multi_az
  backup_days          = var.backup_days
  deletion_protection  = var.deletion_protection
  performance_insights = var.performance_insights
  monitoring_s         = var.monitoring_s
  secret_recovery_days = var.secret_recovery_days
  log_retention_days   = var.log_retention_days
}

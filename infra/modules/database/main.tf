# One server of RDS in private subnets. RDS makes and keeps the master's password; the accounts that programs
# use get theirs by infra/bootstrap_databases.py, so that no password is in a plan, a state or an output.

data "aws_partition" "this" {}

locals {
  identifier = "${var.name}-${var.role}"
}

resource "aws_db_subnet_group" "this" {
  name       = local.identifier
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name   = "${local.identifier}-${replace(var.family, ".", "-")}"
  family = var.family

  dynamic "parameter" {
    for_each = var.parameters

    content {
      name  = parameter.key
      value = parameter.value
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:A second zone is a variable: what is here can be loaded again from the lake
  #checkov:skip=CKV_AWS_118:Enhanced monitoring is a variable, on by default
  #checkov:skip=CKV_AWS_293:Deletion protection is a variable, on by default
  #checkov:skip=CKV_AWS_353:Performance Insights is a variable, on by default
  #checkov:skip=CKV2_AWS_69:Who uses this module forces TLS by the parameters: rds.force_ssl, require_secure_transport
  # Its certificate is of the authority that AWS has for new servers: one that is named would be set by a change
  # after the server was made.
  identifier     = local.identifier
  engine         = var.engine
  engine_version = var.engine_version
  instance_class = var.instance_class

  allocated_storage     = var.storage_gb
  max_allocated_storage = var.most_storage_gb
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_name                             = var.database
  username                            = "master"
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.kms_key_arn
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false
  multi_az               = var.multi_az
  parameter_group_name   = aws_db_parameter_group.this.name

  backup_retention_period    = var.backup_days
  copy_tags_to_snapshot      = true
  deletion_protection        = var.deletion_protection
  delete_automated_backups   = !var.deletion_protection
  skip_final_snapshot        = !var.deletion_protection
  final_snapshot_identifier  = var.deletion_protection ? "${local.identifier}-last" : null
  auto_minor_version_upgrade = true

  performance_insights_enabled          = var.performance_insights
  performance_insights_kms_key_id       = var.performance_insights ? var.kms_key_arn : null
  performance_insights_retention_period = var.performance_insights ? 7 : null
  monitoring_interval                   = var.monitoring_s
  monitoring_role_arn                   = one(aws_iam_role.monitoring[*].arn)
  enabled_cloudwatch_logs_exports       = sort(var.logs)

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.monitoring]
}

# Made before the server, which would make them without key and end.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:How long logs are kept is a variable
  for_each = var.logs

  name              = "/aws/rds/instance/${local.identifier}/${each.key}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_retention_days
}

resource "aws_secretsmanager_secret" "account" {
  #checkov:skip=CKV2_AWS_57:infra/bootstrap_databases.py --renew gives a new password to server and secret at once
  for_each = var.accounts

  name                    = "${local.identifier}-${each.key}"
  description             = "Account ${each.key} of the database ${local.identifier}: host, port, username, password, url."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_iam_role" "monitoring" {
  count = var.monitoring_s > 0 ? 1 : 0

  name        = "${local.identifier}-monitoring"
  description = "What RDS needs to write readings of the operating system into a log."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

data "aws_caller_identity" "this" {}

resource "aws_iam_role_policy_attachment" "monitoring" {
  count = length(aws_iam_role.monitoring)

  role       = aws_iam_role.monitoring[count.index].name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

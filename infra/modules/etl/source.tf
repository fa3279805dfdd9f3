# The shop's own database, and a way for the job into the network.

locals {
  reader = "endcap_reader" # of infra/bootstrap_databases.py

  # Host, port and secrets of the source, whoever made it.
  source = var.mysql ? {
    host   = module.mysql[0].host
    port   = module.mysql[0].port
    master = module.mysql[0].secret_arn
    reader = module.mysql[0].secret_arns[local.reader]
    } : var.mysql_at != null ? {
    host   = var.mysql_at.host
    port   = var.mysql_at.port
    master = "ARN_OF_ITS_MASTERS_SECRET"
    reader = aws_secretsmanager_secret.reader[0].arn
  } : null
}

module "mysql" {
  source = "../database"
  count  = var.mysql ? 1 : 0

  name           = var.name
  role           = "source"
  kms_key_arn    = var.kms_key_arn
  engine         = "mysql"
  engine_version = var.mysql_version
  family         = "mysql${join(".", slice(split(".", var.mysql_version), 0, 2))}"
  database       = var.mysql_database
  logs           = ["error"] # no statements: they hold ids of users
  accounts       = [local.reader]
  parameters     = { require_secure_transport = "1", local_infile = "0" }

  subnet_ids           = var.network.subnet_ids
  security_group_id    = var.network.databases_security_group_id
  instance_class       = var.mysql_instance_class
  multi_az             = var.mysql_multi_az
  performance_insights = var.performance_insights
  deletion_protection  = var.deletion_protection
  secret_recovery_days = var.secret_recovery_days
  log_retention_days   = var.log_retention_days
}

resource "aws_secretsmanager_secret" "reader" {
  #checkov:skip=CKV2_AWS_57:infra/bootstrap_databases.py --renew gives a new password to server and secret at once
  count = var.mysql_at == null ? 0 : 1

  name                    = "${var.name}-source-${local.reader}"
  description             = "Account ${local.reader} of the shop's database: host, port, username, password, url."
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_vpc_security_group_egress_rule" "clients_to_source" {
  count = var.mysql_at == null ? 0 : 1

  security_group_id            = var.network.clients_security_group_id
  description                  = "To the shop's own database"
  referenced_security_group_id = var.mysql_at.security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.mysql_at.port
  to_port                      = var.mysql_at.port
}

resource "aws_vpc_security_group_ingress_rule" "source_from_clients" {
  count = var.mysql_at == null ? 0 : 1

  security_group_id            = var.mysql_at.security_group_id
  description                  = "From Endcap's functions, jobs and hosts"
  referenced_security_group_id = var.network.clients_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.mysql_at.port
  to_port                      = var.mysql_at.port
}

# Workers of a job speak with one another on any port: Glue wants a group that permits it.
resource "aws_security_group" "workers" {
  #checkov:skip=CKV2_AWS_5:The connection below carries it
  count = var.job_in_network ? 1 : 0

  name        = "${local.job}-workers"
  description = "What workers of the Glue job carry"
  vpc_id      = var.network.vpc_id

  tags = { Name = "${local.job}-workers" }
}

resource "aws_vpc_security_group_ingress_rule" "workers" {
  #checkov:skip=CKV_AWS_24:From members of the same group alone
  #checkov:skip=CKV_AWS_25:From members of the same group alone
  #checkov:skip=CKV_AWS_260:From members of the same group alone
  count = var.job_in_network ? 1 : 0

  security_group_id            = aws_security_group.workers[0].id
  description                  = "From one another"
  referenced_security_group_id = aws_security_group.workers[0].id
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
}

resource "aws_vpc_security_group_egress_rule" "workers" {
  count = var.job_in_network ? 1 : 0

  security_group_id            = aws_security_group.workers[0].id
  description                  = "To one another"
  referenced_security_group_id = aws_security_group.workers[0].id
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
}

data "aws_subnet" "job" {
  count = var.job_in_network ? 1 : 0

  id = var.network.subnet_ids[0]
}

resource "aws_glue_connection" "network" {
  count = var.job_in_network ? 1 : 0

  name            = local.job
  description     = "Into the network, for the job ${local.job}."
  connection_type = "NETWORK"

  physical_connection_requirements {
    availability_zone      = data.aws_subnet.job[0].availability_zone
    subnet_id              = var.network.subnet_ids[0]
    security_group_id_list = [var.network.clients_security_group_id, aws_security_group.workers[0].id]
  }
}

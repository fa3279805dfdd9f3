# Who may open a connection to whom. Rules are resources of their own, so that other modules can add theirs.

resource "aws_security_group" "clients" {
  #checkov:skip=CKV2_AWS_5:Functions and jobs of other modules carry it
  name        = "${var.name}-clients"
  description = "What functions and jobs inside the VPC carry"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-clients" }
}

resource "aws_security_group" "databases" {
  #checkov:skip=CKV2_AWS_5:Databases of other modules carry it
  name        = "${var.name}-databases"
  description = "What databases carry"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-databases" }
}

resource "aws_security_group" "endpoints" {
  #checkov:skip=CKV2_AWS_5:The interface endpoints carry it, where there are any
  name        = "${var.name}-endpoints"
  description = "What interface endpoints carry"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-endpoints" }
}

locals {
  database_ports = { mysql = 3306, postgresql = 5432 }
  gateways       = { dynamodb = aws_vpc_endpoint.dynamodb, s3 = aws_vpc_endpoint.s3 }
}

resource "aws_vpc_security_group_egress_rule" "clients_to_databases" {
  for_each = local.database_ports

  security_group_id            = aws_security_group.clients.id
  description                  = "To databases: ${each.key}"
  referenced_security_group_id = aws_security_group.databases.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "databases_from_clients" {
  for_each = local.database_ports

  security_group_id            = aws_security_group.databases.id
  description                  = "From functions and jobs: ${each.key}"
  referenced_security_group_id = aws_security_group.clients.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_egress_rule" "clients_to_endpoints" {
  security_group_id            = aws_security_group.clients.id
  description                  = "To interface endpoints"
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "endpoints_from_clients" {
  security_group_id            = aws_security_group.endpoints.id
  description                  = "From functions and jobs"
  referenced_security_group_id = aws_security_group.clients.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "clients_to_gateways" {
  for_each = local.gateways

  security_group_id = aws_security_group.clients.id
  description       = "To the gateway endpoint: ${each.key}"
  prefix_list_id    = each.value.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

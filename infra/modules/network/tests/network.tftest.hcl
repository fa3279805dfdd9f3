mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1c", "eu-central-1a", "eu-central-1b"] }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
}

run "private_only" {
  command = plan

  assert {
    condition     = { for zone, subnet in aws_subnet.private : zone => subnet.cidr_block } == { eu-central-1a = "10.40.0.0/20", eu-central-1b = "10.40.16.0/20" }
    error_message = "There must be a private subnet in each of the first two zones."
  }

  assert {
    condition     = length(aws_internet_gateway.this) + length(aws_nat_gateway.this) + length(aws_route.private) + length(aws_vpc_security_group_egress_rule.clients_to_internet) == 0
    error_message = "Without nat nothing may lead to the internet."
  }

  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["logs", "secretsmanager"])
    error_message = "The usual interface endpoints are logs and secretsmanager."
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled])
    error_message = "Callers find an interface endpoint by the service's own name."
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.s3.policy).Statement[1].Resource == ["arn:aws:s3:::endcap-test-*/*"]
    error_message = "The S3 endpoint must lead to buckets of this name alone."
  }

  assert {
    condition = alltrue(flatten([
      for policy in concat([aws_vpc_endpoint.s3.policy, aws_vpc_endpoint.dynamodb.policy], [for endpoint in aws_vpc_endpoint.interface : endpoint.policy]) : [
        for statement in jsondecode(policy).Statement :
        statement.Condition.StringEquals["aws:PrincipalAccount"] == "123456789012" && !anytrue([for action in statement.Action : strcontains(action, "*")])
      ]
    ]))
    error_message = "An endpoint passes named actions of this account's principals."
  }

  assert {
    condition     = { for name, rule in aws_vpc_security_group_ingress_rule.databases_from_clients : name => rule.from_port } == { mysql = 3306, postgresql = 5432 }
    error_message = "Databases are asked on their ports by clients."
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "REJECT" && aws_cloudwatch_log_group.flow[0].kms_key_id == var.kms_key_arn
    error_message = "Refused connections are logged, encrypted."
  }
}

run "nat_three_zones" {
  command = plan

  variables {
    nat                 = true
    zones               = 3
    cidr                = "10.9.0.0/20"
    interface_endpoints = []
    flow_logs           = false
  }

  assert {
    condition     = aws_route.private[0].destination_cidr_block == "0.0.0.0/0" && aws_subnet.public[0].cidr_block == "10.9.15.0/24"
    error_message = "nat must lead out of the private subnets through a public one."
  }

  assert {
    condition     = length(aws_subnet.private) == 3 && length(aws_vpc_endpoint.interface) == 0 && length(aws_iam_role.flow) == 0
    error_message = "Zones, endpoints and flow logs follow their variables."
  }
}

run "refuses" {
  command = plan

  variables {
    name                = "Endcap"
    cidr                = "10.0.0.0/8"
    zones               = 1
    interface_endpoints = ["ec2"]
    log_retention_days  = 2
  }

  expect_failures = [var.name, var.cidr, var.zones, var.interface_endpoints, var.log_retention_days]
}

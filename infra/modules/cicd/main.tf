# Two roles that workflows of one repository take by OIDC: one reads, for plans; one applies.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  arn     = "arn:${data.aws_partition.current.partition}"
  dns     = data.aws_partition.current.dns_suffix

  issuer       = "token.actions.githubusercontent.com"
  provider_arn = var.oidc_provider_arn == null ? one(aws_iam_openid_connect_provider.github[*].arn) : var.oidc_provider_arn

  subjects = {
    plan  = "repo:${var.repository}:pull_request"
    apply = "repo:${var.repository}:environment:${var.environment}"
  }
  role_names = { for role in keys(local.subjects) : role => "${var.name}-ci-${role}" }
  role_arns  = { for role, name in local.role_names : role => "${local.arn}:iam::${local.account}:role/${name}" }

  # A role may have ten policies of 6,144 characters.
  policies = merge(local.read_policies, local.write_policies, { never = local.never })
  of_both  = concat(keys(local.read_policies), ["never"])
  attached = {
    plan  = local.of_both
    apply = concat(local.of_both, keys(local.write_policies))
  }
  attachments = merge([
    for role, policies in local.attached : { for policy in policies : "${role}/${policy}" => { role = role, policy = policy } }
  ]...)
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"] # AWS knows GitHub's certificates: no thumbprint is kept
}

resource "aws_iam_role" "this" {
  for_each = local.subjects

  name                 = local.role_names[each.key]
  description          = "What CI of ${var.repository} may do to ${each.key} ${var.name}."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider_arn }
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = each.value
        }
      }
    }]
  })
}

resource "aws_iam_policy" "this" {
  for_each = local.policies

  name        = "${var.name}-ci-${each.key}"
  description = "CI of ${var.name}: ${each.key}."
  policy      = jsonencode({ Version = "2012-10-17", Statement = each.value })

  lifecycle {
    precondition {
      condition     = length(jsonencode({ Version = "2012-10-17", Statement = each.value })) <= 6144
      error_message = "The policy ${each.key} is longer than the 6,144 characters that IAM takes: divide it."
    }
  }
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = local.attachments

  role       = aws_iam_role.this[each.value.role].name
  policy_arn = aws_iam_policy.this[each.value.policy].arn
}

resource "aws_iam_role_policy" "state" {
  for_each = local.state_statements

  name   = "state"
  role   = aws_iam_role.this[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

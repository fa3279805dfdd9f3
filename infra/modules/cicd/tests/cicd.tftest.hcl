mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { name = "ap-southeast-2" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws-us-gov", dns_suffix = "amazonaws.com" }
  }
}

variables {
  # As long as names may be: the policies must fit all the same.
  name              = "endcap-development-of-all-shops"
  repository        = "shop/endcap"
  state_bucket      = "shop-terraform-state"
  oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
}

run "trust" {
  command = plan

  assert {
    condition = alltrue([
      for role, subject in { plan = "repo:shop/endcap:pull_request", apply = "repo:shop/endcap:environment:dev" } :
      jsondecode(aws_iam_role.this[role].assume_role_policy).Statement == [{
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = var.oidc_provider_arn }
        Condition = {
          StringEquals = {
            "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
            "token.actions.githubusercontent.com:sub" = subject
          }
        }
      }]
    ])
    error_message = "A role is open to others than the jobs that it is for."
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && output.oidc_provider_arn == var.oidc_provider_arn
    error_message = "A second provider would be made, which AWS refuses."
  }

  assert {
    condition     = alltrue([for role, policies in local.attached : length(policies) <= 10 && contains(policies, "never")])
    error_message = "A role has more policies than IAM takes, or goes without the refusals."
  }
}

run "the_plan_only_reads" {
  command = plan

  # Its lock, which is a file, is all that it writes; the rest of its verbs look, or check a text.
  assert {
    condition = alltrue(flatten([
      for policy in concat([for name in local.attached.plan : aws_iam_policy.this[name].policy], [aws_iam_role_policy.state["plan"].policy]) : [
        for statement in jsondecode(policy).Statement : [
          for action in statement.Action :
          can(regex("^[a-z0-9-]+:(Get|List|Describe|GET$|Validate)", action)) || statement.Sid == "Lock" || contains(["kms:Decrypt", "kms:GenerateDataKey"], action)
        ] if statement.Effect == "Allow"
      ]
    ]))
    error_message = "The role for plans can change something."
  }

  assert {
    condition = toset(flatten([
      for policy in concat([for name in local.attached.plan : aws_iam_policy.this[name].policy], [aws_iam_role_policy.state["plan"].policy]) : [
        for statement in jsondecode(policy).Statement : statement.Resource
        if statement.Effect == "Allow" && contains(statement.Action, "s3:GetObject")
      ]
      ])) == toset([
      "arn:aws-us-gov:s3:::endcap-development-of-all-shops-artifacts-111122223333/code/*",
      "arn:aws-us-gov:s3:::endcap-development-of-all-shops-artifacts-111122223333/glue/*",
      "arn:aws-us-gov:s3:::shop-terraform-state/endcap/dev.tfstate",
      "arn:aws-us-gov:s3:::shop-terraform-state/endcap/dev.tfstate.tflock",
    ])
    error_message = "The role for plans reads files of a bucket that holds data."
  }

  assert {
    condition = alltrue(flatten([
      for policy in values(aws_iam_policy.this) : [
        for statement in jsondecode(policy.policy).Statement : [
          for action in statement.Action : !contains([
            "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "kinesis:GetRecords", "secretsmanager:GetSecretValue", "sts:AssumeRole", "iam:CreateUser", "iam:CreateAccessKey",
          ], action) && !strcontains(action, "*")
        ] if statement.Effect == "Allow"
      ]
    ]))
    error_message = "A role reads what people do, makes accounts, or has an action with a wildcard."
  }
}

run "the_apply_is_bounded" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for policy in local.attached.apply : [
        for statement in jsondecode(aws_iam_policy.this[policy].policy).Statement : [
          for place in flatten([statement.Resource]) :
          startswith(place, "arn:aws-us-gov:iam::111122223333:role/${var.name}-") || statement.Sid == "RolesOfServicesThemselves"
        ] if statement.Effect == "Allow" && anytrue([for action in statement.Action : startswith(action, "iam:")])
      ]
    ]))
    error_message = "Roles of others could be changed."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.this["write-roles"].policy).Statement :
      length(try(statement.Condition.StringEquals["iam:PassedToService"], [])) > 0 if contains(statement.Action, "iam:PassRole")
    ])
    error_message = "A role could be given to any service."
  }

  # Whatever it may do to roles, it may not do to itself.
  assert {
    condition = length(setsubtract(
      flatten([for statement in jsondecode(aws_iam_policy.this["write-roles"].policy).Statement : statement.Action]),
      flatten([
        ["iam:CreateServiceLinkedRole"],
        [
          for statement in jsondecode(aws_iam_policy.this["never"].policy).Statement : statement.Action
          if statement.Effect == "Deny" && alltrue([for own in values(local.role_arns) : contains(flatten([try(statement.Resource, [])]), own)])
        ],
      ]),
    )) == 0
    error_message = "The role could give itself more rights."
  }

  # A service whose names we choose is written by name, and every service that is written is read.
  assert {
    condition     = length(setsubtract(keys(local.writes), keys(local.reads))) == 0 && length(flatten(values(local.write_named))) == length(local.writes) && length(flatten(values(local.read_named))) == length(local.reads)
    error_message = "A service fell between the policies."
  }

  assert {
    condition = alltrue([
      for statement in local.write_networks : length(try(statement.Condition.StringEquals, statement.Condition.Null)) > 0
    ])
    error_message = "Networks of others could be changed."
  }
}

run "a_provider_is_made" {
  command = plan

  variables {
    oidc_provider_arn = null
    environment       = "prod"
    state_kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition     = aws_iam_openid_connect_provider.github[0].url == "https://token.actions.githubusercontent.com" && aws_iam_openid_connect_provider.github[0].client_id_list == toset(["sts.amazonaws.com"])
    error_message = "The provider is not GitHub's, or takes tokens for others."
  }

  assert {
    condition     = local.subjects.apply == "repo:shop/endcap:environment:prod" && local.state_key == "endcap/prod.tfstate" && local.is_ours["aws:ResourceTag/environment"] == "prod"
    error_message = "The role of prod reaches into another environment."
  }

  assert {
    condition     = contains([for statement in jsondecode(aws_iam_role_policy.state["plan"].policy).Statement : statement.Sid], "StateKey")
    error_message = "The encrypted state cannot be read."
  }
}

run "a_repository_with_a_wildcard" {
  command = plan

  variables {
    repository = "shop/*"
  }

  expect_failures = [var.repository]
}

run "a_state_that_an_apply_could_open" {
  command = plan

  variables {
    state_bucket = "endcap-development-of-all-shops-state"
  }

  expect_failures = [var.state_bucket]
}

run "another_provider" {
  command = plan

  variables {
    oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/example.com"
  }

  expect_failures = [var.oidc_provider_arn]
}

mock_provider "aws" {}

variables {
  name  = "endcap-test-rest"
  scope = "REGIONAL"
}

run "as_it_comes" {
  command = plan

  assert {
    condition     = length(aws_wafv2_web_acl.this.rule) == 3 && length(aws_wafv2_web_acl.this.default_action[0].allow) == 1
    error_message = "Three rules, and what none of them blocks goes through."
  }

  assert {
    condition     = alltrue([for rule in aws_wafv2_web_acl.this.rule : !rule.visibility_config[0].sampled_requests_enabled && rule.visibility_config[0].cloudwatch_metrics_enabled])
    error_message = "Rules are counted, and no request is kept."
  }

  assert {
    condition     = flatten([for rule in aws_wafv2_web_acl.this.rule : [for group in rule.statement[0].managed_rule_group_statement : [for kept in group.rule_action_override : kept.name]]]) == ["SizeRestrictions_BODY"]
    error_message = "A batch of more than 8 KB is not blocked."
  }
}

run "no_such_scope" {
  command = plan

  variables {
    scope = "GLOBAL"
  }

  expect_failures = [var.scope]
}

output "functions" {
  description = "By the name in infra/functions.json: what callers, gateways, alarms and dashboards need."
  value = {
    for name in keys(local.functions) : name => {
      name             = aws_lambda_function.this[name].function_name
      arn              = aws_lambda_function.this[name].arn
      alias            = aws_lambda_alias.live[name].name
      alias_arn        = aws_lambda_alias.live[name].arn
      alias_invoke_arn = aws_lambda_alias.live[name].invoke_arn
      role_arn         = aws_iam_role.this[name].arn
      role_name        = aws_iam_role.this[name].name
      log_group        = aws_cloudwatch_log_group.this[name].name
    }
  }
}

output "policies" {
  description = "By function: what its role may do, as JSON."
  value       = { for name, policy in aws_iam_role_policy.this : name => policy.policy }
}

output "dead_letter_queues" {
  description = "By asynchronous function: name and ARN of the queue of calls that failed without anybody waiting."
  value       = { for name, queue in aws_sqs_queue.given_up : name => { name = queue.name, arn = queue.arn } }
}

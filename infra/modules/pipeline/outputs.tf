output "state_machines" {
  description = "By the name in infra/state-machines: name, ARN, role and log group of each machine."
  value = {
    for machine, made in aws_sfn_state_machine.this : machine => {
      name      = made.name
      arn       = made.arn
      role_arn  = aws_iam_role.machine[machine].arn
      role_name = aws_iam_role.machine[machine].name
      log_group = aws_cloudwatch_log_group.this[machine].name
    }
  }
}

output "begun" {
  description = "By pipeline (nightly, users): the machine that schedule and rules begin; null where there is none."
  value       = local.begun
}

output "map_run_arns" {
  description = "ARNs of the runs of distributed fan-outs, which NotifyCompletion counts (resource map_runs of the module functions)."
  value       = [for machine in var.machines : format(local.services, "states", "mapRun:${var.name}-users-distributed/users:*") if machine == "users-distributed"]
}

output "topic_arn" {
  description = "ARN of the topic that gets the message of each run: sns://ARN is ENDCAP_SENDER."
  value       = aws_sns_topic.runs.arn
}

output "topic_name" {
  description = "Name of that topic."
  value       = aws_sns_topic.runs.name
}

output "dead_letter_queue" {
  description = "Name and ARN of the queue of what could not begin a run."
  value       = { name = aws_sqs_queue.given_up.name, arn = aws_sqs_queue.given_up.arn }
}

output "policies" {
  description = "By machine and by service that begins runs: what its role may do, as JSON."
  value = merge(
    { for machine, policy in aws_iam_role_policy.machine : machine => policy.policy },
    { for service, policy in aws_iam_role_policy.starter : service => policy.policy },
  )
}

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

override_resource {
  target          = aws_sqs_queue.given_up
  override_during = plan
  values          = { arn = "arn:aws:sqs:eu-central-1:123456789012:endcap-test-runs-given-up" }
}

override_resource {
  target          = aws_sfn_state_machine.this
  override_during = plan
  values          = { arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:one-of-ours" }
}

override_resource {
  target          = aws_cloudwatch_event_rule.new_data
  override_during = plan
  values          = { arn = "arn:aws:events:eu-central-1:123456789012:rule/one-of-ours" }
}

variables {
  name        = "endcap-test"
  kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  machines    = ["nightly", "nightly-small", "users", "users-distributed"]
  functions = {
    FetchRecommendations = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-FetchRecommendations:live"
    ImportUsersFromS3    = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-ImportUsersFromS3:live"
    MockRecommendations  = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-MockRecommendations:live"
    Nightly              = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-Nightly:live"
    NotifyCompletion     = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-NotifyCompletion:live"
    StoreToDynamoDB      = "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-StoreToDynamoDB:live"
  }
  runs_bucket = "endcap-test-runs"
  shop        = { lake = "s3://endcap-test-lake/lake/", documents = "dynamodb://endcap-test-", artifacts = "s3://endcap-test-artifacts" }
  training = {
    role_arn        = "arn:aws:iam::123456789012:role/endcap-test-training"
    image           = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/endcap-test-training:1"
    instance_type   = "ml.m5.xlarge"
    output_url      = "s3://endcap-test-artifacts/training"
    checkpoints_url = "s3://endcap-test-artifacts/checkpoints"
  }
  glue_job = "endcap-test-etl"
  new_data = {
    nightly = { bucket = "endcap-test-lake", prefix = "nightly/" }
    users   = { bucket = "endcap-test-users", prefix = "users/" }
  }
  schedule = { interactions = "s3://endcap-test-lake/events/**/*.jsonl" }
}

# tests/infra/test_machine_rights.py compares the policies of this run with the definitions.
run "all" {
  command = plan

  assert {
    condition     = { for name, machine in aws_sfn_state_machine.this : name => machine.name } == { nightly = "endcap-test-nightly", nightly-small = "endcap-test-nightly-small", users = "endcap-test-users", users-distributed = "endcap-test-users-distributed" }
    error_message = "Machines are called by the prefix and the name of their file."
  }

  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : !strcontains(machine.definition, "$${") && can(jsondecode(machine.definition).States)])
    error_message = "Every placeholder must be filled in, and what comes of it be JSON."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this["users"].definition).States.ImportUsersFromS3.Parameters.FunctionName == "arn:aws:lambda:eu-central-1:123456789012:function:endcap-test-ImportUsersFromS3:live"
    error_message = "A machine calls the alias of a function."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this["nightly"].definition).States.features.Parameters == { JobName = "endcap-test-etl", Arguments = { "--lake" = "s3://endcap-test-lake/lake/default", "--output" = "s3://endcap-test-lake/lake/default/tables" } }
    error_message = "The Glue job reads the shop's lake and writes its tables."
  }

  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : machine.logging_configuration[0].level == "ERROR" && !machine.logging_configuration[0].include_execution_data && machine.tracing_configuration[0].enabled])
    error_message = "Errors are logged without the data of executions, which hold user ids; executions are traced."
  }

  assert {
    condition     = alltrue([for machine in aws_sfn_state_machine.this : machine.encryption_configuration[0].kms_key_id == var.kms_key_arn])
    error_message = "Executions are encrypted by the key."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == var.kms_key_arn && startswith(group.name, "/aws/vendedlogs/states/endcap-test-") && group.retention_in_days == 30])
    error_message = "Logs of machines are encrypted and kept for 30 days."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.machine["nightly-small"].policy).Statement : s.Sid] == ["Functions", "Log", "Trace", "KeyOfExecutions", "KeyOfTheirLog"]
    error_message = "A machine of functions alone may call functions alone."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.machine["nightly-small"].policy).Statement[0].Resource == [var.functions.Nightly, var.functions.NotifyCompletion]
    error_message = "A machine may call the functions that it names."
  }

  assert {
    condition     = [for s in jsondecode(aws_iam_role_policy.machine["nightly"].policy).Statement : s.Resource[0] if contains(["Tables", "Training", "RoleOfTraining"], s.Sid)] == ["arn:aws:glue:eu-central-1:123456789012:job/endcap-test-etl", "arn:aws:sagemaker:eu-central-1:123456789012:training-job/endcap-test-*", "arn:aws:iam::123456789012:role/endcap-test-training"]
    error_message = "The large machine may run one Glue job, begin training jobs of its own names, and hand their role to SageMaker."
  }

  assert {
    condition     = { for s in jsondecode(aws_iam_role_policy.machine["users-distributed"].policy).Statement : s.Sid => s.Resource[0] if contains(["FanOut", "Runs"], s.Sid) } == { FanOut = "arn:aws:states:eu-central-1:123456789012:stateMachine:endcap-test-users-distributed", Runs = "arn:aws:s3:::endcap-test-runs/runs/*" }
    error_message = "The distributed machine may start itself, and read and write below its prefix."
  }

  assert {
    condition     = jsondecode(aws_iam_role.machine["users"].assume_role_policy).Statement[0].Condition.ArnLike == { "aws:SourceArn" = ["arn:aws:states:eu-central-1:123456789012:stateMachine:endcap-test-users"] }
    error_message = "A role is for its own machine alone."
  }

  assert {
    condition     = alltrue(flatten([for policy in merge(aws_iam_role_policy.machine, aws_iam_role_policy.starter) : [for s in jsondecode(policy.policy).Statement : [for action in s.Action : !strcontains(action, "*")]]]))
    error_message = "No action may have a wildcard."
  }

  assert {
    condition     = keys(aws_scheduler_schedule.nightly) == ["nightly"] && aws_scheduler_schedule.nightly["nightly"].schedule_expression == "cron(15 3 * * ? *)" && jsondecode(aws_scheduler_schedule.nightly["nightly"].target[0].input) == { source = "", interactions = "s3://endcap-test-lake/events/**/*.jsonl" }
    error_message = "The larger of the nightly machines is begun at the time in triggers.json, with the events that were delivered."
  }

  assert {
    condition     = aws_scheduler_schedule.nightly["nightly"].state == "ENABLED" && aws_scheduler_schedule.nightly["nightly"].kms_key_arn == var.kms_key_arn && aws_scheduler_schedule.nightly["nightly"].target[0].dead_letter_config[0].arn == "arn:aws:sqs:eu-central-1:123456789012:endcap-test-runs-given-up"
    error_message = "The schedule is on, encrypted, and what it cannot start is kept."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.new_data["users"].event_pattern).detail == { bucket = { name = ["endcap-test-users"] }, object = { key = [{ prefix = "users/" }] } }
    error_message = "New files of users are those below their prefix."
  }

  assert {
    condition     = aws_cloudwatch_event_target.new_data["users"].target_id == "users-distributed" && aws_cloudwatch_event_target.new_data["users"].input_transformer[0].input_template == "{\"source\": \"s3://<bucket>/<key>\"}"
    error_message = "A new file of users is the source of a run of the larger machine."
  }

  assert {
    condition     = aws_sns_topic.runs.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.given_up.kms_master_key_id == var.kms_key_arn && length(aws_sns_topic_subscription.email) == 0
    error_message = "Topic and queue are encrypted, and nobody is told by mail unless named."
  }

  assert {
    condition     = [for s in jsondecode(aws_sqs_queue.given_up.policy).Statement : s.Sid] == ["EncryptedOnTheWay", "EventsOfOurRules"]
    error_message = "The queue takes what our rules cannot start, and nothing that comes without TLS."
  }

  assert {
    condition     = output.map_run_arns == ["arn:aws:states:eu-central-1:123456789012:mapRun:endcap-test-users-distributed/users:*"] && output.begun == { nightly = "nightly", users = "users-distributed" }
    error_message = "Runs of the distributed machine may be counted by their label."
  }
}

run "small" {
  command = plan

  variables {
    machines           = ["nightly-small", "users"]
    runs_bucket        = null
    shop               = null
    training           = null
    glue_job           = null
    new_data           = {}
    emails             = ["shop@example.com"]
    encrypt_executions = false
    schedule           = { enabled = false, expression = "rate(12 hours)", timezone = "Europe/Berlin", source = "s3://endcap-test-lake/nightly" }
  }

  assert {
    condition     = keys(aws_sfn_state_machine.this) == ["nightly-small", "users"] && alltrue([for machine in aws_sfn_state_machine.this : length(machine.encryption_configuration) == 0])
    error_message = "Small machines need neither Glue nor SageMaker nor a bucket of runs."
  }

  assert {
    condition     = aws_scheduler_schedule.nightly["nightly-small"].state == "DISABLED" && aws_scheduler_schedule.nightly["nightly-small"].schedule_expression == "rate(12 hours)" && aws_scheduler_schedule.nightly["nightly-small"].schedule_expression_timezone == "Europe/Berlin"
    error_message = "The schedule may be another, or off."
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.new_data) == 0 && keys(aws_iam_role.starter) == ["scheduler"] && length(jsondecode(aws_sqs_queue.given_up.policy).Statement) == 1
    error_message = "Without buckets there are no rules, and no role for them."
  }

  assert {
    condition     = [for address in aws_sns_topic_subscription.email : address.endpoint] == ["shop@example.com"]
    error_message = "Who is named is told by mail."
  }

  assert {
    condition     = output.map_run_arns == [] && output.begun == { nightly = "nightly-small", users = "users" }
    error_message = "There are no distributed runs to be counted."
  }
}

run "users_alone" {
  command = plan

  variables {
    machines = ["users"]
  }

  assert {
    condition     = length(aws_scheduler_schedule.nightly) == 0 && keys(aws_cloudwatch_event_rule.new_data) == ["users"] && keys(aws_iam_role.starter) == ["events"]
    error_message = "Without a nightly machine nothing is scheduled, and new files for it begin nothing."
  }
}

run "training_on_spot_instances" {
  command = plan

  variables {
    machines = ["nightly"]
    training = {
      role_arn        = "arn:aws:iam::123456789012:role/endcap-test-training"
      image           = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/endcap-test-training:1"
      instance_type   = "ml.m5.xlarge"
      output_url      = "s3://endcap-test-artifacts/training"
      checkpoints_url = "s3://endcap-test-artifacts/checkpoints"
      spot            = true
    }
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this["nightly"].definition).States.train.Parameters.EnableManagedSpotTraining == true && jsondecode(aws_sfn_state_machine.this["nightly"].definition).States.train.Parameters.StoppingCondition == { MaxRuntimeInSeconds = 14400, MaxWaitTimeInSeconds = 14400 }
    error_message = "A job on spot instances waits for them, and says for how long at most."
  }
}

run "training_on_instances_of_its_own" {
  command = plan

  variables {
    machines = ["nightly"]
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.this["nightly"].definition).States.train.Parameters.StoppingCondition == { MaxRuntimeInSeconds = 14400 } && !contains(keys(jsondecode(aws_sfn_state_machine.this["nightly"].definition).States.train.Parameters), "EnableManagedSpotTraining")
    error_message = "SageMaker refuses a longest wait for instances that are not spot."
  }
}

run "what_the_large_machine_needs" {
  command = plan

  variables {
    machines = ["nightly"]
    training = null
  }

  expect_failures = [aws_sfn_state_machine.this]
}

run "a_function_that_is_not_there" {
  command = plan

  variables {
    machines  = ["users"]
    functions = {}
  }

  expect_failures = [aws_sfn_state_machine.this]
}

run "wrong_words" {
  command = plan

  variables {
    name               = "x"
    machines           = ["weekly"]
    runs_prefix        = "runs/"
    new_data           = { orders = { bucket = "b", prefix = "p" } }
    emails             = ["nobody"]
    schedule           = { expression = "15 3 * * *", source = "s3://b/\"quoted" }
    log_retention_days = 31
  }

  expect_failures = [
    var.name, var.machines, var.runs_prefix, var.new_data, var.emails, var.schedule, var.log_retention_days,
  ]
}

"""What the role of each state machine may do, as Terraform plans it: what its definition calls, and
beside that only what is named and explained here. The definitions are those with everything filled
in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

pytestmark = pytest.mark.server

PREFIX = "endcap-test"  # of modules/pipeline/tests/machines.tftest.hcl
MACHINES = ("nightly", "nightly-small", "users", "users-distributed")
STARTERS = ("events", "scheduler")
HERE = "eu-central-1:123456789012"
KEY = f"arn:aws:kms:{HERE}:key/00000000-0000-0000-0000-000000000000"
QUEUE = f"arn:aws:sqs:{HERE}:{PREFIX}-runs-given-up"

Held = dict[str, tuple[set[str], set[str]]]  # by Sid: (actions, resources)

# What Step Functions does by the machine's role for each kind of call in a definition: it asks how
# a job goes on, ends it with the execution, tags it as its own, and writes results in parts.
CALLED: dict[str, Held] = {
    "glue:startJobRun.sync": {
        "Tables": (
            {"glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"},
            {f"arn:aws:glue:{HERE}:job/{PREFIX}-etl"},
        ),
    },
    "sagemaker:createTrainingJob.sync": {
        "Training": (
            {"sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob",
             "sagemaker:StopTrainingJob", "sagemaker:AddTags", "sagemaker:ListTags"},
            {f"arn:aws:sagemaker:{HERE}:training-job/{PREFIX}-*"},
        ),
        "RoleOfTraining": (
            {"iam:PassRole"}, {"arn:aws:iam::123456789012:role/endcap-test-training"},
        ),
        "EndOfTraining": (
            {"events:DescribeRule", "events:PutRule", "events:PutTargets"},
            {f"arn:aws:events:{HERE}:rule/StepFunctionsGetEventsForSageMakerTrainingJobsRule"},
        ),
    },
    "s3:getObject": {
        "Runs": ({"s3:GetObject"}, {f"arn:aws:s3:::{PREFIX}-runs/runs/*"}),
        "KeyOfRuns": ({"kms:Decrypt"}, {KEY}),
    },
    "s3:putObject": {
        "Runs": (
            {"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"},
            {f"arn:aws:s3:::{PREFIX}-runs/runs/*"},
        ),
        "KeyOfRuns": ({"kms:GenerateDataKey"}, {KEY}),
    },
    "DISTRIBUTED": {
        "FanOut": (
            {"states:StartExecution"},
            {f"arn:aws:states:{HERE}:stateMachine:{PREFIX}-users-distributed"},
        ),
        "ItsMembers": (
            {"states:DescribeExecution", "states:StopExecution"},
            {f"arn:aws:states:{HERE}:execution:{PREFIX}-users-distributed:*",
             f"arn:aws:states:{HERE}:execution:{PREFIX}-users-distributed/users:*"},
        ),
    },
}  # fmt: skip
# Of every machine. Deliveries of logs and X-Ray have no resources.
BASICS: Held = {
    "Log": (
        {"logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups",
         "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
         "logs:PutResourcePolicy", "logs:UpdateLogDelivery"},
        {"*"},
    ),
    "Trace": (
        {"xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords",
         "xray:PutTraceSegments"},
        {"*"},
    ),
    "KeyOfExecutions": ({"kms:Decrypt", "kms:GenerateDataKey"}, {KEY}),
    "KeyOfTheirLog": ({"kms:GenerateDataKey"}, {KEY}),
}  # fmt: skip


class Planned(NamedTuple):
    policies: Mapping[str, Any]
    definitions: Mapping[str, Any]


@pytest.fixture(scope="module")
def planned(terraform: Any) -> Planned:
    plan = terraform.planned("modules/pipeline", "tests/machines.tftest.hcl", "all")
    changes = [(c["type"], c.get("index"), c["change"]["after"]) for c in plan["resource_changes"]]
    return Planned(
        {of: json.loads(a["policy"]) for kind, of, a in changes if kind == "aws_iam_role_policy"},
        {of: json.loads(a["definition"]) for kind, of, a in changes if "sfn_state" in kind},
    )


def held(policy: Mapping[str, Any]) -> Held:
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    found = {s["Sid"]: (set(s["Action"]), set(s["Resource"])) for s in policy["Statement"]}
    assert len(found) == len(policy["Statement"])
    return found


def calls(part: Any) -> Iterator[tuple[str, str]]:
    """(kind of call, function) wherever they stand in a definition."""
    if isinstance(part, Mapping):
        resource = str(part.get("Resource", ""))
        if resource.startswith("arn:aws:states:::"):
            function = part["Parameters"].get("FunctionName", "")
            yield resource.removeprefix("arn:aws:states:::"), function
        if part.get("Mode") == "DISTRIBUTED":
            yield "DISTRIBUTED", ""
    inner = part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ()
    for member in inner:
        yield from calls(member)


def wanted(definition: Mapping[str, Any]) -> Held:
    made = set(calls(definition))
    found = {sid: (set(actions), set(on)) for sid, (actions, on) in BASICS.items()}
    found["Functions"] = ({"lambda:InvokeFunction"}, {function for _, function in made} - {""})
    for kind in {kind for kind, _ in made} - {"lambda:invoke"}:
        for sid, (actions, resources) in CALLED[kind].items():
            known = found.setdefault(sid, (set(), set()))
            found[sid] = (known[0] | actions, known[1] | resources)
    return found


def test_every_machine_has_a_role_of_its_own(planned: Planned) -> None:
    assert set(planned.policies) == {*MACHINES, *STARTERS}
    assert set(planned.definitions) == {*MACHINES}


@pytest.mark.parametrize("machine", MACHINES)
def test_a_role_has_what_its_definition_calls_and_the_basics(
    planned: Planned, machine: str
) -> None:
    assert held(planned.policies[machine]) == wanted(planned.definitions[machine])


def test_what_a_definition_calls_is_found_at_any_depth(planned: Planned) -> None:
    """What the test above rests on."""
    kinds = {kind for kind, _ in calls(planned.definitions["users-distributed"])}
    assert kinds == {"lambda:invoke", "s3:getObject", "s3:putObject", "DISTRIBUTED"}
    functions = {function for _, function in calls(planned.definitions["users"])} - {""}
    assert {function.split(":")[6].removeprefix(f"{PREFIX}-") for function in functions} == {
        "ImportUsersFromS3", "MockRecommendations", "FetchRecommendations", "StoreToDynamoDB",
        "NotifyCompletion",
    }  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_filled_in_is_still_the_language(planned: Planned, machine: str) -> None:
    # As in tests/pipeline: of draft 2020-12, though it does not say so.
    schema = files("cfnlint") / "data/schemas/other/step_functions/statemachine.json"
    validator = Draft202012Validator(json.loads(schema.read_text("utf-8")))
    definition = planned.definitions[machine]
    assert [error.message[:200] for error in validator.iter_errors(definition)] == []
    broken = {**definition, "States": {"a": {"Type": "Task", "Resource": "x", "Retry": "often"}}}
    assert list(validator.iter_errors(broken)) != []


def test_a_training_job_gets_its_role_from_sagemaker_alone(planned: Planned) -> None:
    (passing,) = (
        statement
        for statement in planned.policies["nightly"]["Statement"]
        if statement["Action"] == ["iam:PassRole"]
    )
    assert passing["Condition"] == {
        "StringEquals": {"iam:PassedToService": ["sagemaker.amazonaws.com"]}
    }
    job = planned.definitions["nightly"]["States"]["train"]["Parameters"]
    assert passing["Resource"] == [job["RoleArn"]]
    assert job["TrainingJobName.$"].startswith(f"States.Format('{PREFIX}-")


def test_what_begins_runs_may_begin_its_own_and_leave_what_it_cannot(planned: Planned) -> None:
    assert {sid: actions for sid, (actions, _) in held(planned.policies["events"]).items()} == {
        "Start": {"states:StartExecution"}
    }
    scheduler = held(planned.policies["scheduler"])
    assert scheduler.pop("Start")[0] == {"states:StartExecution"}
    assert scheduler == {
        "GivenUp": ({"sqs:SendMessage"}, {QUEUE}),
        "KeyToRead": ({"kms:Decrypt"}, {KEY}),
        "KeyToWrite": ({"kms:GenerateDataKey"}, {KEY}),
    }

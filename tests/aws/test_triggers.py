"""The committed triggers on the emulator: a new file of a bucket → the rule → a run's input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server
TRIGGERS = Path(__file__).parents[2] / "infra" / "state-machines" / "triggers.json"


def filled(name: str, bucket: str, prefix: str) -> dict[str, Any]:
    """As Terraform fills the placeholders in."""
    text = TRIGGERS.read_text("utf-8")
    places = {"source": "s3://b/in", "interactions": "s3://b/events/**/*.jsonl"}
    for placeholder, value in {"bucket": bucket, "prefix": prefix, **places}.items():
        text = text.replace(f"${{{name}_{placeholder}}}", value)
    found: dict[str, Any] = json.loads(text)[name]
    return found


@pytest.fixture
def rule(aws: Any) -> Any:
    """(a bucket, what arrives at the target) of a rule made of a trigger."""

    def made(name: str) -> tuple[str, dict[str, Any], Any]:
        bucket = aws.name("new")
        aws.client("s3").create_bucket(Bucket=bucket)
        aws.client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        told = filled(name, bucket, "users/")["new_data"]
        queue = aws.client("sqs").create_queue(QueueName=aws.name("target"))["QueueUrl"]
        arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        events, rule_name = aws.client("events"), aws.name("rule")
        events.put_rule(Name=rule_name, EventPattern=json.dumps(told["pattern"]))
        transformer = {"InputPathsMap": told["paths"], "InputTemplate": told["template"]}
        target = {"Id": "t", "Arn": arn["Attributes"]["QueueArn"], "InputTransformer": transformer}
        events.put_targets(Rule=rule_name, Targets=[target])

        def arrived() -> list[Any]:
            answer = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            return [json.loads(one["Body"]) for one in answer.get("Messages", ())]

        return bucket, told, arrived

    return made


@pytest.mark.parametrize("name", ["nightly", "users"])
def test_a_new_file_below_the_prefix_meets_the_rule(aws: Any, rule: Any, name: str) -> None:
    bucket, _, arrived = rule(name)
    for key in ("other/users.json", "users/today.json"):
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"[]")
    (event,) = arrived()
    assert event["detail"]["object"]["key"] == "users/today.json"


@pytest.mark.parametrize(("name", "fact"), [("nightly", "interactions"), ("users", "source")])
def test_the_event_becomes_the_input_of_the_machine(
    aws: Any, rule: Any, name: str, fact: str
) -> None:
    bucket, _, arrived = rule(name)
    detail = {"bucket": {"name": bucket}, "object": {"key": "users/today.json", "size": 2}}
    aws.client("events").put_events(
        Entries=[{"Source": "aws.s3", "DetailType": "Object Created", "Detail": json.dumps(detail)}]
    )
    assert arrived() == [{fact: f"s3://{bucket}/users/today.json"}]


def test_the_schedule_is_one_that_eventbridge_takes(aws: Any) -> None:
    told = filled("nightly", "b", "p")["schedule"]
    name = aws.name("nightly")
    aws.client("scheduler").create_schedule(
        Name=name, ScheduleExpression=told["expression"],
        ScheduleExpressionTimezone=told["timezone"], FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:nightly",
                "RoleArn": "arn:aws:iam::123456789012:role/any",
                "Input": json.dumps(told["input"])},
    )  # fmt: skip
    made = aws.client("scheduler").get_schedule(Name=name)
    assert made["ScheduleExpression"] == "cron(15 3 * * ? *)"
    given = {"source": "s3://b/in", "interactions": "s3://b/events/**/*.jsonl"}
    assert json.loads(made["Target"]["Input"]) == given

"""A deployed environment as its users meet it: files in, runs, answers to events of gateways."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from uuid import uuid4

JSON = ("Content-Type", "application/json")
MOST_S = 900.0


class Deployment:
    """``told``: Terraform's outputs."""

    def __init__(self, aws: Any, told: dict[str, Any], events: Any) -> None:
        self.aws, self.told, self.events = aws, told, events

    def put(self, bucket: str, key: str, body: str) -> dict[str, Any]:
        """A new file, and what its bucket tells EventBridge of it."""
        name = self.told["buckets"][bucket]
        self.aws.client("s3").put_object(Bucket=name, Key=key, Body=body.encode())
        return {"detail": {"bucket": {"name": name}, "object": {"key": key}}}

    def begun_by(self, pipeline: str, event: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The run that the rule for new files begins with that event, to its end: the rule's own
        target is started with the input that its own template makes."""
        rules = self.aws.client("events")
        name = f"{self.told['name']}-new-{pipeline}"
        pattern = json.loads(rules.describe_rule(Name=name)["EventPattern"])
        assert event["detail"]["bucket"]["name"] in pattern["detail"]["bucket"]["name"]
        prefixes = [one["prefix"] for one in pattern["detail"]["object"]["key"]]
        assert event["detail"]["object"]["key"].startswith(tuple(prefixes))
        (target,) = rules.list_targets_by_rule(Rule=name)["Targets"]
        given = filled(target["InputTransformer"], event)
        return self.run(target["Arn"], {**given, **more})

    def run(self, machine: str, given: dict[str, Any]) -> dict[str, Any]:
        steps = self.aws.client("stepfunctions")
        begun = steps.start_execution(
            stateMachineArn=machine, name=str(uuid4()), input=json.dumps(given)
        )
        until = time.monotonic() + MOST_S
        while True:
            told: dict[str, Any] = steps.describe_execution(executionArn=begun["executionArn"])
            if told["status"] != "RUNNING":
                return {**told, "output": json.loads(told.get("output") or "{}")}
            assert time.monotonic() < until, told
            time.sleep(0.2)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """The deployed function, by the alias that callers use; it must not fail."""
        answer = self.aws.client("lambda").invoke(
            FunctionName=function, Qualifier="live", Payload=json.dumps(event)
        )
        body = json.load(answer["Payload"])
        assert "FunctionError" not in answer, body
        return body

    def ask(
        self, method: str, target: str, body: Any = None, *, function: str = "api",
        form: str = "http-v2-stage", headers: Any = (),
    ) -> Any:  # fmt: skip
        """What a client of a gateway gets, by way of the event that the gateway makes."""
        raw = b"" if body is None else json.dumps(body).encode()
        event = self.events.FORMS[form](method, target, raw, [JSON, *headers])
        return self.events.answer_of(self.invoke(self.told["functions"][function], event))

    def ids(self, user_id: str, **more: Any) -> list[str]:
        found = self.ask("GET", f"/v1/recommendations/personalized?userId={user_id}&k=10", **more)
        assert found.status == 200, found.raw
        return [item["id"] for item in found.body["items"]]

    def items(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.aws.client("dynamodb").scan(
            TableName=self.told["tables"][table]
        )["Items"]
        return found


def filled(transformer: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """The input that EventBridge makes of an event."""

    def at(path: str) -> str:
        found: Any = event
        for member in path.removeprefix("$.").split("."):
            found = found[member]
        return str(found)

    paths = transformer["InputPathsMap"]
    made = re.sub(r"<(\w+)>", lambda m: at(paths[m[1]]), transformer["InputTemplate"])
    given: dict[str, Any] = json.loads(made)
    return given

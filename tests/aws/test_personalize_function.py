"""The Personalize API of the function ``api`` with registry, log and jobs in AWS: two instances
before the same tables and the same state machine of the emulator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_calls import dynamodb_client
from endcap.adapters.dynamodb_tables import Names, create
from endcap.entrypoints.lambdas import api
from endcap.settings import load_settings
from endcap.telemetry import Telemetry

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

GROUP = "arn:aws:personalize:us-east-1:123456789012:dataset-group/default"
RECIPE = "arn:aws:personalize:::recipe/aws-popularity-count"
TARGET = "AmazonPersonalize."
ITEMS = {
    "type": "record",
    "name": "Items",
    "fields": [{"name": "ITEM_ID", "type": "string"}, {"name": "COLOUR", "type": "string"}],
    "version": "1.0",
}
ENDS = {"StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}}


class Cloud:
    def __init__(self, aws: Any, gateway_events: Any, root: Path) -> None:
        self.steps = aws.client("stepfunctions")
        self.names, self._events = Names(aws.name("shop") + "-"), gateway_events
        create(dynamodb_client(attempts=5), self.names)
        self.machine = self.steps.create_state_machine(
            name=aws.name("control"), definition=json.dumps(ENDS),
            roleArn="arn:aws:iam::123456789012:role/any",
        )["stateMachineArn"]  # fmt: skip
        self._root = root

    def instance(self, disk: str) -> Any:
        settings = {
            "ENDCAP_HOME": str(self._root / disk),
            "ENDCAP_AUTH": "gateway",
            "ENDCAP_LOG": "dynamodb",
            "ENDCAP_DOCUMENTS": f"dynamodb://{self.names.prefix}",
            "ENDCAP_JOBS": f"stepfunctions://control={self.machine}",
        }
        gateway, _ = api.built(load_settings(settings), Telemetry())

        def ask(name: str, path: str = "", /, **given: Any) -> Any:
            headers = [] if path else [("X-Amz-Target", TARGET + name)]
            raw = json.dumps(given).encode()
            event = self._events.second("POST", f"/personalize{path}", raw, headers)
            told = self._events.answer_of(gateway(event))
            assert told.status == 200, told.raw
            return told.body if told.raw else {}

        return ask


@pytest.fixture
def cloud(aws: Any, gateway_events: Any, tmp_path: Path) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        yield Cloud(aws, gateway_events, tmp_path)


def test_instances_share_resources_events_and_jobs(cloud: Cloud) -> None:
    one, other = cloud.instance("one"), cloud.instance("other")
    assert [g["name"] for g in one("ListDatasetGroups")["datasetGroups"]] == ["default"]
    schema = one("CreateSchema", name="items", schema=json.dumps(ITEMS))["schemaArn"]
    dataset = other(
        "CreateDataset", name="items", schemaArn=schema, datasetGroupArn=GROUP, datasetType="Items"
    )["datasetArn"]
    told = one("DescribeDataset", datasetArn=dataset)["dataset"]
    assert told["status"] == "ACTIVE"
    put = {"itemId": "kettle", "properties": '{"colour": "red"}'}
    one("PutItems", "/items", datasetArn=dataset, items=[put])
    tracker = other("CreateEventTracker", name="clicks", datasetGroupArn=GROUP)["trackingId"]
    event = {"eventType": "view", "itemId": "kettle", "sentAt": time.time()}
    one(
        "PutEvents", "/events",
        trackingId=tracker, userId="u", sessionId="s", eventList=[event],
    )  # fmt: skip
    rows = dynamodb_client(attempts=5).scan(TableName=cloud.names.of("changes"))["Items"]
    assert b"kettle" in b"".join(v["B"] for row in rows for v in row.values() if "B" in v)

    solution = one("CreateSolution", name="s", datasetGroupArn=GROUP, recipeArn=RECIPE)
    version = one("CreateSolutionVersion", **solution)
    (execution,) = cloud.steps.list_executions(stateMachineArn=cloud.machine)["executions"]
    given = cloud.steps.describe_execution(executionArn=execution["executionArn"])["input"]
    assert json.loads(given) == {"arguments": [version["solutionVersionArn"]]}
    until = time.monotonic() + 60  # a machine that does nothing: given up after the third time
    while time.monotonic() < until:
        told = other("DescribeSolutionVersion", **version)["solutionVersion"]
        if told["status"] == "CREATE FAILED":
            break
        time.sleep(0.2)
    assert told["status"] == "CREATE FAILED"
    assert len(cloud.steps.list_executions(stateMachineArn=cloud.machine)["executions"]) == 3

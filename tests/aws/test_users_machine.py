"""A file of users in a bucket → the state machine of the functions → stored items, one message.

The functions are run from a zip by Lambda's own runtime client, the machine as it is committed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb import DynamoDocuments
from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_tables import Names
from endcap.entrypoints.lambdas.table import FUNCTIONS

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
MACHINES = ROOT / "infra" / "state-machines"
NAMES = ("ImportUsersFromS3", "MockRecommendations", "FetchRecommendations", "StoreToDynamoDB",
         "NotifyCompletion")  # fmt: skip
ROLE = {"Version": "2012-10-17", "Statement": []}
KNOWN, USERS, BAD_EVERY = 60, 200, 20


class Account:
    """Tables, a bucket, a topic that a queue listens to, and the five functions."""

    def __init__(self, aws: Any, code: bytes, home: Path, **variables: str) -> None:
        self.aws, self.home, self.told = aws, home, home.parent / "told"
        self.users, self.stored = aws.name("EcommerceUsers"), aws.name("storeRecommendations")
        self.bucket = aws.name("users")
        aws.client("s3").create_bucket(Bucket=self.bucket)
        for table in (self.users, self.stored):
            aws.client("dynamodb").create_table(
                TableName=table,
                AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self.topic = aws.client("sns").create_topic(Name=aws.name("runs"))["TopicArn"]
        self.queue = aws.client("sqs").create_queue(QueueName=aws.name("told"))["QueueUrl"]
        arn = aws.client("sqs").get_queue_attributes(
            QueueUrl=self.queue, AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        aws.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.role = aws.client("iam").create_role(
            RoleName=aws.name("role"), AssumeRolePolicyDocument=json.dumps(ROLE)
        )["Role"]["Arn"]
        self.variables = {
            "ENDCAP_HOME": str(home),
            "ENDCAP_SENDER": f"sns://{self.topic}",
            "ENDCAP_TABLES": f"EcommerceUsers={self.users},storeRecommendations={self.stored}",
            "RunsUrl": f"s3://{self.bucket}/runs",
            "TOLD": str(self.told),
            **variables,
        }
        self.arns = {name: self.function(name, code) for name in NAMES}

    def function(self, name: str, code: bytes) -> str:
        made = self.aws.client("lambda").create_function(
            FunctionName=self.aws.name(name),
            Runtime="python3.11",
            Role=self.role,
            Handler=FUNCTIONS[name].handler,
            Code={"ZipFile": code},
            Timeout=max(FUNCTIONS[name].timeout_s, 120),  # a slow machine is no defect
            Environment={"Variables": self.variables},
        )
        return str(made["FunctionArn"])

    def run(self, machine: str, source: str, **arguments: Any) -> dict[str, Any]:
        """One execution to its end."""
        steps = self.aws.client("stepfunctions")
        text = re.sub(
            r"\$\{(\w+)\}",  # as Terraform's templatefile fills them in
            lambda found: self.arns[found[1]],
            (MACHINES / machine).read_text("utf-8"),
        )
        arn = steps.create_state_machine(
            name=self.aws.name("users"), definition=text, roleArn=self.role
        )["stateMachineArn"]
        begun = steps.start_execution(
            stateMachineArn=arn,
            name=self.aws.name("run"),
            input=json.dumps({"source": source, **arguments}),
        )
        until = time.monotonic() + 500
        while True:
            told: dict[str, Any] = steps.describe_execution(executionArn=begun["executionArn"])
            if told["status"] != "RUNNING":
                return told
            assert time.monotonic() < until, self.told.read_text("utf-8")[-2000:]
            time.sleep(0.1)

    def upload(self, records: list[Any] | str, key: str = "ecommerce_users.json") -> str:
        body = records if isinstance(records, str) else json.dumps(records)
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body.encode())
        return f"s3://{self.bucket}/{key}"

    def items(self, table: str) -> dict[str, dict[str, Any]]:
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        found = [item for page in pages for item in page["Items"]]
        return {item["user_id"]["S"]: item for item in found}

    def messages(self) -> list[dict[str, Any]]:
        answer = self.aws.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(one["Body"]) for one in answer.get("Messages", [])]


Open = Callable[..., Account]


@pytest.fixture
def account(aws: Any, functions_zip: Path, checkerboard_home: Path, tmp_path: Path) -> Open:
    def made(**variables: str) -> Account:
        home = tmp_path / "home"
        if not home.exists():
            shutil.copytree(checkerboard_home, home)
        kept = {n: os.environ[n] for n in ("NUMBA_CACHE_DIR",) if n in os.environ}
        return Account(aws, functions_zip.read_bytes(), home, **kept, **variables)

    return made


def names(item: dict[str, Any]) -> list[str]:
    return [value["S"] for value in item["recommendations"]["L"]]


def test_users_of_whom_some_are_bad_records(
    account: Open, board: Any, aws: Any, xray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    shop = account(AWS_XRAY_DAEMON_ADDRESS=xray.address)
    records: list[Any] = [
        {"userId": f"s{n}", "email": f"person{n}@mail.example", "location": "Long Street"}
        for n in range(USERS)
    ]
    for n in range(KNOWN, USERS, BAD_EVERY):
        records[n] = {"email": f"person{n}@mail.example"} if n % 100 else "nobody"
    bad = len(range(KNOWN, USERS, BAD_EVERY))
    source = shop.upload(records)
    began = time.monotonic()
    done = shop.run("users.asl.json", source, k=3)
    print(f"{USERS} users in {time.monotonic() - began:.1f} s")  # noqa: T201
    assert done["status"] == "SUCCEEDED", shop.told.read_text("utf-8")[-2000:]
    users, stored = shop.items(shop.users), shop.items(shop.stored)
    assert len(users) == len(stored) == USERS - bad
    assert users["s7"]["email"] == {"S": "person7@mail.example"}
    calls, given = DynamoCalls(), {"storeRecommendations": shop.stored}
    documents = DynamoDocuments(calls, Names(given=given))
    for n in range(0, KNOWN, 7):
        item = stored[f"s{n}"]
        assert names(item) == board.ids(user_id=f"s{n}", k=3)
        document = documents.get("storeRecommendations", f"s{n}")
        assert document is not None
        assert document.body["recommendations"] == names(item)
        assert set(item) == {
            "user_id", "recommendations", "scores", "model_version", "strategy", "stored_at",
        }  # fmt: skip
        assert item["model_version"] == {"S": "v0001"}
        assert item["stored_at"]["N"].isdigit()
    (message,) = shop.messages()
    lines = message["Message"].splitlines()
    assert f"outcomes: stored {USERS - bad}" in lines
    assert f"read: {USERS}" in lines
    assert f"bad: {bad}" in lines
    assert message["MessageAttributes"]["failures"]["Value"] == str(bad)
    assert message["MessageAttributes"]["runId"]["Value"].startswith("run-")
    assert len(xray.documents()) > 3 * (USERS - bad)
    told = "\n".join([shop.told.read_text("utf-8"), json.dumps(message), *xray.texts])
    assert "mail.example" not in told
    assert "Long Street" not in told
    assert '"s7"' not in told


def test_users_who_fail_are_counted_and_told(account: Open) -> None:
    shop = account()
    records = [{"userId": "s0"}, {"userId": "s1"}, {"userId": "s2"}]
    shop.aws.client("lambda").update_function_configuration(
        FunctionName=shop.arns["StoreToDynamoDB"],
        Environment={"Variables": {**shop.variables, "ENDCAP_TABLES": "storeRecommendations=none"}},
    )
    done = shop.run("users.asl.json", shop.upload(records))
    assert done["status"] == "SUCCEEDED", (done, shop.told.read_text("utf-8")[-3000:])
    (message,) = shop.messages()
    assert "outcomes: failed 3" in message["Message"].splitlines()
    assert message["MessageAttributes"]["failures"]["Value"] == "3"


def test_a_file_that_is_not_there_takes_the_failure_branch(account: Open) -> None:
    shop = account()
    done = shop.run("users.asl.json", f"s3://{shop.bucket}/missing.json")
    assert done["status"] == "FAILED"
    (message,) = shop.messages()
    lines = message["Message"].splitlines()
    assert lines[1:4] == ["status: failed", "step: ImportUsersFromS3", "error: NotFound"]
    assert shop.items(shop.stored) == {}

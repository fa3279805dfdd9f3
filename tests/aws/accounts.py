"""An account of the emulator, set up as infra/ would: tables, a bucket, a topic that a queue
listens to, functions with their variables, and state machines as they are committed."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from endcap.adapters.dynamodb_tables import Names, create
from endcap.entrypoints.lambdas.table import FUNCTIONS

MACHINES = Path(__file__).parents[2] / "infra" / "state-machines"
ROLE = {"Version": "2012-10-17", "Statement": []}
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/endcap:tested"
RUNS = "runs"
LEAST_TIMEOUT_S = 120  # a slow machine is no defect


class Account:
    """``code``: the zip of the functions; ``folder``: where their output goes. ``variables`` are
    those of all functions."""

    def __init__(self, aws: Any, code: bytes, folder: Path, **variables: str) -> None:
        self.aws, self.code, self.told = aws, code, folder / "told"
        self.names = Names(aws.name("shop") + "-")
        create(aws.client("dynamodb"), self.names)
        self.bucket = aws.name("bucket")
        aws.client("s3").create_bucket(Bucket=self.bucket)
        self.topic = aws.client("sns").create_topic(Name=aws.name("runs"))["TopicArn"]
        self.queue = aws.client("sqs").create_queue(QueueName=aws.name("told"))["QueueUrl"]
        arn = aws.client("sqs").get_queue_attributes(
            QueueUrl=self.queue, AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        aws.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.role = aws.client("iam").create_role(
            RoleName=aws.name("role"), AssumeRolePolicyDocument=json.dumps(ROLE)
        )["Role"]["Arn"]
        kept = {name: os.environ[name] for name in ("NUMBA_CACHE_DIR",) if name in os.environ}
        self.variables = {
            "ENDCAP_SENDER": f"sns://{self.topic}",
            "TOLD": str(self.told),
            **kept,
            **variables,
        }
        self.arns: dict[str, str] = {}
        self.places = {"runs_bucket": self.bucket, "runs_prefix": RUNS}

    def function(self, name: str, **variables: str) -> str:
        """Make a function of the table; its ARN."""
        row = FUNCTIONS[name]
        if row.package == "image":
            what = {
                "PackageType": "Image",
                "Code": {"ImageUri": IMAGE},
                "ImageConfig": {"Command": [row.handler]},
            }
        else:
            zipped = {"ZipFile": self.code}
            what = {"Runtime": "python3.11", "Handler": row.handler, "Code": zipped}
        made = self.aws.client("lambda").create_function(
            FunctionName=self.aws.name(name),
            Role=self.role,
            Timeout=max(row.timeout_s, LEAST_TIMEOUT_S),
            Environment={"Variables": {**self.variables, **variables}},
            **what,
        )
        self.arns[name] = str(made["FunctionArn"])
        return self.arns[name]

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """What a function answers. It must not fail."""
        answer = self.aws.client("lambda").invoke(
            FunctionName=self.arns[name], Payload=json.dumps(event)
        )
        body = json.load(answer["Payload"])
        assert "FunctionError" not in answer, body
        return body

    def machine(self, file: str, **words: str) -> str:
        """A committed state machine over this account's functions; its ARN. ``words`` that the
        emulator does not know are replaced."""
        text = re.sub(
            r"\$\{(\w+)\}",  # as Terraform's templatefile fills them in
            lambda found: self.arns.get(found[1]) or self.places[found[1]],
            (MACHINES / file).read_text("utf-8"),
        )
        for word, known in words.items():
            text = text.replace(f'"{word}"', f'"{known}"')
        made = self.aws.client("stepfunctions").create_state_machine(
            name=self.aws.name(file.split(".", maxsplit=1)[0]), definition=text, roleArn=self.role
        )
        return str(made["stateMachineArn"])

    def run(self, machine: str, **given: Any) -> dict[str, Any]:
        """One execution to its end: as Step Functions describes it, ``output`` as JSON."""
        steps = self.aws.client("stepfunctions")
        begun = steps.start_execution(
            stateMachineArn=machine, name=self.aws.name("run"), input=json.dumps(given)
        )
        until = time.monotonic() + 1500
        while True:
            told: dict[str, Any] = steps.describe_execution(executionArn=begun["executionArn"])
            if told["status"] != "RUNNING":
                return {**told, "output": json.loads(told.get("output") or "{}")}
            assert time.monotonic() < until, self.log()[-2000:]
            time.sleep(0.1)

    def states(self, execution: dict[str, Any]) -> list[str]:
        """The states that an execution entered, in order."""
        return [e["name"] for e in self.history(execution, "stateEnteredEventDetails")]

    def failures(self, execution: dict[str, Any]) -> list[str]:
        """The errors of tasks that failed, whether they were tried again or not."""
        return [e["error"] for e in self.history(execution, "taskFailedEventDetails")]

    def history(self, execution: dict[str, Any], details: str) -> list[dict[str, Any]]:
        pages = self.aws.client("stepfunctions").get_paginator("get_execution_history")
        found = pages.paginate(executionArn=execution["executionArn"])
        return [e[details] for page in found for e in page["events"] if details in e]

    def upload(self, key: str, body: str) -> str:
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body.encode())
        return f"s3://{self.bucket}/{key}"

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.aws.client("s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in found for entry in page.get("Contents", ())]

    def items(self, table: str) -> dict[str, dict[str, Any]]:
        """The rows of a table with a key of one attribute, by that."""
        name = self.names.of(table)
        client = self.aws.client("dynamodb")
        (key,) = client.describe_table(TableName=name)["Table"]["KeySchema"]
        pages = client.get_paginator("scan").paginate(TableName=name)
        return {row[key["AttributeName"]]["S"]: row for page in pages for row in page["Items"]}

    def messages(self) -> list[dict[str, Any]]:
        """What was told since the last time."""
        found = []
        client = self.aws.client("sqs")
        while answer := client.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for one in answer:
                client.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
                found.append(json.loads(one["Body"]))
        return found

    def log(self) -> str:
        """All that the functions wrote."""
        return self.told.read_text("utf-8") if self.told.exists() else ""

"""``NotifyCompletion`` run as Lambda runs it: one message for a run, and its trace."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_tables import DOCUMENTS, TABLES, Names, create

pytestmark = pytest.mark.server

HANDLER = "endcap.entrypoints.lambdas.notify_completion.handler"
PLAN = [{"step": "read", "result": "read", "when": ""}]


class Account:
    """A table of documents, and a topic that a queue listens to."""

    def __init__(self, aws: Any, told: Path) -> None:
        self.aws, self.told, self.prefix = aws, told, aws.name("once") + "-"
        create(aws.client("dynamodb"), Names(self.prefix), [TABLES[DOCUMENTS]], lambda _: None)
        self.topic = aws.client("sns").create_topic(Name=aws.name("runs"))["TopicArn"]
        sqs = aws.client("sqs")
        self.queue = sqs.create_queue(QueueName=aws.name("told"))["QueueUrl"]
        asked = {"QueueUrl": self.queue, "AttributeNames": ["QueueArn"]}
        arn = sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
        aws.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **self.aws.environment,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "ENDCAP_HOME": str(self.told.parent / "home"),
            "ENDCAP_DOCUMENTS": f"dynamodb://{self.prefix}",
            "ENDCAP_SENDER": f"sns://{self.topic}",
            **more,
        }

    def messages(self) -> list[Any]:
        found = self.aws.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return list(found.get("Messages", []))


@pytest.fixture
def account(aws: Any, tmp_path: Path) -> Account:
    return Account(aws, tmp_path / "told")


def event(run_id: str = "run-1", **facts: Any) -> dict[str, Any]:
    return {"pipeline": "users", "run_id": run_id, "plan": PLAN, "facts": {"read": {}, **facts}}


def test_a_run_is_told_once_though_its_task_is_tried_again(
    account: Account, lambda_host: Any
) -> None:
    with lambda_host(HANDLER, account.environment(), account.told) as host:
        first = host.invoke(event())
        assert not first.failed, account.told.read_text("utf-8")
        assert first.payload["status"] == "done"
        assert host.invoke(event()).payload == first.payload
    with lambda_host(HANDLER, account.environment(), account.told) as another:
        assert another.invoke(event()).payload == first.payload
        assert len(account.messages()) == 1
        failed = another.invoke(event(failure={"Error": "NotFound"})).payload
        assert failed["status"] == "failed"
        assert another.invoke(event("run-2")).payload["sent"] != first.payload["sent"]
    assert len(account.messages()) == 2
    assert account.told.read_text("utf-8").count('"message":"told"') == 3


def test_what_could_not_be_told_is_told_by_the_next_try(account: Account, lambda_host: Any) -> None:
    nowhere = account.environment(ENDCAP_SENDER=f"sns://{account.topic}-none")
    with lambda_host(HANDLER, nowhere, account.told) as host:
        answer = host.invoke(event())
        assert (answer.failed, answer.payload["errorType"]) == (True, "NotFound")
    assert account.messages() == []
    with lambda_host(HANDLER, account.environment(), account.told) as host:
        assert not host.invoke(event()).failed
    assert len(account.messages()) == 1


def test_without_the_table_nothing_is_told_and_it_is_tried_again(
    account: Account, lambda_host: Any
) -> None:
    gone = account.environment(ENDCAP_DOCUMENTS="dynamodb://nobody-")
    with lambda_host(HANDLER, gone, account.told) as host:
        answer = host.invoke(event())
    assert (answer.failed, answer.payload["errorType"]) == (True, "Unavailable")
    assert answer.payload["errorMessage"] == "dynamodb_unavailable: nobody-documents"
    assert account.messages() == []


def test_the_trace_names_the_handler_and_the_calls_of_aws(
    account: Account, lambda_host: Any, xray: Any
) -> None:
    traced = account.environment(AWS_XRAY_DAEMON_ADDRESS=xray.address)
    with lambda_host(HANDLER, traced, account.told) as host:
        assert not host.invoke(event()).failed, account.told.read_text("utf-8")
        assert host.invoke({"facts": {}}).failed
    documents = xray.documents(least=5)
    names = {document["name"] for document in documents}
    assert names == {"## handler", "dynamodb", "sns"}
    whole = [document for document in documents if document["name"] == "## handler"]
    assert [document["annotations"]["ColdStart"] for document in whole] == [True, False]
    assert len({document["trace_id"] for document in documents}) == 2
    (failed,) = [document for document in whole if document.get("fault")]
    (error,) = failed["cause"]["exceptions"]
    assert error["type"] == "KeyError"
    assert "message" not in error


def test_where_no_daemon_is_nothing_of_x_ray_is_loaded(account: Account, lambda_host: Any) -> None:
    program = account.environment(PYTHONPROFILEIMPORTTIME="1")
    with lambda_host(HANDLER, program, account.told) as host:
        assert not host.invoke(event()).failed
    told = account.told.read_text("utf-8")
    assert "aws_lambda_powertools" in told
    assert "aws_xray_sdk" not in told

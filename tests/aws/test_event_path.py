"""An event through the function ``api`` into the stream, and from there through the function
``Stream``: the next answer knows it at once, and once, though it comes again or late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from endcap.entrypoints.lambdas.table import FUNCTIONS

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
PERSONAL = "/v1/recommendations/personalized"
JSON = ("Content-Type", "application/json")


class Chain:
    """Both functions over the same tables and the same stream."""

    def __init__(self, cloud: Any, api: Any, stream: Any, events: Any, source: Any) -> None:
        self.cloud, self.api, self.stream, self.events = cloud, api, stream, events
        kinesis = cloud.aws.client("kinesis")
        self.source = source(kinesis, cloud.stream, self.deliver, most=3, attempts=50)
        self.delivered: list[dict[str, Any]] = []

    def deliver(self, event: dict[str, Any]) -> tuple[Any, bool]:
        answer = self.stream.invoke(event)
        self.delivered += event["Records"]
        return answer.payload, answer.failed

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        answer = self.api.invoke(self.events.second(method, target, raw, [JSON]))
        assert not answer.failed, answer.payload
        return self.events.answer_of(answer.payload)

    def answer(self, user: str) -> tuple[str, list[str]]:
        found = self.ask("GET", f"{PERSONAL}?userId={user}&k=10")
        assert found.status == 200, found.raw
        ids = [item["id"] for item in found.body["items"]]
        return str(found.headers["endcap-strategy"]), ids

    def rows(self, user: str) -> list[dict[str, Any]]:
        return [row for row in self.cloud.rows("events") if row["userId"]["S"] == user]


@pytest.fixture
def path(
    cloud: Any,
    faults: Any,
    lambda_host: Any,
    as_in_lambda: dict[str, str],
    gateway_events: Any,
    event_source: Any,
    tmp_path: Path,
) -> Iterator[Chain]:
    environment = {
        **as_in_lambda, **cloud.settings, **faults.environment,
        "ENDCAP_AUTH": "gateway",
        "ENDCAP_STREAM": f"kinesis://{cloud.stream}",
        "ENDCAP_LAKE": f"s3://{cloud.bucket}/lake",
    }  # fmt: skip
    with ExitStack() as hosts:
        api, stream = (
            hosts.enter_context(
                lambda_host(
                    FUNCTIONS[name].handler,
                    {**environment, "ENDCAP_HOME": str(tmp_path / name)},
                    tmp_path / f"{name}.log",
                    250,
                )
            )
            for name in ("api", "Stream")
        )
        yield Chain(cloud, api, stream, gateway_events, event_source)


def test_the_next_answer_knows_an_event_at_once_and_once(path: Chain) -> None:
    path.source.drain()  # what other tests left
    path.delivered.clear()
    assert path.answer("walker")[0] == "popular"
    viewed = {"userId": "walker", "itemId": "white-3", "event_type": "view"}
    assert path.ask("POST", "/v1/events", viewed).status == 202
    bought = {**viewed, "itemId": "white-4", "event_type": "purchase", "value": 3.0}
    assert path.ask("POST", "/events", {**bought, "ts": "2026-01-05T10:00:00.25Z"}).status == 202
    after, rows = path.answer("walker"), path.rows("walker")
    assert after[0] == "personal"
    assert len(rows) == 2
    assert path.source.drain() == 2  # Lambda reads the stream: the same rows
    assert path.rows("walker") == rows
    assert path.answer("walker") == after
    for again in (path.delivered, path.delivered[::-1]):  # twice, and late
        assert path.deliver({"Records": list(again)}) == ({"batchItemFailures": []}, False)
    assert path.rows("walker") == rows
    assert path.answer("walker") == after


def test_an_event_of_the_stream_alone_counts_too(path: Chain) -> None:
    body = {"userId": "runner", "itemId": "black-2", "event_type": "view", "event_id": "e1"}
    path.cloud.aws.client("kinesis").put_record(
        StreamName=path.cloud.stream, PartitionKey="runner", Data=json.dumps(body).encode()
    )
    before = path.answer("runner")
    path.source.drain()
    after = path.answer("runner")
    assert (before[0], after[0]) == ("popular", "personal")
    assert len(path.rows("runner")) == 1


def test_an_event_that_a_table_refuses_is_told_and_its_retry_stands_once(
    path: Chain, faults: Any
) -> None:
    viewed = {"userId": "unlucky", "itemId": "white-3", "event_type": "view", "event_id": "e2"}
    viewed["ts"] = "2026-01-05T10:00:00Z"
    path.answer("unlucky")
    faults.refuse("PutItem", 1000, "ProvisionedThroughputExceededException")
    told = path.ask("POST", "/v1/events", viewed)
    assert (told.status, told.headers["endcap-error-code"]) == (503, "dynamodb_throttled")
    assert int(told.headers["retry-after"]) > 0
    assert path.rows("unlucky") == []
    faults.clear()
    faults.refuse("PutRecords", 1000, "InternalFailure", 500)
    told = path.ask("POST", "/v1/events", viewed)
    assert (told.status, told.headers["endcap-error-code"]) == (503, "stream_unavailable")
    faults.clear()
    assert path.ask("POST", "/v1/events", viewed).status == 202  # the client's retry
    path.source.drain()
    assert len(path.rows("unlucky")) == 1
    assert path.answer("unlucky")[0] == "personal"


def test_a_shopper_who_was_deleted_is_not_brought_back_by_the_stream(path: Chain) -> None:
    viewed = {"userId": "leaver", "itemId": "white-3", "event_type": "view"}
    assert path.ask("POST", "/v1/events", viewed).status == 202
    assert path.ask("DELETE", "/v1/users/leaver").status == 202
    assert path.rows("leaver") == []
    path.source.drain()
    assert "leaver" in json.dumps([record["kinesis"]["partitionKey"] for record in path.delivered])
    assert path.rows("leaver") == []

"""The API as a function: the zip by Lambda's own runtime client, in front of real tables, a real
bucket and a real stream of the emulator."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.adapters.dynamodb_calls import DynamoCalls, dynamodb_client
from endcap.adapters.dynamodb_events import DynamoEvents
from endcap.adapters.dynamodb_tables import Names, create
from endcap.adapters.log import FileLog
from endcap.app.batch import STORED
from endcap.app.intake import write
from endcap.app.receipts import complete_receipts, receipts_of
from endcap.app.signals import read_signal
from endcap.app.training import train
from endcap.domain.records import EventsPosted, ItemsPut, decode
from endcap.entrypoints.lambdas.table import FUNCTIONS

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

PERSONAL = "/v1/recommendations/personalized"
JSON = ("Content-Type", "application/json")
ABSENT = ("numba", "llvmlite", "scipy", "duckdb", "pyarrow", "xgboost", "uvicorn", "fsspec")
HOLDS_S = 1.0  # for how long an instance may not know what another has written into the log


class Cloud:
    """A trained shop whose documents, log and artifacts lie in the emulator; ``board`` is a host
    with its lake."""

    def __init__(self, aws: Any, make_board: Any, root: Path, source: Path) -> None:
        self.aws, self.names = aws, Names(aws.name("shop") + "-")
        create(dynamodb_client(attempts=5), self.names)
        self.bucket, self.stream = aws.name("artifacts"), aws.name("events")
        aws.client("s3").create_bucket(Bucket=self.bucket)
        aws.client("kinesis").create_stream(StreamName=self.stream, ShardCount=2)
        self.settings = {
            "ENDCAP_DOCUMENTS": f"dynamodb://{self.names.prefix}",
            "ENDCAP_LOG": "dynamodb",
            "ENDCAP_ARTIFACTS": f"s3://{self.bucket}/shop",
            "ENDCAP_DEADLINE_MS": "60000",
        }
        self.board = make_board(root / "host", **self.settings)
        log = FileLog(source / "groups/default/log", 2**26)
        records = [decode(payload) for _, payload in log.read(0)]
        items = tuple(i for r in records if isinstance(r, ItemsPut) for i in r.items)
        events = tuple(e for r in records if isinstance(r, EventsPosted) for e in r.events)
        at = max(event.ts for event in events)
        write(self.board.shop, ItemsPut(at, items=items))
        write(self.board.shop, EventsPosted(at, events=events))
        train(self.board.shop, at, progress=lambda *_: None, budget_s=0.5)

    def rows(self, table: str) -> list[dict[str, Any]]:
        client = self.aws.client("dynamodb")
        found: list[dict[str, Any]] = client.scan(TableName=self.names.of(table))["Items"]
        return found

    def streamed(self) -> list[dict[str, Any]]:
        kinesis = self.aws.client("kinesis")
        found = []
        for shard in kinesis.list_shards(StreamName=self.stream)["Shards"]:
            where = {"StreamName": self.stream, "ShardId": shard["ShardId"]}
            begin = kinesis.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
            told = kinesis.get_records(ShardIterator=begin["ShardIterator"])
            found += [json.loads(record["Data"]) for record in told["Records"]]
        return found


class Instance:
    """One environment of the function, asked through one form of gateway."""

    def __init__(self, host: Any, told: Path, events: Any, form: str) -> None:
        self.host, self.told, self.events, self.form = host, told, events, form

    def __call__(
        self, method: str, target: str, body: Any = None, headers: Any = (), **more: Any
    ) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        event = self.events.FORMS[self.form](method, target, raw, [JSON, *headers], **more)
        answer = self.host.invoke(event)
        assert not answer.failed, answer.payload
        return self.events.answer_of(answer.payload)

    def ids(self, user: str) -> list[str]:
        found = self("GET", f"{PERSONAL}?userId={user}&k=10")
        assert found.status == 200, found.raw
        return [item["id"] for item in found.body["items"]]


@pytest.fixture(scope="module")
def cloud(
    aws: Any, make_board: Any, checkerboard_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        yield Cloud(aws, make_board, tmp_path_factory.mktemp("cloud"), checkerboard_home)


@pytest.fixture(scope="module")
def instances(
    cloud: Cloud,
    functions_zip: Path,
    lambda_host: Any,
    gateway_events: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[list[Instance]]:
    """Two environments, each with a disk of its own: behind an HTTP API, and behind a REST API."""
    root = tmp_path_factory.mktemp("functions")
    with zipfile.ZipFile(functions_zip) as file:
        file.extractall(root / "code")
    for name in ABSENT:  # of this Python's packages
        (root / "code" / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})")
    hosts = []
    for number, form in enumerate(("http-v2", "rest-v1")):
        environment = {
            **cloud.settings,
            **cloud.aws.environment,
            "ENDCAP_AUTH": "gateway",
            "ENDCAP_STREAM": f"kinesis://{cloud.stream}",
            "ENDCAP_HOME": str(root / f"tmp-{number}"),
            "PYTHONPATH": str(root / "code"),
        }
        told = root / f"told-{number}.log"
        host = lambda_host(FUNCTIONS["api"].handler, environment, told, 60.0)
        hosts.append(Instance(host, told, gateway_events, form))
    try:
        yield hosts
    finally:
        for instance in hosts:
            instance.host.__exit__(None, None, None)


def test_an_event_changes_the_next_answer_at_once_and_once(
    cloud: Cloud, instances: list[Instance]
) -> None:
    one, other = instances
    before = one.ids("visitor")
    assert one("GET", f"{PERSONAL}?userId=visitor").headers["endcap-strategy"] == "popular"
    body = {"userId": "visitor", "itemId": "white-3", "event_type": "view"}
    key = ("Idempotency-Key", "first click")
    told = one("POST", "/v1/events", body, [key])
    assert (told.status, told.raw) == (202, b'{"ok":true}')
    after = one("GET", f"{PERSONAL}?userId=visitor&k=10")
    assert after.headers["endcap-strategy"] == "personal"
    assert [item["id"] for item in after.body["items"]] == other.ids("visitor") != before
    streamed = [s for s in cloud.streamed() if s["userId"] == "visitor"]
    assert [(s["itemId"], s["event_type"]) for s in streamed] == [("white-3", "view")]

    for instance in (other, one, other):  # a retry, wherever it lands
        again = instance("POST", "/events", body, [key])
        assert (again.status, again.raw) == (202, told.raw)
    rows = [row for row in cloud.rows("events") if row["userId"]["S"] == "visitor"]
    assert len(rows) == 1
    assert one.ids("visitor") == other.ids("visitor") == [i["id"] for i in after.body["items"]]
    table = DynamoEvents(DynamoCalls(), cloud.names)
    delivered = [read_signal(json.dumps(s).encode(), 0x7FFF_FFFF_FFFF_FFFF) for s in streamed]
    assert not any(table.put(signal.event) for signal in delivered if signal.event)  # once
    repeats = [s for s in cloud.streamed() if s["userId"] == "visitor"]
    assert all(repeat == streamed[0] for repeat in repeats)
    changed = one("POST", "/v1/events", {**body, "itemId": "black-1"}, [key])
    assert (changed.status, changed.headers["endcap-error-code"]) == (422, "key_reused")
    stored = [row for row in cloud.rows("events") if row["userId"]["S"] == "visitor"]
    assert len(stored) == len(rows)


def test_why_explain_rerank_and_replay_know_the_event(instances: list[Instance]) -> None:
    one, other = instances
    for item in ("black-1", "black-2"):
        event = {"userId": "curious", "itemId": item, "event_type": "view"}
        assert one("POST", "/v1/events", event).status == 202
    asked = f"{PERSONAL}?userId=curious&k=4"
    given = other("GET", asked)
    explained = other("GET", asked + "&explain=true")
    causes = {c["itemId"] for i in explained.body["items"] for c in i["explanation"]["because"]}
    assert causes <= {"black-1", "black-2"}
    assert causes
    verdict = other("GET", "/v1/why-not?userId=curious&itemId=white-1&k=4")
    assert verdict.status == 200
    listed = {"userId": "curious", "items": ["white-5", "black-5"]}
    assert other("POST", "/v1/recommendations/rerank", listed).body["items"][0]["id"] == "black-5"
    answer_id = given.headers["endcap-answer-id"]
    white = {"userId": "curious", "itemId": "white-1", "event_type": "purchase"}
    assert one("POST", "/v1/events", white).status == 202
    again = one("GET", f"/v1/replay?answerId={answer_id}&userId=curious&k=4")
    assert again.status == 200, again.raw
    assert again.body["items"] == given.body["items"]


def test_what_is_rare_reaches_every_instance_by_the_log(instances: list[Instance]) -> None:
    one, other = instances
    put = one("PUT", "/v1/items/new%20thing", {"name": "new", "department": "black"})
    assert (put.status, put.body) == (200, {"ok": True, "accepted": 1})
    assert one("GET", "/v1/items/new%20thing").body["attributes"]["name"] == "new"
    time.sleep(HOLDS_S)
    assert other("GET", "/v1/items/new%20thing").body["attributes"]["name"] == "new"


def test_a_submission_is_answered_and_streamed(cloud: Cloud, instances: list[Instance]) -> None:
    told = instances[0]("POST", "/submit", {"user_id": "s0", "event": "get_recommendations"})
    assert told.status == 200
    assert told.body["message"] == "Recommendations generated successfully"
    assert set(told.body["recommendations"][0]) == {
        "product_id", "probability", "product_name", "department", "aisle",
    }  # fmt: skip
    assert "s0" in [s.get("userId") for s in cloud.streamed()]


def test_a_preference_leads_to_offers(cloud: Cloud, instances: list[Instance]) -> None:
    one, other = instances
    stated = {"customer_id": "s7", "interest": "white", "location": "Cape Town"}
    told = one("POST", "/recommend", stated)
    assert (told.status, told.raw) == (200, b'{"message":"Customer preference recorded."}')
    (row,) = cloud.rows("CustomerInterest")
    assert row["timestamp"]["N"].isdigit()
    offers = other("GET", "/v1/offers?customer_id=s7").body["offers"]
    assert offers
    assert other("POST", "/recommend?offers=true", stated).body["offers"]


def test_stored_recommendations_are_read(cloud: Cloud, instances: list[Instance]) -> None:
    item = {"user_id": "s3", "recommendations": ["white-1", "white-2"], "scores": [0.5, 0.25]}
    cloud.board.shop.documents.put_many(STORED, {"s3": item})
    for instance in instances:
        told = instance("GET", "/v1/users/s3/recommendations")
        assert (told.status, told.body) == (200, item)
        told = instance("GET", "/v1/users/nobody/recommendations")
        assert (told.status, told.raw) == (404, b'{"error":"No stored recommendations"}')


def test_a_deleted_user_is_forgotten_everywhere(cloud: Cloud, instances: list[Instance]) -> None:
    one, other = instances
    for item in ("white-1", "white-2"):
        event = {"userId": "leaver", "itemId": item, "event_type": "view"}
        assert one("POST", "/v1/events", event).status == 202
    nobody = other.ids("nobody at all")
    assert other.ids("leaver") != nobody
    cloud.board.shop.documents.put_many(STORED, {"leaver": {"user_id": "leaver"}})
    told = one("DELETE", "/v1/users/leaver")
    assert told.status == 202, told.raw
    forgotten = told.body["forgotten"]
    assert forgotten["events of the history"] == forgotten["table of events"] == 2
    assert forgotten["stored recommendations"] == 1
    assert one.ids("leaver") == nobody
    time.sleep(HOLDS_S)
    assert other.ids("leaver") == nobody
    for table in ("events", "storeRecommendations", "documents"):
        assert "leaver" not in json.dumps(cloud.rows(table)), table
    assert complete_receipts(cloud.board.shop) >= 1  # as the nightly run does
    (receipt,) = receipts_of(cloud.board.shop, "leaver")
    assert (receipt.receipt, receipt.pending) == (told.body["receipt"], ())
    late = {"userId": "leaver", "itemId": "black-1", "event_type": "view"}
    assert other("POST", "/v1/events", late).status == 202
    assert one.ids("leaver") == other.ids("leaver") != nobody


def test_statuses_of_what_cannot_be_answered(instances: list[Instance]) -> None:
    for instance in instances:
        big = {"userId": "u", "itemId": "i" * 1_100_000, "event_type": "view"}
        for method, target, body, status, error in (
            ("GET", "/v1/nothing", None, 404, None),
            ("PATCH", "/v1/events", None, 405, None),
            ("POST", "/v1/events", big, 413, None),
            ("POST", "/v1/events", {"itemId": "i"}, 400, "Missing userId"),
            ("GET", f"{PERSONAL}?userId=U1&k=101", None, 400, "k must be between 1 and 100"),
            ("GET", PERSONAL, None, 400, "Missing userId"),
        ):
            told = instance(method, target, body)
            assert told.status == status, (target, told.raw)
            assert error is None or told.body == {"error": error}


def test_nothing_of_a_person_is_in_the_log(instances: list[Instance]) -> None:
    one = instances[0]
    marked = "somebody-7f3a"
    one("POST", "/events", {"userId": marked, "itemId": "white-1", "event_type": "view"})
    one("POST", "/events", {"userId": marked, "itemId": "white-1", "event_type": marked})
    one("GET", f"{PERSONAL}?userId={marked}&k={marked}")
    one("POST", "/recommend", {"customer_id": marked, "interest": marked, "location": marked})
    one("DELETE", f"/v1/users/{marked}")
    for instance in instances:
        told = instance.told.read_text("utf-8")
        assert "requests_total" in told
        assert marked not in told


def test_times(instances: list[Instance]) -> None:
    """Printed: of the emulator on this machine, which says little of AWS."""
    one = instances[0]
    took: dict[str, list[float]] = {"personalized": [], "events": [], "submit": []}
    asks = {
        "personalized": lambda n: one("GET", f"{PERSONAL}?userId=s{n % 60}"),
        "events": lambda n: one(
            "POST", "/events", {"userId": f"t{n}", "itemId": "white-1", "event_type": "view"}
        ),
        "submit": lambda n: one(
            "POST", "/submit", {"user_id": f"s{n % 60}", "event": "get_recommendations"}
        ),
    }
    for name, ask in asks.items():
        for n in range(25):
            began = time.perf_counter()
            assert ask(n).status in (200, 202)
            took[name].append(1000 * (time.perf_counter() - began))
        p50, p99 = np.percentile(took[name], (50, 99))
        print(f"{name}: warm p50 {p50:.0f} ms, p99 {p99:.0f} ms")  # noqa: T201

"""What DynamoDB does that a file does not: it throttles, leaves items unprocessed, loses answers,
limits keys and sizes; and how the tables with names of their own look to others."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from hypothesis import example, given
from hypothesis import strategies as st

from endcap.adapters.breaker import Breaker
from endcap.adapters.dynamodb import DynamoDocuments
from endcap.adapters.dynamodb_calls import ATTEMPTS, DynamoCalls, pause_s
from endcap.adapters.dynamodb_events import DynamoEvents
from endcap.adapters.dynamodb_tables import TABLES, Names, Table, create
from endcap.adapters.dynamodb_values import attributes, document, item_bytes
from endcap.app.batch import STORED
from endcap.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from endcap.domain.values import Event
from endcap.engagement.interests import CUSTOMER_INTEREST, forget, history, remember
from endcap.telemetry import Telemetry

AT = 1_755_369_000_000_000


class Bench:
    """Tables of its own in the emulator, and what is told of calls to them."""

    def __init__(self, aws: Any) -> None:
        self.client = aws.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
        self.names, self.telemetry = Names(aws.name("t") + "-"), Telemetry()
        create(self.client, self.names)
        self.pauses: list[float] = []
        self.calls = DynamoCalls(self.telemetry.count, self.pauses.append, make=lambda: self.client)
        self.documents = DynamoDocuments(self.calls, self.names)
        self.asked: Counter[str] = Counter()

    def answering(self, operation: str, answer: Callable[[Any, int], Any]) -> None:
        """``answer(request, which)``: a response instead of the server's; None: the server's."""

        def before(request: Any, **_: Any) -> Any:
            self.asked[operation] += 1
            return answer(request, self.asked[operation])

        self.client.meta.events.register(f"before-send.dynamodb.{operation}", before)

    def failing(self, operation: str, code: str, times: int, status: int = 400) -> None:
        told = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}
        self.answering(operation, lambda request, n: response(told, status) if n <= times else None)

    def counted(self, name: str) -> dict[str, float]:
        """By reason."""
        found = self.telemetry.counters.items()
        return {dict(labels).get("reason", ""): n for (m, labels), n in found if m == name}

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.client.scan(TableName=self.names.of(table))["Items"])


class Raw:
    """The body of a response."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: Any) -> Iterator[bytes]:
        yield self.body


def response(told: dict[str, Any], status: int) -> AWSResponse:
    return AWSResponse("http://x", status, {}, Raw(json.dumps(told).encode()))


@pytest.fixture
def bench(aws: Any) -> Bench:
    return Bench(aws)


@pytest.mark.server
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("ThrottlingException", 400),
        ("InternalServerError", 500),
    ],
)
def test_what_is_throttled_is_tried_again_with_growing_pauses(
    bench: Bench, code: str, status: int
) -> None:
    bench.failing("PutItem", code, 3, status)
    assert bench.documents.put("kind", "key", {"n": 1}, expected=0) == 1
    assert bench.asked["PutItem"] == 4
    assert len(bench.pauses) == 3
    assert bench.counted("dependency_retries_total") == {code: 3.0}


@pytest.mark.server
def test_what_stays_throttled_is_told_with_a_time_to_wait(bench: Bench) -> None:
    bench.failing("GetItem", "ThrottlingException", 1000)
    for _ in range(3):  # a table without room is no dependency that hangs: nothing opens
        with pytest.raises(Unavailable) as caught:
            bench.documents.get("kind", "key")
        assert caught.value.code == "dynamodb_throttled"
        assert caught.value.retry_after_s > 0
    assert bench.asked["GetItem"] == 3 * ATTEMPTS
    assert not bench.counted("breaker_opened_total")


@pytest.mark.server
def test_a_store_that_fails_is_left_alone_for_a_while(bench: Bench) -> None:
    now = [0.0]
    breaker = Breaker("dynamodb", 4, 10.0, lambda: now[0], bench.telemetry.count)
    calls = DynamoCalls(bench.telemetry.count, bench.pauses.append, breaker, lambda: bench.client)
    documents = DynamoDocuments(calls, bench.names)
    bench.failing("GetItem", "InternalServerError", 5, 500)
    codes = []
    for _ in range(20):
        with pytest.raises(Unavailable) as caught:
            documents.get("kind", "key")
        codes.append(caught.value.code)
    assert codes == ["dynamodb_unavailable"] + 19 * ["dependency_open"]
    assert bench.asked["GetItem"] == 4
    assert bench.counted("breaker_opened_total") == {"": 1.0}
    now[0] += 10
    with pytest.raises(Unavailable) as caught:
        documents.get("kind", "key")  # half open: one trial, which fails
    assert caught.value.code == "dynamodb_unavailable"
    assert bench.asked["GetItem"] == 5
    now[0] += 10
    assert documents.get("kind", "key") is None
    assert documents.get("kind", "key") is None


@pytest.mark.server
def test_items_left_unprocessed_are_written_in_the_end(bench: Bench) -> None:
    def half(request: Any, n: int) -> Any:
        """Every other item is taken; the others come back, the first three times."""
        if n > 3:
            return None
        asked = json.loads(request.body)["RequestItems"]
        ((table, requests),) = asked.items()
        for write in requests[::2]:
            bench.client.put_item(TableName=table, Item=write["PutRequest"]["Item"])
        return response({"UnprocessedItems": {table: requests[1::2]}}, 200)

    bench.answering("BatchWriteItem", half)
    bodies = {f"u{n}": {"user_id": f"u{n}", "recommendations": [f"i{n}"]} for n in range(60)}
    bench.documents.put_many(STORED, bodies)
    stored = bench.documents.query(STORED, limit=100)
    assert {document.key: document.body for document in stored} == bodies
    assert {document.version for document in stored} == {1}
    assert bench.counted("dependency_retries_total") == {"unprocessed": 3.0}


@pytest.mark.server
def test_items_never_processed_are_told_and_by_the_history_named(bench: Bench) -> None:
    def none(request: Any, n: int) -> Any:
        return response({"UnprocessedItems": json.loads(request.body)["RequestItems"]}, 200)

    bench.answering("BatchWriteItem", none)
    with pytest.raises(Unavailable) as caught:
        bench.documents.put_many("kind", {"a": {}})
    assert caught.value.code == "dynamodb_throttled"
    assert bench.asked["BatchWriteItem"] == ATTEMPTS
    events = [Event("u", "i", "view", AT + n, str(n)) for n in range(30)]
    failed = DynamoEvents(bench.calls, bench.names).put_many(events)
    assert sorted(failed) == [*range(30)]


@pytest.mark.server
def test_keys_left_unprocessed_are_read_in_the_end(bench: Bench) -> None:
    bench.documents.put_many("kind", {str(n): {} for n in range(10)})

    def none(request: Any, n: int) -> Any:
        if n > 2:
            return None
        asked = json.loads(request.body)["RequestItems"]
        return response({"Responses": {}, "UnprocessedKeys": asked}, 200)

    bench.answering("BatchGetItem", none)
    bench.documents.put_many("kind", {str(n): {} for n in range(10)})
    assert {d.version for d in bench.documents.query("kind")} == {2}


@pytest.mark.server
@pytest.mark.parametrize("expected", [None, 0, 1])
def test_a_write_whose_answer_was_lost_is_no_conflict_with_itself(
    bench: Bench, expected: int | None
) -> None:
    if expected:
        bench.documents.put("kind", "key", {"n": 0})

    def lost(request: Any, n: int) -> Any:
        if n > 1:
            return None
        asked = json.loads(request.body)
        bench.client.put_item(**asked)  # itself asks again: n is 2
        raise ReadTimeoutError(endpoint_url="x")

    bench.answering("PutItem", lost)
    assert bench.documents.put("kind", "key", {"n": 1}, expected) == (expected or 0) + 1
    found = bench.documents.get("kind", "key")
    assert found is not None
    assert (found.version, found.body) == ((expected or 0) + 1, {"n": 1})
    assert bench.counted("dependency_retries_total") == {"ReadTimeoutError": 1.0}


@pytest.mark.server
def test_a_deletion_whose_answer_was_lost_has_happened(bench: Bench) -> None:
    bench.documents.put("kind", "key", {})

    def lost(request: Any, n: int) -> Any:
        if n > 1:
            return None
        bench.client.delete_item(**json.loads(request.body))
        raise ReadTimeoutError(endpoint_url="x")

    bench.answering("DeleteItem", lost)
    assert bench.documents.delete("kind", "key", expected=1)
    assert bench.documents.get("kind", "key") is None


@pytest.mark.server
def test_what_dynamodb_does_not_take_is_refused_before_it_is_sent(bench: Bench) -> None:
    bench.answering("PutItem", lambda request, n: pytest.fail("was sent"))
    bench.answering("BatchWriteItem", lambda request, n: pytest.fail("was sent"))
    fat = {"text": "x" * 400 * 1024}
    for code, kind, key, body in (
        ("document_too_large", "kind", "key", fat),
        ("document_too_large", STORED, "u", {"user_id": "u", **fat}),
        ("key_too_long", "kind", "é" * 512, {}),
        ("key_too_long", STORED, "x" * 2049, {}),
        ("empty_key", STORED, "", {}),
        ("empty_key", CUSTOMER_INTEREST, "/1", {}),
        ("empty_key", CUSTOMER_INTEREST, "no second part", {}),
        ("bad_key", "kind", "key", {"text": "\ud800"}),
        ("bad_key", STORED, "u", {"text": "\ud800"}),
    ):
        for write in (
            lambda: bench.documents.put(kind, key, body),  # noqa: B023
            lambda: bench.documents.put_many(kind, {key: body}),  # noqa: B023
        ):
            with pytest.raises(InvalidInput) as caught:
                write()
            assert caught.value.code == code, (kind, key[:10])
            assert "xxx" not in str(caught.value)
    assert bench.documents.get("kind", "é" * 512) is None
    assert not bench.documents.delete(STORED, "")
    with pytest.raises(Conflict):
        bench.documents.delete(STORED, "", expected=1)


@pytest.mark.server
def test_the_longest_key_and_the_largest_document_are_kept(bench: Bench) -> None:
    longest, largest = "k" * 1023, {"text": "x" * 398_000}
    bench.documents.put("kind", longest, largest)
    bench.documents.put("kind", longest, largest)
    (found,) = bench.documents.query("kind", prefix="k" * 1023, after="k" * 1022)
    assert (found.version, found.body) == (2, largest)
    assert bench.documents.query("kind", prefix="k" * 1024) == []
    assert bench.documents.query("kind", after="k" * 2000) == []
    assert len(bench.documents.query("kind", after="j" * 2000)) == 1


@pytest.mark.server
def test_stored_recommendations_look_to_others_as_their_names_say(bench: Bench) -> None:
    body = {
        "user_id": "user0001",
        "recommendations": ["home workout", "fitness bands", "gym accessories"],
        "scores": [0.5, 1.0, 2e-40],
        "model_version": "v0001",
        "stored_at": AT,
    }
    bench.documents.put_many(STORED, {"user0001": body})
    (row,) = bench.rows(STORED)
    assert row["user_id"] == {"S": "user0001"}
    assert row["recommendations"] == {
        "L": [{"S": "home workout"}, {"S": "fitness bands"}, {"S": "gym accessories"}]
    }
    assert (row["model_version"], row["stored_at"]) == ({"S": "v0001"}, {"N": str(AT)})
    own = {name for name in row if name.startswith("endcap_")}
    assert own == {"endcap_version"}  # nothing was in need of a note
    found = bench.documents.get(STORED, "user0001")
    assert found is not None
    assert json.dumps(found.body) == json.dumps(body)  # the order of members too
    bench.documents.put_many(STORED, {"user0001": {**body, "recommendations": []}})
    assert len(bench.rows(STORED)) == 1


@pytest.mark.server
def test_rows_that_others_wrote_are_read_and_taken_over(bench: Bench) -> None:
    row = {"user_id": {"S": "u"}, "recommendations": {"L": [{"S": "i"}]}}
    bench.client.put_item(TableName=bench.names.of(STORED), Item=row)
    found = bench.documents.get(STORED, "u")
    assert found is not None
    assert (found.version, found.body) == (0, {"user_id": "u", "recommendations": ["i"]})
    assert bench.documents.put(STORED, "u", {"user_id": "u"}) == 1


@pytest.mark.server
def test_interests_of_one_second_both_stay_as_rows_with_whole_seconds(bench: Bench) -> None:
    for interest in ("organic_food", "tea"):
        remember(bench.documents, "12345", interest, "Cape Town", AT + 7)
    remember(bench.documents, "1/2%3", "boots", "Bo-Kaap", AT)
    rows = sorted(bench.rows(CUSTOMER_INTEREST), key=str)
    assert {row["timestamp"]["N"] for row in rows} == {"1755369000"}
    names = {"customer_id", "moment", "timestamp", "interest", "location"}
    assert {name for row in rows for name in row if not name.startswith("endcap_")} == names
    assert [i.interest for i in history(bench.documents, "12345", 10)] == ["tea", "organic_food"]
    assert [i.location for i in history(bench.documents, "1/2%3", 10)] == ["Bo-Kaap"]
    assert history(bench.documents, "1", 10) == []
    assert forget(bench.documents, "12345") == 2
    assert [row["customer_id"]["S"] for row in bench.rows(CUSTOMER_INTEREST)] == ["1/2%3"]


@pytest.mark.server
def test_tables_are_made_once_and_as_they_are_described(bench: Bench) -> None:
    assert create(bench.client, bench.names) == []
    for table in TABLES.values():
        name = bench.names.of(table.name)
        told = bench.client.describe_table(TableName=name)["Table"]
        assert [key["AttributeName"] for key in told["KeySchema"]] == list(table.keys)
        assert told["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert told["SSEDescription"]["SSEType"] == "KMS"
        backups = bench.client.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
        live = bench.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert live.get("AttributeName", "") == table.expires


@pytest.mark.server
def test_what_a_crash_left_half_made_is_finished(bench: Bench) -> None:
    """A new table refuses to be backed up for a while; and a run that ended before that is
    followed by another, which finds the table standing."""
    names, table = Names(bench.names.prefix + "second-"), TABLES["events"]
    bench.failing("UpdateContinuousBackups", "ContinuousBackupsUnavailableException", 2)
    with pytest.raises(KeyboardInterrupt):
        create(bench.client, names, [table], pause=interrupted)
    pauses: list[float] = []
    assert create(bench.client, names, [table], pauses.append) == []
    assert len(pauses) == 1
    told = bench.client.describe_continuous_backups(TableName=names.of("events"))
    recovery = told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"


def interrupted(_: float) -> None:
    raise KeyboardInterrupt


@pytest.mark.server
def test_groups_do_not_meet_and_a_missing_table_is_named(bench: Bench) -> None:
    other = Names(bench.names.prefix, "second")
    theirs = DynamoDocuments(bench.calls, other)
    bench.documents.put("kind", "key", {})
    assert theirs.get("kind", "key") is None
    assert theirs.query("kind") == []
    with pytest.raises(NotFound) as caught:
        theirs.get(STORED, "u")
    assert caught.value.code == "no_table"
    assert caught.value.value == f"{bench.names.prefix}storeRecommendations.second"


@pytest.mark.parametrize("listens", [True, False], ids=["never answers", "nobody there"])
def test_who_does_not_answer_costs_a_bounded_time(listens: bool) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        config = Config(connect_timeout=0.1, read_timeout=0.1, retries={"total_max_attempts": 1})
        client = boto3.session.Session("test", "test", region_name="us-east-1").client(
            "dynamodb", endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}", config=config
        )
        telemetry = Telemetry()
        calls = DynamoCalls(telemetry.count, lambda _: None, make=lambda: client)
        documents = DynamoDocuments(calls, Names("t-"))
        codes = []
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                documents.get("kind", "key")
            codes.append(caught.value.code)
    assert codes == ["dynamodb_unavailable", "dependency_open", "dependency_open"]
    assert telemetry.counters["breaker_opened_total", (("dependency", "dynamodb"),)] == 1
    client.close()


def test_pauses_grow_and_differ() -> None:
    for attempt in range(1, 20):
        assert 0 <= pause_s(attempt) <= min(2.0, 0.05 * 2**attempt)
    assert len({pause_s(5) for _ in range(10)}) > 1


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | names
values = st.recursive(
    scalars.filter(lambda v: v not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    """With the types, and the sign of zero."""
    return repr(one) == repr(other)


@example({"score": 2.0, "list": [1.0, 0.5], "mixed": [1, 2.0], "deep": {"a": 3.0}, "zero": -0.0})
@given(st.dictionaries(names | st.sampled_from(["id", "sort", "endcap_note"]), values, max_size=5))
def test_every_document_comes_back_from_attributes(body: dict[str, Any]) -> None:
    for members in ((), ("id",), ("sort", "id")):
        table = Table("t", "id", "sort", members=members)
        key = {"id": "key", "sort": "1"}
        for given_body in (body, {**body, **key}, {"id": "key", **body}):
            row = {k: {"S": v} for k, v in key.items()} | attributes(given_body, key, table)
            assert row["id"] == {"S": "key"}
            assert item_bytes(row) > 0
            found = document(normalised(row), table)
            assert sorted(found) == sorted(given_body)
            assert all(same(found[name], given_body[name]) for name in found)


def test_what_is_nested_is_typed_and_deep_nesting_is_kept() -> None:
    table = Table("t", "id", members=("id",))
    body: dict[str, Any] = {"id": "u", "address": {"city": "Ulm", "lines": ["a", 1, None]}}
    row = {"id": {"S": "u"}} | attributes(body, {"id": "u"}, table)
    lines = {"L": [{"S": "a"}, {"N": "1"}, {"NULL": True}]}
    assert row == {"id": {"S": "u"}, "address": {"M": {"city": {"S": "Ulm"}, "lines": lines}}}
    assert document(row, table) == body
    for _ in range(40):
        body = {"id": "u", "deeper": body}
    row = {"id": {"S": "u"}} | attributes(body, {"id": "u"}, table)
    assert "deeper" not in row
    assert document(row, table) == body


def normalised(row: Any) -> Any:
    """Numbers as DynamoDB gives them back: without a fraction or exponent where they have none."""
    if isinstance(row, list):
        return [normalised(entry) for entry in row]
    if isinstance(row, dict):
        if set(row) == {"N"} and isinstance(row["N"], str):
            number = float(row["N"])
            whole = number.is_integer() and abs(number) < 2**53
            return {"N": str(int(number)) if whole else row["N"]}
        return {name: normalised(value) for name, value in row.items()}
    return row

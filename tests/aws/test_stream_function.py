"""Records of a Kinesis stream through the function ``Stream``, run as Lambda runs it, into the
table of events: once, whatever comes again, late, broken or on a day when AWS takes nothing."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb import DynamoDocuments
from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_events import DynamoEvents
from endcap.adapters.dynamodb_tables import TABLES, Names, create
from endcap.adapters.kinesis import KinesisStream
from endcap.adapters.s3_parts import S3Parts
from endcap.app.forgotten import RECEIPTS, Receipts
from endcap.app.stream_events import RESULTS
from endcap.app.stream_parts import erase_answers
from endcap.bootstrap.places import pepper_of
from endcap.domain.values import Event
from endcap.entrypoints.lambdas.table import FUNCTIONS

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
HERE = Path(__file__).parent
FIRST = 49590338271490256608559692538361571095921575989136588898
AT_S = 1_760_000_000  # 2025-10-09T08:53:20Z


class Stream:
    """The function with tables and a bucket of its own. ``faulty``: the environment in which its
    clients meet faults."""

    def __init__(
        self, aws: Any, faulty: dict[str, str], folder: Path, lambda_host: Any, output: Any
    ) -> None:
        self.output = output
        self.names = Names(aws.name("shop") + "-")
        create(aws.client("dynamodb"), self.names, [TABLES["events"], TABLES["documents"]])
        self.bucket = aws.name("lake")
        aws.client("s3").create_bucket(Bucket=self.bucket)
        self.told = folder / "told"
        self.calls = DynamoCalls(make=lambda: aws.client("dynamodb"))
        self.rows = DynamoEvents(self.calls, self.names)
        self.documents = DynamoDocuments(self.calls, self.names)
        self.environment = {
            **faulty,
            "ENDCAP_HOME": str(folder / "home"),
            "ENDCAP_DOCUMENTS": f"dynamodb://{self.names.prefix}",
            "ENDCAP_LAKE": f"s3://{self.bucket}/lake",
        }
        self.host = lambda_host(FUNCTIONS["Stream"].handler, self.environment, self.told, 60)
        self.s3 = aws.client("s3")

    def invoke(self, event: dict[str, Any]) -> tuple[Any, bool]:
        answer = self.host.invoke(event)
        return answer.payload, answer.failed

    def deliver(self, *records: dict[str, Any]) -> list[str]:
        """The sequence numbers that must come again."""
        answer, failed = self.invoke({"Records": list(records)})
        assert not failed, (answer, self.told.read_text("utf-8")[-3000:])
        assert set(answer) == {"batchItemFailures"}
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def items(self, user_id: str) -> list[str]:
        return [event.item_id for event in self.rows.newest(user_id, 1000)]

    def aside(self) -> dict[str, dict[str, Any]]:
        """What was set aside, by key."""
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {one["Key"]: self._line(one["Key"]) for one in found}

    def _line(self, key: str) -> dict[str, Any]:
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        (line,) = body.splitlines()
        read: dict[str, Any] = json.loads(line)
        return read

    def counted(self) -> dict[str, Any]:
        """The newest line of the log that counts records, and what became metrics of it."""
        log = [line for line in self.output.lines(self.told) if "reasons" in line][-1]
        metrics = [line for line in self.output.lines(self.told) if "_aws" in line][-1]
        assert all(metrics[name] == [log[name]] for name in RESULTS)
        found: dict[str, Any] = log
        return found


@pytest.fixture(scope="module")
def opened(
    aws: Any,
    faulty_aws: Any,
    lambda_host: Any,
    output: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stream]:
    """Started once; each test names users of its own."""
    folder = tmp_path_factory.mktemp("stream")
    stream = Stream(aws, faulty_aws.environment, folder, lambda_host, output)
    with stream.host:
        yield stream


@pytest.fixture
def stream(opened: Stream, faults: Any) -> Stream:
    """No test finds what another one set aside, or meets its faults."""
    for key in opened.aside():
        opened.s3.delete_object(Bucket=opened.bucket, Key=key)
    return opened


def payload(name: str) -> list[dict[str, Any]]:
    read = json.loads((HERE / "payloads" / f"{name}.json").read_text("utf-8"))
    records: list[dict[str, Any]] = read["Records"]
    return records


def record(number: int, data: bytes | dict[str, Any], at_s: float = AT_S) -> dict[str, Any]:
    """As Lambda hands it over."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    made = dict(payload("kinesis_events")[0])
    sequence = str(FIRST + 1000 + number)
    made["kinesis"] = {
        **made["kinesis"],
        "sequenceNumber": sequence,
        "data": b64encode(raw).decode(),
        "approximateArrivalTimestamp": at_s,
    }
    return {**made, "eventID": f"shardId-000000000006:{sequence}"}


def viewed(number: int, user_id: str, item_id: str, **more: Any) -> dict[str, Any]:
    body = {"userId": user_id, "itemId": item_id, "event_type": "view", **more}
    return record(number, body, AT_S + number)


def numbers(records: list[dict[str, Any]]) -> list[str]:
    return [one["kinesis"]["sequenceNumber"] for one in records]


def test_a_batch_becomes_rows_and_comes_again_without_effect(stream: Stream) -> None:
    batch = payload("kinesis_events")
    assert stream.deliver(*batch) == []
    events = stream.rows.newest("u1", 10)
    assert [event.item_id for event in events] == ["tea-1", "tea-7", "tea-8"]  # in order of time
    assert events[2].ts == 1_760_000_000_623_000  # of its arrival
    (bought,) = stream.rows.newest("u2", 10)
    assert bought == Event(
        "u2", "tea-9", "purchase", 1_760_000_000_000_000 - 4_750_000, bought.event_id, 12.5,
        "s-9", {"device": "phone"},
    )  # fmt: skip
    assert stream.counted()["recordsKept"] == 4
    assert stream.counted()["recordsWithoutEvent"] == 1
    for again in (batch, batch[2:], batch[::-1]):
        assert stream.deliver(*again) == []
    assert stream.rows.newest("u1", 10) == events
    assert stream.aside() == {}


def test_poison_holds_nobody_up_and_is_kept_for_a_person(stream: Stream) -> None:
    batch = payload("kinesis_poison")
    for _ in range(2):  # the second time nothing changes
        assert stream.deliver(*batch) == []
        aside = stream.aside()
        assert len(aside) == 6
    assert stream.items("u1")
    assert stream.items("u2")
    told = stream.counted()
    assert (told["recordsKept"], told["recordsSetAside"], told["recordsAgain"]) == (2, 6, 0)
    assert told["recordsWithoutEvent"] == 1  # the one without a byte
    assert told["reasons"] == {"bad_record": 4, "missing_member": 1, "bad_time": 1}
    first = batch[1]["kinesis"]
    key = (
        "lake/default/stream/events/failed/date=2025-10-09/shardId-000000000006-"
        f"{first['sequenceNumber']}.jsonl"
    )
    assert b64decode(aside[key]["data"]) == b64decode(first["data"])
    assert aside[key]["reason"] == "bad_record"


def test_no_record_whatever_it_holds_fails_the_batch(stream: Stream) -> None:
    deep = b'{"userId":"deep","x":' + b"[" * 200_000
    large = {"userId": "large", "itemId": "i", "event_type": "view",
             "attributes": {f"a{n}": "x" * 8192 for n in range(60)}}  # fmt: skip
    long = {"userId": "ü" * 250, "itemId": "i", "event_type": "view", "event_id": "é" * 256}
    batch = [record(1, deep), record(2, large), record(3, long), viewed(4, "fine", "i")]
    assert stream.deliver(*batch) == []
    assert stream.items("fine") == ["i"]
    assert stream.items("ü" * 250) == ["i"]
    reasons = stream.counted()["reasons"]
    assert reasons == {"bad_record": 1, "document_too_large": 1}


def test_a_clock_that_runs_ahead_puts_nothing_into_the_future(stream: Stream) -> None:
    assert stream.deliver(viewed(0, "ahead", "i", ts="2025-10-09T20:00:00Z")) == []
    (event,) = stream.rows.newest("ahead", 10)
    assert event.ts == AT_S * 1_000_000


def test_throttled_for_a_moment_is_nobody_s_business(stream: Stream, faults: Any) -> None:
    met = faults.refuse("BatchWriteItem", 2, "ProvisionedThroughputExceededException")
    assert stream.deliver(viewed(0, "brief", "a"), viewed(1, "brief", "b")) == []
    assert met.met == 2
    assert stream.output.lines(stream.told)[-1]["dependency_retries_total"] == [2.0]
    assert stream.items("brief") == ["a", "b"]


def test_throttled_for_long_the_records_come_again_and_nothing_is_lost(
    stream: Stream, faults: Any
) -> None:
    batch = [viewed(n, "long", f"i{n}") for n in range(4)]
    faults.refuse("BatchWriteItem", 1000, "ProvisionedThroughputExceededException")
    assert stream.deliver(*batch) == numbers(batch)
    told = stream.counted()
    assert (told["recordsAgain"], told["reasons"]) == (4, {"dynamodb_throttled": 4})
    assert stream.aside() == {}
    faults.clear()
    assert stream.deliver(*batch) == []
    assert stream.items("long") == ["i0", "i1", "i2", "i3"]


def test_what_stays_unprocessed_comes_again_and_stands_once(stream: Stream, faults: Any) -> None:
    batch = [viewed(n, "partly", f"i{n}") for n in range(6)]
    faults.leave(times=1000, taken=0)
    rule = faults.rules[0]
    assert stream.deliver(*batch) == numbers(batch)
    assert rule.met == 6  # attempts
    faults.clear()
    faults.leave(times=2, taken=2)
    assert stream.deliver(*batch) == []
    assert stream.items("partly") == [f"i{n}" for n in range(6)]


def test_an_answer_that_is_lost_on_its_way_writes_nothing_twice(
    stream: Stream, faults: Any
) -> None:
    faults.lose("BatchWriteItem", 1)
    assert stream.deliver(viewed(0, "lost", "a")) == []
    assert stream.items("lost") == ["a"]


def test_s3_that_denies_makes_poison_come_again_and_the_others_stay(
    stream: Stream, faults: Any
) -> None:
    batch = [viewed(0, "before", "a"), record(1, b"{"), viewed(2, "behind", "b")]
    faults.refuse("PUT /.*", 1000, "AccessDenied", 403)
    assert stream.deliver(*batch) == numbers(batch)[1:2]
    assert stream.counted()["reasons"] == {"s3_denied": 1}
    assert stream.items("before") == ["a"]
    faults.clear()
    assert stream.deliver(*batch[1:]) == []
    assert len(stream.aside()) == 1
    assert stream.items("behind") == ["b"]


def test_whoever_was_erased_meanwhile_is_not_written_back(stream: Stream, faults: Any) -> None:
    receipts = Receipts(stream.documents, lambda: pepper_of(Path("none"), stream.documents))
    at = (AT_S + 1) * 1_000_000 + 500_000
    stream.documents.put(RECEIPTS, f"{receipts.key('gone')}-{at:017d}", {"at": at})
    batch = [viewed(n, user, f"i{n}") for n in range(3) for user in ("gone", "stays")]
    assert stream.deliver(*batch) == []
    assert stream.items("gone") == ["i2"]  # who comes back after the erasure counts again
    assert stream.items("stays") == ["i0", "i1", "i2"]
    assert stream.counted()["recordsErased"] == 2
    faults.refuse("Query", 1000, "ProvisionedThroughputExceededException")
    assert stream.deliver(*batch[:1]) == numbers(batch[:1])
    assert stream.items("gone") == ["i2"]


def test_erasure_reaches_what_was_set_aside(
    stream: Stream, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    deep = b'{"x":' + b"[" * 200_000 + b'"somebody"'
    broken = (b'{"userId":"somebody","itemId":7}', deep, b'{"userId":"another","itemId":7}')
    assert stream.deliver(*(record(n, data) for n, data in enumerate(broken))) == []
    assert "somebody" not in stream.told.read_text("utf-8")
    files = S3Parts(f"s3://{stream.bucket}/lake/default/stream")
    assert erase_answers(files, ["somebody"]) == {"somebody": 2}
    (left,) = stream.aside().values()
    assert b"another" in b64decode(left["data"])


def test_records_of_a_shopper_come_in_order_through_faults(
    stream: Stream, faults: Any, aws: Any, event_source: Any
) -> None:
    """A real stream, batches of ten, a table that takes nothing for a while, poison in
    between: what stands at the end is what was sent, in its order, once."""
    kinesis, name = aws.client("kinesis"), aws.name("events")
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    for n in range(60):
        body = {"userId": f"ordered-{n % 3}", "itemId": f"i{n:02d}", "event_type": "view",
                "ts": f"2025-10-09T08:00:{n:02d}Z"}  # fmt: skip
        data = b"poison" if n % 20 == 7 else json.dumps(body).encode()
        kinesis.put_record(StreamName=name, PartitionKey=f"ordered-{n % 3}", Data=data)
    faults.refuse("BatchWriteItem", 12, "ThrottlingException")
    source = event_source(kinesis, name, stream.invoke, most=10, attempts=50)
    assert source.drain() == 60
    assert source.on_failure == []
    sent = [n for n in range(60) if n % 20 != 7]
    for user in range(3):
        mine = [f"i{n:02d}" for n in sent if n % 3 == user]
        assert stream.items(f"ordered-{user}") == mine
    assert len(stream.aside()) == 3
    assert source.calls > 6


def test_lambda_s_own_mapping_calls_the_zip_for_each_record(
    stream: Stream, aws: Any, functions_zip: Path
) -> None:
    name = aws.name("events")
    kinesis, functions = aws.client("kinesis"), aws.client("lambda")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    role = aws.client("iam").create_role(
        RoleName=aws.name("role"), AssumeRolePolicyDocument='{"Version":"2012-10-17"}'
    )["Role"]["Arn"]
    function = functions.create_function(
        FunctionName=aws.name("Stream"),
        Runtime="python3.11",
        Role=role,
        Handler=FUNCTIONS["Stream"].handler,
        Code={"ZipFile": functions_zip.read_bytes()},
        Timeout=120,
        Environment={"Variables": {
            **{n: v for n, v in stream.environment.items() if n.startswith("ENDCAP_")},
            "TOLD": str(stream.told.with_name("mapped")),
        }},
    )  # fmt: skip
    source = FUNCTIONS["Stream"].source
    assert source is not None
    functions.create_event_source_mapping(
        EventSourceArn=kinesis.describe_stream(StreamName=name)["StreamDescription"]["StreamARN"],
        FunctionName=function["FunctionArn"],
        StartingPosition=source.starts_at,
        BatchSize=source.batch,
        BisectBatchOnFunctionError=source.bisect,
        FunctionResponseTypes=list(source.answers),
    )
    sent = [
        ("mapped", json.dumps({"userId": "mapped", "itemId": f"i{n}", "event_type": "view"}))
        for n in range(3)
    ]
    KinesisStream(name, kinesis, stream.documents).put(
        [(key, data.encode()) for key, data in [*sent[:2], ("k", "poison"), sent[2]]]
    )
    told = stream.told.with_name("mapped").read_text("utf-8")
    assert stream.items("mapped") == ["i0", "i1", "i2"], told
    assert len(stream.aside()) == 1

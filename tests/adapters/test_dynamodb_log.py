"""What DynamoDB does to a log that a disk does not: others are heard of later, answers are lost,
transactions end halfway and become readable row by row. The rest is the port's contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from endcap.adapters.dynamodb_calls import ATTEMPTS, DynamoCalls
from endcap.adapters.dynamodb_log import MOST_HOLES, MOST_LOST, DynamoLog
from endcap.adapters.dynamodb_log_rows import MOST_PAYLOAD_BYTES, ROW_BYTES, sort_key
from endcap.adapters.dynamodb_tables import CHANGES, TABLES, Names, create
from endcap.domain.errors import Damaged, InvalidInput, NotFound, Unavailable
from endcap.telemetry import Telemetry

pytestmark = pytest.mark.server
Ask = Callable[..., Any]
LARGE = b"x" * 3 * 10**6  # two of them fit no transaction


class Between:
    """A client that counts what it is asked and lets a test answer for it."""

    def __init__(self, client: Any) -> None:
        self.client, self.asked = client, Counter[str]()
        self.answers: dict[str, Callable[[Ask, int], Ask]] = {}

    def __getattr__(self, operation: str) -> Ask:
        def ask(**asked: Any) -> Any:
            self.asked[operation] += 1
            real = getattr(self.client, operation)
            answer = self.answers.get(operation)
            return (answer(real, self.asked[operation]) if answer else real)(**asked)

        return ask


class Bench:
    """A table of its own, and a clock."""

    def __init__(self, aws: Any) -> None:
        self.client, self.names = aws.client("dynamodb"), Names(aws.name("t") + "-")
        create(self.client, self.names, [TABLES[CHANGES]])
        self.table, self.now, self.telemetry = self.names.of(CHANGES), 1e9, Telemetry()
        self.pause: Callable[[float], None] = lambda _: None

    def wait(self, seconds: float) -> None:
        self.pause(seconds)

    def open(self, client: Any = None) -> DynamoLog:
        calls = DynamoCalls(self.telemetry.count, self.wait, make=lambda: client or self.client)
        return DynamoLog(calls, self.names, clock=lambda: self.now)

    def between(self) -> tuple[DynamoLog, Between]:
        told = Between(self.client)
        return self.open(told), told

    def key(self, offset: int) -> dict[str, Any]:
        return {"log": {"S": self.names.group}, "offset": {"S": sort_key(offset)}}

    def waits(self, reason: str) -> float:
        found = self.telemetry.counters.items()
        return sum(n for (name, labels), n in found if dict(labels).get("reason") == reason)


@pytest.fixture
def bench(aws: Any) -> Bench:
    return Bench(aws)


def add(log: DynamoLog, *payloads: bytes) -> int:
    return log.append(lambda _: payloads, log.end())


def payloads_of(log: DynamoLog, start: int = 0) -> list[bytes]:
    return [payload for _, payload in log.read(start)]


def no_answer(real: Ask, _: int) -> Ask:
    def lose(**asked: Any) -> Any:
        real(**asked)
        raise ReadTimeoutError(endpoint_url="x")

    return lose


def refusing(code: str, times: int, **more: Any) -> Callable[[Ask, int], Ask]:
    def answer(real: Ask, which: int) -> Ask:
        def refuse(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": code}, **more}, "x")  # type: ignore[typeddict-item]

        return refuse if which <= times else real

    return answer


def away(times: int) -> Callable[[Ask, int], Ask]:
    return refusing("InternalServerError", times, ResponseMetadata={"HTTPStatusCode": 500})


def test_the_end_is_asked_for_once_a_second_and_ones_own_is_known(bench: Bench) -> None:
    (log, told), other = bench.between(), bench.open()
    assert [log.end() for _ in range(5)] == [0] * 5
    own = add(log, b"a")
    assert [log.end() for _ in range(5)] == [own] * 5
    theirs = add(other, b"b")
    assert log.end() == own
    assert told.asked == {"query": 1, "put_item": 1}
    bench.now += 1.0
    assert log.end() == theirs
    assert told.asked["query"] == 2
    bench.now -= 100  # somebody set the clock: better to ask than to believe
    assert log.end() == theirs
    assert told.asked["query"] == 3


def test_an_end_that_another_tells_is_looked_for_at_once(bench: Bench) -> None:
    log, other = bench.open(), bench.open()
    assert log.end() == 0
    end = add(other, b"a", b"b")
    assert [payload for _, payload in log.read(0, end)] == [b"a", b"b"]


def test_who_does_not_know_of_another_writer_is_told_and_chooses_again(bench: Bench) -> None:
    log, other = bench.open(), bench.open()
    end = log.end()
    add(other, b"a", b"b")
    seen: list[list[bytes]] = []

    def choose(tail: Iterator[tuple[int, bytes]]) -> Sequence[bytes]:
        seen.append([payload for _, payload in tail])
        if len(seen) == 2:
            add(other, b"c")
        return [b"mine %d" % len(seen)]

    log.append(choose, end)
    assert seen == [[], [b"a", b"b"], [b"c"]]
    assert payloads_of(bench.open()) == [b"a", b"b", b"c", b"mine 3"]
    assert bench.waits("contended") == 2


def test_who_is_never_the_first_is_told(bench: Bench) -> None:
    log, other = bench.open(), bench.open()

    def late(_: object) -> Sequence[bytes]:
        add(other, b"quick")
        return [b"slow"]

    with pytest.raises(Unavailable) as caught:
        log.append(late, log.end())
    assert caught.value.code == "dynamodb_contended"
    assert payloads_of(bench.open()) == [b"quick"] * MOST_LOST


def test_many_records_of_one_append_are_one_row(bench: Bench) -> None:
    log, told = bench.between()
    records = [b"%d" % n for n in range(1000)]
    offset = 0
    end = add(log, *records)
    (row,) = bench.client.scan(TableName=bench.table)["Items"]
    assert (row["offset"]["S"], row["size"]["N"]) == ("0" * 20, str(end))
    assert told.asked["put_item"] == 1
    for place, (behind, _) in enumerate([*log.read(0)][:20]):
        assert payloads_of(log, offset) == records[place:]
        offset = behind


def test_a_large_record_has_several_rows_and_one_that_is_too_large_is_refused(
    bench: Bench,
) -> None:
    log = bench.open()
    largest = bytes(range(256)) * (MOST_PAYLOAD_BYTES // 256)
    end = add(log, b"a", largest, b"b")
    assert payloads_of(bench.open()) == [b"a", largest, b"b"]
    with pytest.raises(InvalidInput) as caught:
        add(log, b"c", b"x" * (MOST_PAYLOAD_BYTES + 1))
    assert caught.value.code == "record_too_large"
    assert bench.open().end() == end
    behind = [offset for offset, _ in log.read(0)]
    assert log.trim(behind[1] - ROW_BYTES) == behind[0]  # a part of a record does not go
    assert payloads_of(log, behind[0]) == [largest, b"b"]
    turned = largest[::-1]
    assert log.rewrite(end, lambda _, old: turned if old == largest else old) == 1
    assert payloads_of(bench.open(), behind[0]) == [turned, b"b"]


def test_what_no_transaction_holds_is_readable_from_its_beginning_on(bench: Bench) -> None:
    """The writer dies between two: what it wrote stands whole, and another goes on behind it."""
    log, told = bench.between()
    told.answers["transact_write_items"] = lambda real, which: (
        real if which == 1 else no_answer(lambda **_: None, which)
    )
    with pytest.raises(Unavailable):
        add(log, b"first", LARGE, LARGE, b"last")
    other = bench.open()
    assert payloads_of(other) == [b"first", LARGE]
    add(other, b"other")
    assert payloads_of(bench.open()) == [b"first", LARGE, b"other"]


def test_another_between_two_transactions_is_shown_with_what_stands_already(bench: Bench) -> None:
    (log, told), other = bench.between(), bench.open()
    wanted, seen = [b"first", LARGE, LARGE[:-1], b"last"], list[list[bytes]]()

    def interrupted(real: Ask, which: int) -> Ask:
        if which == 2:
            bench.now += 2
            add(other, b"other")
        return real

    def choose(tail: Iterator[tuple[int, bytes]]) -> Sequence[bytes]:
        seen.append([payload for _, payload in tail])
        return [payload for payload in wanted if payload not in seen[-1]]

    told.answers["transact_write_items"] = interrupted
    log.append(choose, log.end())
    assert seen == [[], [b"first", LARGE, b"other"]]
    assert payloads_of(bench.open()) == [b"first", LARGE, b"other", LARGE[:-1], b"last"]


@pytest.mark.parametrize(
    ("operation", "payloads"), [("put_item", [b"a"]), ("transact_write_items", [b"a", LARGE])]
)
def test_a_write_whose_answer_was_lost_is_no_conflict_with_itself(
    bench: Bench, operation: str, payloads: list[bytes]
) -> None:
    log, told = bench.between()
    told.answers[operation] = lambda real, which: no_answer(real, which) if which == 1 else real
    called: list[int] = []
    end = log.append(lambda _: called.append(1) or payloads, log.end())  # type: ignore[func-returns-value]
    assert (called, log.end(), bench.open().end()) == ([1], end, end)
    assert payloads_of(bench.open()) == payloads


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("ThrottlingException", {}),
        (
            "TransactionCanceledException",
            {"CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}]},
        ),
    ],
)
def test_what_is_throttled_or_in_anothers_way_is_tried_again(
    bench: Bench, code: str, more: dict[str, Any]
) -> None:
    log, told = bench.between()
    told.answers["transact_write_items"] = refusing(code, 2, **more)
    add(log, b"a", LARGE)
    assert told.asked["transact_write_items"] == 3
    assert payloads_of(bench.open()) == [b"a", LARGE]
    told.answers["put_item"] = refusing("ThrottlingException", 100)
    with pytest.raises(Unavailable) as caught:
        add(log, b"b")
    assert (caught.value.code, told.asked["put_item"]) == ("dynamodb_throttled", ATTEMPTS)
    assert payloads_of(bench.open()) == [b"a", LARGE]


def test_while_dynamodb_is_away_the_end_is_what_was_known(bench: Bench) -> None:
    log, told = bench.between()
    told.answers["query"] = away(6)
    with pytest.raises(Unavailable):
        log.end()
    end = add(bench.open(), b"a")
    log, told = bench.between()
    assert log.end() == end
    told.answers["query"] = away(99)
    add(bench.open(), b"b")
    bench.now += 2
    asked = told.asked["query"]
    assert [log.end() for _ in range(3)] == [end] * 3
    assert 0 < told.asked["query"] - asked <= ATTEMPTS
    with pytest.raises(Unavailable):
        log.read(0)
    told.answers.clear()
    log, _ = bench.between()
    assert log.end() > end


def test_rows_that_become_readable_later_are_waited_for(bench: Bench) -> None:
    log = bench.open()
    ends = [add(log, b"%d" % n) for n in range(6)]
    hidden = bench.client.delete_item(
        TableName=bench.table, Key=bench.key(ends[2]), ReturnValues="ALL_OLD"
    )["Attributes"]
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            bench.client.put_item(TableName=bench.table, Item=hidden)

    bench.pause = pause
    assert payloads_of(log) == [b"%d" % n for n in range(6)]
    assert (len(waits), bench.waits("hole")) == (3, 3)


def test_what_is_missing_for_good_is_damage(bench: Bench) -> None:
    log = bench.open()
    ends = [add(log, b"%d" % n) for n in range(6)]
    bench.client.delete_item(TableName=bench.table, Key=bench.key(ends[2]))
    read: list[bytes] = []
    with pytest.raises(Damaged) as caught:
        read.extend(payload for _, payload in log.read(0))
    assert (caught.value.code, caught.value.value) == ("log_gap", ends[2])
    assert read == [b"0", b"1", b"2"]
    assert bench.waits("hole") == MOST_HOLES - 1
    assert payloads_of(log, ends[3]) == [b"4", b"5"]


def test_bytes_that_were_not_written_are_damage(bench: Bench) -> None:
    log = bench.open()
    end = add(log, b"a")
    add(log, b"word")
    bench.client.update_item(
        TableName=bench.table,
        Key=bench.key(end),
        UpdateExpression="SET payload = :p",
        ExpressionAttributeValues={":p": {"B": b"\4\0\0\0abcdWORD"}},
    )
    for read in (lambda: list(log.read(0)), lambda: log.rewrite(log.end(), lambda _, p: p)):
        with pytest.raises(Damaged) as caught:
            read()
        assert (caught.value.code, caught.value.value) == ("log_damaged", end)


def test_trim_keeps_what_was_written_of_late(bench: Bench) -> None:
    log = bench.open()
    ends = []
    for n in range(10):
        bench.now = 1000.0 + n
        ends.append(add(log, b"%d" % n))
    assert log.trim(ends[7], unchanged_since=1_000_000_000) == 0
    assert log.trim(ends[7], unchanged_since=1_003_000_000) == ends[2]
    assert log.trim(ends[7], unchanged_since=2**62) == ends[7]
    assert bench.open().trim(0) == ends[7]


def test_a_trim_that_was_cut_short_is_told_and_ended_by_the_next(bench: Bench) -> None:
    log, told = bench.between()
    ends = [add(log, b"%d" % n) for n in range(10)]

    def half(real: Ask, _: int) -> Ask:
        def delete(RequestItems: dict[str, Any]) -> Any:
            real(RequestItems={bench.table: RequestItems[bench.table][3:]})
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "x")

        return delete

    told.answers["batch_write_item"] = half
    with pytest.raises(Exception, match="may not be used"):
        log.trim(ends[5])
    other = bench.open()
    with pytest.raises(NotFound) as caught:
        list(other.read(ends[1]))
    assert caught.value.code == "log_trimmed"
    assert (other.trim(0), payloads_of(other, ends[5])) == (ends[5], [b"6", b"7", b"8", b"9"])
    other.trim(ends[6])
    assert len(bench.client.scan(TableName=bench.table)["Items"]) == 3 + 1  # and where it begins


def test_each_group_has_a_log_of_its_own(bench: Bench) -> None:
    """Also where both are given one table."""
    add(bench.open(), b"a")
    given = Names(group="second", given={CHANGES: bench.table.removesuffix(".second")})
    create(bench.client, given, [TABLES[CHANGES]])
    second = DynamoLog(DynamoCalls(make=lambda: bench.client), given)
    assert (second.end(), [*second.read(0)]) == (0, [])
    add(second, b"b")
    assert payloads_of(bench.open()) == [b"a"]

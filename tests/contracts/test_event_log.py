"""The contract of the port EventLog. A new adapter is one more line in ``LOGS``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest

from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_log import DynamoLog
from endcap.adapters.dynamodb_tables import CHANGES, TABLES, Names, create
from endcap.adapters.log import FileLog
from endcap.domain.errors import Damaged, NotFound
from endcap.ports import EventLog

Open = Callable[[], EventLog]


def file(_: pytest.FixtureRequest, folder: Path) -> Open:
    return lambda: FileLog(folder / "log", segment_bytes=1 << 20)


def tiny_segments(_: pytest.FixtureRequest, folder: Path) -> Open:
    return lambda: FileLog(folder / "log", segment_bytes=50)


def dynamodb(request: pytest.FixtureRequest, _: Path) -> Open:
    """It looks for what others wrote each time, not once a second: tests/adapters has that."""
    aws: Any = request.getfixturevalue("aws")
    client, names = aws.client("dynamodb"), Names(prefix=aws.name("t") + "-")
    create(client, names, [TABLES[CHANGES]])
    calls = DynamoCalls(make=lambda: client)
    return lambda: DynamoLog(calls, names, look_every_s=0)


LOGS = {
    "file": pytest.param(file),
    "file, tiny segments": pytest.param(tiny_segments),
    "dynamodb": pytest.param(dynamodb, marks=pytest.mark.server),
}
# Which drop and keep by few records, so that a trim of some drops any.
SMALL_PARTS = ("file, tiny segments", "dynamodb")
small_parts = pytest.mark.parametrize(
    "open_log", [LOGS[name] for name in SMALL_PARTS], ids=SMALL_PARTS, indirect=True
)


@pytest.fixture(params=LOGS.values(), ids=LOGS)
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call opens the same log again, as another process would."""
    opened: Open = request.param(request, tmp_path)
    return opened


@pytest.fixture
def many(open_log: Open) -> int:
    """Records that a log takes in a second or two."""
    return 300 if isinstance(open_log(), FileLog) else 50


def add(log: EventLog, *payloads: bytes) -> int:
    return log.append(lambda _: payloads, log.end())


def payloads_of(records: Iterator[tuple[int, bytes]]) -> list[bytes]:
    return [payload for _, payload in records]


def test_a_new_log_is_empty(open_log: Open) -> None:
    log = open_log()
    assert log.end() == 0
    assert list(log.read(0)) == []


def test_what_was_appended_is_read_in_order_with_the_offset_behind_it(open_log: Open) -> None:
    log = open_log()
    first = add(log, b"a", b"")
    second = add(log, b"c" * 1000)
    records = list(log.read(0))
    assert [payload for _, payload in records] == [b"a", b"", b"c" * 1000]
    assert [records[1][0], records[2][0]] == [first, second]
    assert log.end() == second


def test_reading_begins_behind_any_record(open_log: Open) -> None:
    log = open_log()
    add(log, *(b"%d" % n for n in range(20)))
    for n, (offset, _) in enumerate(list(log.read(0))):
        assert payloads_of(log.read(offset)) == [b"%d" % m for m in range(n + 1, 20)]


def test_reading_ends_before_a_record_that_passes_stop(open_log: Open) -> None:
    log = open_log()
    for n in range(20):
        add(log, b"%d" % n)
    offsets = [offset for offset, _ in log.read(0)]
    assert payloads_of(log.read(0, offsets[4])) == [b"0", b"1", b"2", b"3", b"4"]
    assert payloads_of(log.read(0, offsets[4] - 1)) == [b"0", b"1", b"2", b"3"]
    assert payloads_of(log.read(0, log.end() + 1000))[-1] == b"19"
    assert payloads_of(log.read(offsets[4], offsets[2])) == []


def test_reading_does_not_see_what_comes_later(open_log: Open) -> None:
    log = open_log()
    add(log, b"a")
    records = log.read(0)
    add(log, b"b")
    assert payloads_of(records) == [b"a"]


def test_choose_sees_what_was_published_after_since(open_log: Open) -> None:
    one, other = open_log(), open_log()
    since = add(one, b"a")
    add(other, b"b", b"c")
    seen: list[bytes] = []

    def choose(records: Iterator[tuple[int, bytes]]) -> Sequence[bytes]:
        seen.extend(payloads_of(records))
        return [b"d"]

    end = one.append(choose, since)
    assert seen == [b"b", b"c"]
    assert payloads_of(other.read(since, end)) == [b"b", b"c", b"d"]


def test_choosing_nothing_changes_nothing(open_log: Open) -> None:
    log = open_log()
    end = add(log, b"a")
    assert log.append(lambda _: [], 0) == end == log.end()


def test_an_error_in_choose_writes_nothing_and_frees_the_lock(open_log: Open) -> None:
    log = open_log()

    def refuse(_: Iterator[tuple[int, bytes]]) -> Sequence[bytes]:
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        log.append(refuse, 0)
    assert log.end() == 0
    add(open_log(), b"a")
    assert payloads_of(log.read(0)) == [b"a"]


def test_an_opened_log_sees_what_others_append(open_log: Open) -> None:
    one, other = open_log(), open_log()
    for n in range(30):
        add(one if n % 2 else other, b"%d" % n)
    assert one.end() == other.end()
    assert payloads_of(one.read(0)) == payloads_of(other.read(0)) == [b"%d" % n for n in range(30)]


def test_a_log_opened_again_holds_everything(open_log: Open) -> None:
    log = open_log()
    add(log, b"a", b"b")
    end = add(log, b"c")
    log.sync(end)
    del log
    again = open_log()
    assert again.end() == end
    assert payloads_of(again.read(0)) == [b"a", b"b", b"c"]
    add(again, b"d")
    assert payloads_of(again.read(end)) == [b"d"]


def test_payloads_of_any_size_and_content(open_log: Open) -> None:
    log = open_log()
    payloads = [bytes(range(256)), b"\0" * 100, b"\xff" * 300_000, b"x" * 1_000_000, b""]
    add(log, *payloads)
    assert payloads_of(log.read(0)) == payloads


def test_sync_returns_for_every_offset_up_to_the_end(open_log: Open) -> None:
    log = open_log()
    offsets = [add(log, b"%d" % n) for n in range(10)]
    for offset in [0, offsets[3], offsets[-1], offsets[5], log.end()]:
        log.sync(offset)
    assert payloads_of(log.read(offsets[-2])) == [b"9"]


def test_trim_keeps_everything_from_before_on(open_log: Open) -> None:
    log = open_log()
    offsets = [add(log, b"%d" % n * 10) for n in range(20)]
    first = log.trim(offsets[9])
    assert first <= offsets[9]
    assert payloads_of(log.read(offsets[9])) == [b"%d" % n * 10 for n in range(10, 20)]
    assert payloads_of(open_log().read(first))[-1] == b"19" * 10
    assert log.trim(0) == first
    last = log.trim(log.end())
    add(log, b"new")
    assert payloads_of(log.read(last))[-1] == b"new"


def test_trim_keeps_what_was_written_of_late(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "log", segment_bytes=50)
    offsets = [add(log, b"%d" % n * 10) for n in range(20)]
    ages = sorted(tmp_path.rglob("*.log"))
    for path in ages[:3]:
        os.utime(path, (100, 100))
    assert log.trim(offsets[15], unchanged_since=100_000_000) == 0
    first = log.trim(offsets[15], unchanged_since=100_000_001)
    assert first == int(ages[3].stem)
    assert log.trim(offsets[15], unchanged_since=2**62) > first


@small_parts
def test_reading_below_the_first_kept_offset_is_an_error(open_log: Open) -> None:
    log = open_log()
    offsets = [add(log, b"%d" % n * 10) for n in range(20)]
    first = log.trim(offsets[9])
    assert first > 0
    with pytest.raises(NotFound) as caught:
        log.read(0)
    assert (caught.value.code, caught.value.value) == ("log_trimmed", 0)


def test_reading_behind_the_end_is_an_error(open_log: Open) -> None:
    log = open_log()
    end = add(log, b"a")
    with pytest.raises(Damaged) as caught:
        log.read(end + 1)
    assert (caught.value.code, caught.value.value) == ("log_too_short", end + 1)


def test_threads_read_while_one_appends(open_log: Open, many: int) -> None:
    log, pause_s = open_log(), 0.15 / many
    wrong: list[object] = []

    def read() -> None:
        offset, count = 0, 0
        while count < many and not wrong:
            for behind, payload in log.read(offset):
                if payload != b"%d" % count:
                    wrong.append((offset, payload, count))
                offset, count = behind, count + 1
            sleep(pause_s)

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for n in range(many):
        add(log, b"%d" % n)
    for reader in readers:
        reader.join()
    assert wrong == []


def test_reading_during_a_trim_is_whole_or_told(open_log: Open, many: int) -> None:
    """A reader sees the records in order, or learns that they were dropped; never others."""
    log, other = open_log(), open_log()
    for n in range(many):
        add(log, b"%d" % n * 5)
    offsets = [0, *(offset for offset, _ in log.read(0))]
    wrong: list[object] = []

    def read(start: int) -> None:
        try:
            for n, (_, payload) in enumerate(log.read(offsets[start]), start):
                if payload != b"%d" % n * 5:
                    wrong.append((start, n, payload))
                sleep(0.0001)
        except NotFound as error:
            if error.code != "log_trimmed":
                wrong.append(error)

    readers = [
        Thread(target=read, args=(start,))
        for start in (0, many // 10, many // 3, many // 2, many - 10)
    ]
    for reader in readers:
        reader.start()
    for offset in offsets:
        other.trim(offset)
    for reader in readers:
        reader.join()
    assert wrong == []
    assert payloads_of(log.read(offsets[-2])) == [b"%d" % (many - 1) * 5]


def test_records_are_replaced_where_they_stand(open_log: Open) -> None:
    log, other = open_log(), open_log()
    ends = [add(log, b"record-%02d" % n) for n in range(12)]
    seen: list[int] = []

    def change(end: int, payload: bytes) -> bytes:
        seen.append(end)
        return b"x" * len(payload) if payload in (b"record-03", b"record-07") else payload

    assert log.rewrite(ends[7], change) == 2
    assert seen == ends[:8]
    wanted = [b"x" * 9 if n in (3, 7) else b"record-%02d" % n for n in range(12)]
    for reader in (log, other, open_log()):
        assert list(reader.read(0)) == list(zip(ends, wanted, strict=True))
    assert add(other, b"later") == add(log, b"later still") - (ends[-1] - ends[-2]) - 2
    assert payloads_of(log.read(ends[-1])) == payloads_of(other.read(ends[-1]))
    assert payloads_of(open_log().read(ends[10])) == [b"record-11", b"later", b"later still"]
    assert log.rewrite(ends[7], lambda _, payload: payload) == 0


def test_a_replacement_of_another_length_changes_nothing(open_log: Open) -> None:
    log = open_log()
    end = add(log, b"one", b"two")
    with pytest.raises(ValueError, match="3 bytes"):
        log.rewrite(end, lambda _, payload: payload + b"!")
    assert payloads_of(open_log().read(0)) == [b"one", b"two"]


def test_two_writers_at_once_take_turns(open_log: Open) -> None:
    """Each writes how many records it has seen: a number is missing or comes twice when one was
    not shown what the other wrote before."""

    def write(log: EventLog) -> None:
        offset = count = 0

        def choose(tail: Iterator[tuple[int, bytes]]) -> Sequence[bytes]:
            nonlocal count
            count += sum(1 for _ in tail)
            return [b"%d" % count, b"%d" % (count + 1)]

        for _ in range(25):
            offset = log.append(choose, offset)
            count += 2

    writers = [Thread(target=write, args=(open_log(),)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert payloads_of(open_log().read(0)) == [b"%d" % n for n in range(100)]


def test_many_large_records_of_one_append_are_read_as_a_beginning_of_them(open_log: Open) -> None:
    log, other = open_log(), open_log()
    records = [bytes([n]) * 150_000 for n in range(60)]
    done, wrong = Event(), list[int]()

    def read() -> None:
        while not done.is_set():
            found = payloads_of(other.read(0))
            if found != records[: len(found)]:
                wrong.append(len(found))

    reader = Thread(target=read)
    reader.start()
    add(log, *records)
    done.set()
    reader.join()
    assert wrong == []
    assert payloads_of(open_log().read(0)) == records

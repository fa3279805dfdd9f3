"""The stream runner: every record is answered once in the lake, whatever ends the consumer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from endcap.adapters.stream_folder import FolderStream
from endcap.app import stream_parts
from endcap.app.batch import stored
from endcap.app.erasure import erase_user
from endcap.app.intake import write
from endcap.app.shop import CAMPAIGN
from endcap.app.stream_parts import FolderParts, StreamParts, Unanswered, lines_of, of_one_day
from endcap.app.streaming import ENDED, Consumer, lags, ready
from endcap.domain.records import Pointed
from endcap.domain.streams import Shard, StreamBatch, StreamRecord

DAY_US = 86_400_000_000


def view(user_id: str, item_id: str, number: int) -> tuple[str, bytes]:
    body = {"userId": user_id, "itemId": item_id, "event_type": "view", "event_id": f"e{number}"}
    return user_id, msgspec.json.encode(body)


def consumer(board: Any, stream: Any, out: str = "out", **more: Any) -> Consumer:
    board.at += 1_000_000
    parts = StreamParts(FolderParts(board.home), out)
    return Consumer(board.shop, stream, parts, "one", lambda: board.at, **more)


def until_empty(one: Consumer) -> Consumer:
    while one.round():
        pass
    return one


@pytest.fixture
def stream(tmp_path: Path) -> FolderStream:
    return FolderStream(tmp_path / "stream", shards=3)


def written(board: Any, kind: str = "recommendations", out: str = "out") -> list[dict[str, Any]]:
    """Every line of every file."""
    files = sorted((board.home / out / kind).glob("date=*/*.jsonl"))
    return [json.loads(text) for file in files for text in file.read_text("utf-8").splitlines()]


def test_records_are_answered_and_told_per_user(board: Any, stream: FolderStream) -> None:
    stream.put([view("s0", "black-1", 1), view("s1", "white-1", 2), view("new", "white-2", 3)])
    done = until_empty(consumer(board, stream))
    assert done.results == {"Ok": 3}
    lines = {line["userId"]: line for line in written(board)}
    assert {i["id"][:5] for i in lines["new"]["items"][:4]} == {"white"}
    assert {i["id"][:5] for i in lines["s0"]["items"][:4]} == {"black"}
    (mine,) = lines_of(FolderParts(board.home), "out", "new")
    assert json.loads(mine) == lines["new"]


def test_what_was_done_counts_for_everybody(board: Any, stream: FolderStream) -> None:
    """The events go through the shop's log: the API knows them, and the lake will."""
    stream.put([view("new", "white-2", 3)])
    until_empty(consumer(board, stream))
    assert {i[:5] for i in board.ids(user_id="new", k=4)} == {"white"}
    board.reopen()
    assert {i[:5] for i in board.ids(user_id="new", k=4)} == {"white"}


def test_the_newest_answer_of_each_user_is_stored(board: Any, stream: FolderStream) -> None:
    stream.put([view("new", "black-2", 1), view("new", "white-2", 2), view("new", "white-3", 3)])
    until_empty(consumer(board, stream, k=4))
    found = stored(board.shop, "new")
    assert found is not None
    assert found["recommendations"] == [i["id"] for i in written(board)[-1]["items"]]
    assert set(found) >= {"user_id", "recommendations", "scores", "model_version", "stored_at"}


def test_nothing_is_stored_where_that_is_not_wanted(board: Any, stream: FolderStream) -> None:
    stream.put([view("new", "black-2", 1)])
    until_empty(consumer(board, stream, store=False))
    assert stored(board.shop, "new") is None
    assert len(written(board)) == 1


def test_records_that_cannot_be_used_are_kept_as_they_came(
    board: Any, stream: FolderStream
) -> None:
    stream.put([("k", b"\xffpoison"), view("s1", "white-1", 2), ("k", b"")])
    done = until_empty(consumer(board, stream))
    assert done.results == {"Ok": 1, "ProcessingFailed": 1, "Dropped": 1}
    (line,) = written(board, "failed")
    kept = msgspec.convert(line, Unanswered)
    assert (kept.data, kept.reason) == (b"\xffpoison", "bad_record")


def test_a_file_ends_with_its_day(board: Any) -> None:
    midnight = 1_760_000_000_000_000 // DAY_US * DAY_US + DAY_US
    records = [StreamRecord(str(n), "k", b"", midnight + n) for n in range(-2, 3)]
    assert [r.position for r in of_one_day(records)] == ["-2", "-1"]
    assert len(of_one_day(records[2:])) == 3
    assert of_one_day([]) == []


def counted(crash_at: int, before: bool) -> tuple[Callable[[Any, str], None], list[str]]:
    """``wrap(owner, name)`` makes the call number ``crash_at`` of all wrapped ones end the
    process: before it does anything, or just after."""
    calls: list[str] = []

    def wrap(patch: Callable[..., None], owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*given: Any, **more: Any) -> Any:
            calls.append(name)
            ends = len(calls) == crash_at
            if ends and before:
                raise KeyboardInterrupt
            result = real(*given, **more)
            if ends:
                raise KeyboardInterrupt
            return result

        patch(owner, name, call)

    return wrap, calls


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_crash_at_any_step_loses_nothing_and_repeats_nothing(
    board: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    crash_at = 0
    crashed = True
    while crashed:
        crash_at += 1
        stream = FolderStream(tmp_path / f"stream-{before}-{crash_at}", shards=2)
        name = f"u{crash_at}-{before}"
        put = [view(f"{name}-{n % 5}", f"black-{n % 12}", crash_at * 1000 + n) for n in range(20)]
        stream.put([*put, ("k", b"poison")])
        crashed = run_with_crash(board, stream, monkeypatch, crash_at, before)
        until_empty(consumer(board, stream, out=name, most=7))
        lines = written(board, out=name)
        assert Counter(line["userId"] for line in lines) == {f"{name}-{n}": 4 for n in range(5)}
        assert len({line["recordId"] for line in lines}) == 20
        for n in range(5):
            assert len(board.shop.now.state.history(f"{name}-{n}").items) == 4
            assert stored(board.shop, f"{name}-{n}") is not None
        assert len(written(board, "failed", name)) == 1
    assert crash_at >= 20


def run_with_crash(
    board: Any, stream: Any, patch: pytest.MonkeyPatch, crash_at: int, before: bool
) -> bool:
    """Whether the consumer crashed before it came to the end. The next one is another process."""
    wrap, _ = counted(crash_at, before)
    with patch.context() as one:
        shop = board.shop
        for owner, name in (
            (shop.log, "append"),
            (shop.log, "sync"),
            (stream_parts, "replace_file"),
            (shop.documents, "put_many"),
            (stream, "checkpoint"),
        ):
            wrap(one.setattr, owner, name)
        try:
            until_empty(consumer(board, stream, out=f"u{crash_at}-{before}", most=7))
        except KeyboardInterrupt:
            crashed = True
        else:
            crashed = False
    board.reopen()
    return crashed


def test_a_repeat_that_reads_fewer_records_repeats_none(
    board: Any, stream: FolderStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream.put([view("s1", f"white-{n % 12}", n) for n in range(10)])
    with monkeypatch.context() as patch:
        patch.setattr(stream, "checkpoint", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            until_empty(consumer(board, stream, most=10))
    assert len(written(board)) == 10
    until_empty(consumer(board, stream, most=3))
    assert len({line["recordId"] for line in written(board)}) == len(written(board)) == 10


def test_a_failure_that_is_gone_at_the_repeat_leaves_no_failed_record(
    empty_board: Any, stream: FolderStream
) -> None:
    stream.put([("s1", b'{"userId":"s1"}')])
    one = consumer(empty_board, stream)
    one.stream.checkpoint = lambda *_: None  # type: ignore[method-assign]
    until = one.round()
    assert (until, len(written(empty_board, "failed"))) == (1, 1)
    empty_board.post(("s2", "thing", "view"))
    again = consumer(empty_board, FolderStream(stream._root))
    until_empty(again)
    assert written(empty_board, "failed") == []
    assert len(written(empty_board)) == 1


class Splitting:
    """A stream whose one shard was split: two children, of which one is empty."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.data = {"a": [b'{"userId":"s1"}'] * 3, "b": [b'{"userId":"s1"}'], "c": []}

    def put(self, records: Any) -> None:
        raise NotImplementedError

    def shards(self) -> list[Shard]:
        return [Shard("a"), Shard("b", ("a",)), Shard("c", ("a", "gone"))]

    def read(self, shard: str, after: str, most: int) -> StreamBatch:
        start = int(after or 0)
        found = self.data[shard][start : start + most]
        records = tuple(
            StreamRecord(str(start + n + 1), "k", data, 1_760_000_000_000_000)
            for n, data in enumerate(found)
        )
        return StreamBatch(records, shard == "a" and start + len(found) == 3)

    def positions(self, consumer: str) -> dict[str, str]:
        return dict(self.kept)

    def checkpoint(self, consumer: str, positions: Any) -> None:
        self.kept |= positions


def test_children_are_read_once_their_parents_were_read_to_the_end(board: Any) -> None:
    stream = Splitting()
    one = consumer(board, stream, most=2)
    assert [one.round() for _ in range(4)] == [2, 1, 1, 0]
    assert stream.kept == {"a": ENDED, "b": "1"}
    again = consumer(board, stream, most=2)
    assert again.round() == 0
    assert [s.name for s in ready(stream.shards(), {})] == ["a"]


def test_how_far_behind(stream: FolderStream, board: Any) -> None:
    stream.put([view("s1", "white-1", n) for n in range(5)])
    at = max(r.arrived_at for s in stream.shards() for r in stream.read(s.name, "", 9).records)
    behind = [lag for lag in lags(stream, "one", at + 2_000_000) if lag.unread]
    assert [(lag.unread, lag.position) for lag in behind] == [(5, "")]
    assert behind[0].oldest_s == pytest.approx(2.0, abs=0.5)
    until_empty(consumer(board, stream))
    assert {(lag.unread, lag.oldest_s) for lag in lags(stream, "one", at)} == {(0, None)}


def test_a_batch_is_counted_and_timed(board: Any, stream: FolderStream) -> None:
    stream.put([view("s1", "white-1", 1), ("k", b"poison")])
    until_empty(consumer(board, stream))
    counters = board.shop.telemetry.counters
    assert counters["stream_records_total", (("result", "Ok"),)] == 1
    assert counters["stream_records_total", (("result", "ProcessingFailed"),)] == 1
    assert sum(key[0] == "stream_latency_seconds" for key in board.shop.telemetry.histograms) == 1


def test_a_model_that_is_promoted_meanwhile_is_taken_up(board: Any, stream: FolderStream) -> None:
    one = consumer(board, stream)
    served = board.shop.now
    write(board.shop, Pointed(board.at, name=CAMPAIGN, value="v0001"))
    stream.put([view("s1", "white-1", 1)])
    until_empty(one)
    assert board.shop.now is not served


def test_what_waited_when_its_shopper_was_erased_is_dropped(
    board: Any, stream: FolderStream
) -> None:
    """Of a stream that cannot be changed: this one is not the shop's own."""
    stream.put([view("erin-77", "white-2", 1), view("s1", "white-1", 2), view("erin-77", "x", 3)])
    at = max(r.arrived_at for s in stream.shards() for r in stream.read(s.name, "", 9).records)
    board.at = at
    erase_user(board.shop, "erin-77", at)
    done = until_empty(consumer(board, stream))
    assert done.results == {"Ok": 1, "Dropped": 2}
    assert board.shop.now.state.users.row("erin-77") < 0
    assert {line["userId"] for line in written(board)} == {"s1"}
    assert written(board, "failed") == []
    stream.put([view("erin-77", "white-3", 4)])
    until_empty(consumer(board, stream))
    rows = board.shop.now.state.history("erin-77").items
    assert board.shop.now.state.items.ids(rows) == ["white-3"]


def test_an_erased_user_is_in_no_file_of_the_stream_and_is_not_brought_back(board: Any) -> None:
    stream = FolderStream(board.home / "groups" / "default" / "stream", shards=2)
    output = board.shop.stream_files
    one = Consumer(board.shop, stream, StreamParts(output, "one"), "one", lambda: board.at)
    stream.put([view("erin-77", "white-2", 1), view("s1", "white-1", 2), ("k", b"{erin-77")])
    until_empty(one)
    stream.put([view("erin-77", "white-3", 3), view("s1", "white-3", 4)])
    receipt = erase_user(board.shop, "erin-77", board.at + 1)
    assert receipt.forgotten["records of the stream"] == 3
    assert receipt.forgotten["answers to a stream"] == 2
    until_empty(one)
    assert board.shop.now.state.users.row("erin-77") < 0
    files = [
        *Path(output.url).rglob("*.jsonl"),
        *(board.home / "groups/default/stream").rglob("*.*"),
    ]
    assert not [path for path in files if b"erin-77" in path.read_bytes()]
    assert len([*lines_of(output, "one", "s1")]) == 2

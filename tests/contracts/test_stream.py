"""The contract of the port Stream. A new adapter is one more line in ``STREAMS``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import time_ns
from typing import Any

import pytest

from endcap.adapters.kinesis import KinesisStream
from endcap.adapters.sqlite import SqliteDocuments
from endcap.adapters.stream_folder import FolderStream
from endcap.domain.errors import EndcapError, InvalidInput, NotFound
from endcap.domain.streams import StreamRecord
from endcap.ports import Stream

Open = Callable[[], Stream]
MINUTE_US = 60_000_000


def folder(request: pytest.FixtureRequest, home: Path) -> Open:
    return lambda: FolderStream(home / "stream", shards=3)


def folder_of_tiny_segments(request: pytest.FixtureRequest, home: Path) -> Open:
    return lambda: FolderStream(home / "stream", shards=3, segment_bytes=200)


def kinesis(request: pytest.FixtureRequest, home: Path) -> Open:
    aws: Any = request.getfixturevalue("aws")
    name = aws.name("stream")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=3)
    return lambda: KinesisStream(name, aws.client("kinesis"), SqliteDocuments(home / "documents"))


STREAMS = {
    "folder": pytest.param(folder),
    "folder, tiny segments": pytest.param(folder_of_tiny_segments),
    "kinesis": pytest.param(kinesis, marks=pytest.mark.server),
}


@pytest.fixture(params=STREAMS.values(), ids=STREAMS)
def open_stream(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call opens the same stream again, as another process would."""
    return request.param(request, tmp_path)


def numbered(n: int, keys: int = 7) -> list[tuple[str, bytes]]:
    return [(f"key {number % keys}", b"%d" % number) for number in range(n)]


def everything(stream: Stream, most: int = 10_000) -> dict[str, list[StreamRecord]]:
    """All records by shard, in as many reads as it takes."""
    found: dict[str, list[StreamRecord]] = {}
    for shard in stream.shards():
        records = found[shard.name] = []
        while more := stream.read(shard.name, records[-1].position if records else "", most):
            if not more.records:
                break
            records += more.records
    return found


def test_a_new_stream_has_shards_and_nothing_in_them(open_stream: Open) -> None:
    stream = open_stream()
    assert len({shard.name for shard in stream.shards()}) == 3
    assert {tuple(records) for records in everything(stream).values()} == {()}
    assert all(not stream.read(shard.name, "", 10).ended for shard in stream.shards())


def test_what_was_put_is_read_by_any_process_in_the_order_of_its_key(open_stream: Open) -> None:
    put = numbered(60)
    before = time_ns() // 1000
    open_stream().put(put)
    found = everything(open_stream())
    records = [record for shard in found.values() for record in shard]
    assert sorted(r.data for r in records) == sorted(data for _, data in put)
    for key in {key for key, _ in put}:
        mine = [r.data for r in records if r.key == key]
        assert mine == [data for owner, data in put if owner == key]
    assert all(abs(r.arrived_at - before) < MINUTE_US for r in records)


def test_a_key_lies_in_one_shard_and_keys_in_several(open_stream: Open) -> None:
    stream = open_stream()
    for _ in range(2):
        stream.put(numbered(60, keys=20))
    homes: dict[str, set[str]] = {}
    for shard, records in everything(stream).items():
        for record in records:
            homes.setdefault(record.key, set()).add(shard)
    assert {len(home) for home in homes.values()} == {1}
    assert len(set.union(*homes.values())) == 3


def test_reading_in_small_steps_gives_the_same(open_stream: Open) -> None:
    stream = open_stream()
    stream.put(numbered(40))
    assert everything(stream, most=3) == everything(stream)


def test_reading_goes_on_behind_any_position(open_stream: Open) -> None:
    stream = open_stream()
    stream.put(numbered(30))
    shard, records = max(everything(stream).items(), key=lambda pair: len(pair[1]))
    positions = [record.position for record in records]
    assert len(set(positions)) == len(positions)
    for place, position in enumerate(positions):
        assert list(stream.read(shard, position, 100).records) == records[place + 1 :]
    assert list(open_stream().read(shard, positions[2], 2).records) == records[3:5]


def test_what_comes_later_is_read_from_where_the_end_was(open_stream: Open) -> None:
    stream = open_stream()
    stream.put([("a", b"1")])
    (shard,) = (name for name, records in everything(stream).items() if records)
    (first,) = stream.read(shard, "", 10).records
    assert stream.read(shard, first.position, 10).records == ()
    stream.put([("a", b"2"), ("a", b"3")])
    again = stream.read(shard, first.position, 10).records
    assert [record.data for record in again] == [b"2", b"3"]


def test_data_and_keys_are_kept_to_the_byte(open_stream: Open) -> None:
    stream = open_stream()
    put = [("ключ 🔑", bytes(range(256))), ("k" * 256, b"x" * 100_000), ("empty", b"")]
    stream.put(put)
    found = [(r.key, r.data) for records in everything(stream).values() for r in records]
    assert sorted(found) == sorted(put)


def test_more_records_than_one_call_takes(open_stream: Open) -> None:
    stream = open_stream()
    stream.put(numbered(1_203, keys=50))
    found = [int(r.data) for records in everything(stream, most=500).values() for r in records]
    assert sorted(found) == list(range(1_203))


def test_nothing_put_changes_nothing(open_stream: Open) -> None:
    stream = open_stream()
    stream.put([])
    assert not any(everything(stream).values())


def test_consumers_keep_their_own_positions(open_stream: Open) -> None:
    stream = open_stream()
    assert stream.positions("one") == {}
    stream.put(numbered(30))
    a, b, _ = (shard.name for shard in stream.shards())
    records = everything(stream)
    at, other = records[a][0].position, records[b][0].position
    stream.checkpoint("one", {a: at})
    stream.checkpoint("one", {b: other})
    stream.checkpoint("two", {a: records[a][-1].position})
    again = open_stream()
    assert again.positions("one") == {a: at, b: other}
    assert again.positions("two") == {a: records[a][-1].position}


def test_an_unknown_shard_is_not_found(open_stream: Open) -> None:
    with pytest.raises(NotFound) as caught:
        open_stream().read("shardId-000000000099", "", 1)
    assert (caught.value.code, caught.value.value) == ("unknown_shard", "shardId-000000000099")


def test_what_is_no_position_is_refused(open_stream: Open) -> None:
    stream = open_stream()
    stream.put(numbered(30))
    with pytest.raises(EndcapError) as caught:
        stream.read(stream.shards()[0].name, "no position", 1)
    assert isinstance(caught.value, InvalidInput)
    assert (caught.value.code, caught.value.value) == ("bad_position", "no position")

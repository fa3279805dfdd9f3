"""What a stream in a folder promises beside the port: retention, and that nothing put is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from endcap.adapters.stream_folder import FolderStream, blank, place
from endcap.domain.errors import Damaged, InvalidInput
from endcap.domain.streams import StreamRecord

PUTTER = """
import sys
from pathlib import Path
from endcap.adapters.stream_folder import FolderStream

stream = FolderStream(Path(sys.argv[1]), shards=3, segment_bytes=4000)
for number in range(1_000_000):
    stream.put([(f"key {number % 11}", b"%d" % number)])
    print(number, flush=True)
"""


def numbers(stream: FolderStream) -> list[int]:
    shards = [shard.name for shard in stream.shards()]
    return sorted(int(r.data) for name in shards for r in stream.read(name, "", 10**6).records)


@pytest.mark.server
def test_what_was_acknowledged_before_a_kill_is_there_and_more_can_be_put(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PUTTER, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as putter:
        assert putter.stdout is not None
        told = [int(putter.stdout.readline()) for _ in range(300)][-1]
        putter.send_signal(signal.SIGKILL)
    stream = FolderStream(tmp_path, shards=3)
    found = numbers(stream)
    assert found == list(range(len(found)))
    assert len(found) > told
    stream.put([("key", b"%d" % len(found))])
    assert numbers(FolderStream(tmp_path)) == list(range(len(found) + 1))


def test_old_segments_go_once_every_consumer_has_passed_them(tmp_path: Path) -> None:
    stream = FolderStream(tmp_path, shards=1, segment_bytes=100, retention_hours=0)
    for number in range(50):
        stream.put([("k", b"%d" % number)])
    records = stream.read("000", "", 100).records
    stream.checkpoint("slow", {"000": records[9].position})
    stream.checkpoint("fast", {"000": records[39].position})
    kept = numbers(stream)
    assert kept[0] in range(1, 11), "what the slow one has passed goes, no more"
    assert [r.data for r in stream.read("000", records[9].position, 1).records] == [b"10"]
    stream.checkpoint("slow", {"000": records[39].position})
    assert 10 < numbers(stream)[0] <= 40
    left = stream.read("000", records[9].position, 1).records
    assert [int(r.data) for r in left] == numbers(stream)[:1], "what is gone is left out"


def test_young_segments_stay(tmp_path: Path) -> None:
    stream = FolderStream(tmp_path, shards=1, segment_bytes=100, retention_hours=1)
    for number in range(50):
        stream.put([("k", b"%d" % number)])
    stream.checkpoint("all", {"000": stream.read("000", "", 100).records[-1].position})
    assert numbers(stream) == list(range(50))


def test_the_number_of_shards_never_changes(tmp_path: Path) -> None:
    FolderStream(tmp_path, shards=2)
    assert len(FolderStream(tmp_path, shards=5).shards()) == 2


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 129])
def test_a_consumer_is_named_soundly(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        FolderStream(tmp_path).checkpoint(name, {})
    assert (caught.value.code, caught.value.value) == ("bad_consumer", name)


@pytest.mark.parametrize("file", ["stream.json", "consumers/one.json"])
def test_a_damaged_file_is_named(tmp_path: Path, file: str) -> None:
    FolderStream(tmp_path).checkpoint("one", {"000": "0"})
    (tmp_path / file).write_bytes(b"\xff")
    with pytest.raises(Damaged) as caught:
        FolderStream(tmp_path).positions("one")
    assert (caught.value.code, caught.value.field) == ("stream_damaged", str(tmp_path / file))


def test_keys_spread_over_shards_as_in_kinesis() -> None:
    found = [place(f"user {n}", 4) for n in range(4_000)]
    assert {found.count(shard) // 100 for shard in range(4)} <= {9, 10}
    # MD5 of "a" begins with 0x0c, of "b" with 0x92.
    assert [place("a", 2), place("b", 2), place("a", 256), place("b", 256)] == [0, 1, 0x0C, 0x92]


@pytest.mark.parametrize("length", [*range(13, 60), *range(250, 300), 65_540, 65_550, 65_556])
def test_a_blank_record_has_any_length(length: int) -> None:
    assert len(blank(1_760_000_000_000_000, length)) == length


def test_erasing_leaves_no_byte_of_a_user_and_everything_of_others(tmp_path: Path) -> None:
    stream = FolderStream(tmp_path, shards=2)
    about = [("erin-77", b'{"userId":"erin-77"}'), ("x", b'{"user_id": "erin\\u002d77"}'),
             ("erin-77", b"not JSON"), ("y", b"{broken erin-77")]  # fmt: skip
    others = [("erin-777", b'{"userId":"erin-777"}'), ("z", b'{"userId":"z","itemId":"erin-7"}')]
    stream.put([*about, *others])
    before = {s.name: stream.read(s.name, "", 99).records for s in stream.shards()}
    assert FolderStream(tmp_path).erase("erin-77") == 4
    assert not any(b"erin-77" in p.read_bytes().replace(b"erin-777", b"") for p in logs(tmp_path))
    after = {s.name: stream.read(s.name, "", 99).records for s in stream.shards()}
    assert positions(after) == positions(before)
    left = [(r.key, r.data) for records in after.values() for r in records if r.data.strip()]
    assert sorted(left) == sorted(others)
    assert stream.erase("erin-77") == 0


def logs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.log"))


def positions(found: dict[str, tuple[StreamRecord, ...]]) -> dict[str, list[str]]:
    return {shard: [record.position for record in records] for shard, records in found.items()}

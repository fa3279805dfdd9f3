"""A ``FileLog`` against a list, over random sequences of everything that may happen to it.

Several handles stand for several processes. Syncs are only recorded, so that a power loss can
leave any state of the disk that they permit: unsynced bytes gone or zero, unsynced files gone,
``end`` as it was at any earlier time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from endcap.adapters.log import FileLog

HANDLES = 3
BOOT = slice(32, 68)  # of the file ``end``


class Disk:
    """What the syncs of this test made durable: sizes of files, and the names in the folder."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.names: set[str] = set()

    def sync(self, fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if path.is_dir():
            self.names |= {child.name for child in path.iterdir()}
        else:
            self.sizes[path.name] = path.stat().st_size


class LogMachine(RuleBasedStateMachine):
    @initialize(segment_bytes=st.sampled_from([1, 40, 120]))
    def open(self, segment_bytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp()) / "log"
        self.segment_bytes = segment_bytes
        self.disk = Disk()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(os, "fsync", self.disk.sync)
        self.patch.setattr(os, "fdatasync", self.disk.sync)
        self.records: list[tuple[int, bytes]] = []
        self.first = self.synced = self.count = 0
        self.handles = [FileLog(self.folder, segment_bytes) for _ in range(HANDLES)]
        self.ends = [(self.folder / "end").read_bytes()]

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()
            shutil.rmtree(self.folder.parent)

    def end(self) -> int:
        return self.records[-1][0] if self.records else 0

    def write(self, handle: int, sizes: list[int]) -> None:
        payloads = []
        for size in sizes:
            self.count += 1
            payloads.append(b"%d" % self.count + b"x" * size)
        since = self.end()
        self.handles[handle].append(lambda _: payloads, since)
        for payload in payloads:
            since += 8 + len(payload)
            self.records.append((since, payload))

    @rule(
        handle=st.integers(0, HANDLES - 1),
        sizes=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    )
    def append(self, handle: int, sizes: list[int]) -> None:
        self.write(handle, sizes)

    @rule(handle=st.integers(0, HANDLES - 1))
    def sync(self, handle: int) -> None:
        self.handles[handle].sync(self.end())
        self.synced = self.end()

    @precondition(lambda self: self.records)
    @rule(handle=st.integers(0, HANDLES - 1), data=st.data())
    def sync_partly(self, handle: int, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from([offset for offset, _ in self.records]))
        self.handles[handle].sync(offset)
        self.synced = max(self.synced, offset)

    @rule(handle=st.integers(0, HANDLES - 1), data=st.data())
    def trim(self, handle: int, data: st.DataObject) -> None:
        before = data.draw(st.integers(0, self.synced))
        first = self.handles[handle].trim(before)
        assert self.first <= first <= max(before, self.first)
        self.first = first

    @rule(handle=st.integers(0, HANDLES - 1))
    def open_again(self, handle: int) -> None:
        self.handles[handle] = FileLog(self.folder, self.segment_bytes)

    @rule(
        handle=st.integers(0, HANDLES - 1),
        sizes=st.lists(st.integers(0, 60), min_size=1, max_size=3),
        data=st.data(),
    )
    def kill_a_writer(self, handle: int, sizes: list[int], data: st.DataObject) -> None:
        """At any byte of its write, before it published. Another process finds it so."""
        words, known, end = self.handles[handle]._words, len(self.records), self.end()
        before = self.segments()
        self.write(handle, sizes)
        words[0] = end
        newest = self.segments()[-1]
        reached = data.draw(st.integers(max(end, int(newest.stem)), self.end()))
        os.truncate(newest, reached - int(newest.stem))
        if newest not in before and reached == end and data.draw(st.booleans()):
            newest.unlink()  # it had stated the new segment, not yet made its file
        del self.records[known + sum(o <= reached for o, _ in self.records[known:]) :]
        finder = (handle + data.draw(st.integers(1, HANDLES - 1))) % HANDLES
        if data.draw(st.booleans()):
            self.handles[finder] = FileLog(self.folder, self.segment_bytes)
        self.handles[finder].append(lambda _: [], end)
        self.handles[handle] = FileLog(self.folder, self.segment_bytes)

    @rule(data=st.data())
    def lose_power(self, data: st.DataObject) -> None:
        for path in self.segments():
            durable = min(self.disk.sizes.get(path.name, 0), path.stat().st_size)
            if path.name not in self.disk.names and data.draw(st.booleans()):
                path.unlink()
                continue
            size = path.stat().st_size
            kept = data.draw(st.integers(durable, size))
            os.truncate(path, kept)
            os.truncate(path, data.draw(st.sampled_from([kept, size])))  # the rest reads as zeros
        content = bytearray(data.draw(st.sampled_from(self.ends)))
        content[BOOT] = b"0" * 36
        (self.folder / "end").write_bytes(content)
        if self.synced >= int(self.segments()[-2:][0].stem) and data.draw(st.booleans()):
            (self.folder / "end").unlink()
        self.handles = [FileLog(self.folder, self.segment_bytes) for _ in range(HANDLES)]
        end = self.handles[0].end()
        assert end >= self.synced
        assert end in {0, self.first} | {offset for offset, _ in self.records}
        self.records = [record for record in self.records if record[0] <= end]
        self.ends.clear()

    @invariant()
    def holds_the_list(self) -> None:
        self.ends.append((self.folder / "end").read_bytes())
        expected = [record for record in self.records if record[0] > self.first]
        for handle in self.handles:
            assert handle.end() == self.end()
            assert list(handle.read(self.first)) == expected

    @invariant()
    def has_synced_what_it_says(self) -> None:
        """Whatever is synced stands on the disk, under a name that the disk knows."""
        starts = [int(path.stem) for path in self.segments()]
        for path, start, stop in zip(
            self.segments(), starts, [*starts[1:], self.end()], strict=True
        ):
            needed = min(stop, self.synced) - start
            if needed > 0:
                assert self.disk.sizes.get(path.name, 0) >= needed
                assert path.name in self.disk.names

    def segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))


def test_the_log_holds_what_a_list_would_hold() -> None:
    run_state_machine_as_test(
        LogMachine, settings=settings(deadline=None, max_examples=12, stateful_step_count=20)
    )


@pytest.mark.server
def test_the_log_holds_what_a_list_would_hold_at_length() -> None:
    run_state_machine_as_test(
        LogMachine, settings=settings(deadline=None, max_examples=120, stateful_step_count=40)
    )

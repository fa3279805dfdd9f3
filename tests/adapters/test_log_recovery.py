"""What survives in a ``FileLog`` after kills, power losses and damage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.adapters.log import FileLog
from endcap.domain.errors import Damaged

Batches = list[list[bytes]]

batches_of = st.lists(
    st.lists(st.binary(max_size=40), min_size=1, max_size=4), min_size=1, max_size=6
)
sizes = st.sampled_from([20, 60, 200, 100_000])


def add(log: FileLog, payloads: list[bytes]) -> int:
    return log.append(lambda _: payloads, log.end())


def records(log: FileLog) -> list[tuple[int, bytes]]:
    return list(log.read(0))


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def bytes_left(folder: Path) -> int:
    newest = segments(folder)[-1]
    return int(newest.stem) + newest.stat().st_size


def cut(folder: Path, offset: int) -> None:
    """Lose every byte of the log from ``offset`` on."""
    for path in reversed(segments(folder)):
        start = int(path.stem)
        if start < offset or start == 0:
            with path.open("r+b") as file:
                file.truncate(offset - start)
            return
        path.unlink()


def forget_boot(folder: Path) -> None:
    """Make ``end`` look as if the machine had started anew since."""
    path = folder / "end"
    content = bytearray(path.read_bytes())
    content[32:68] = b"0" * 36
    path.write_bytes(content)


@contextmanager
def a_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder / "log"
    finally:
        shutil.rmtree(folder)


def check_survivors(folder: Path, expected: list[tuple[int, bytes]], segment_bytes: int) -> None:
    """Opening finds exactly these; the log goes on from there, now and when opened again."""
    log = FileLog(folder, segment_bytes)
    assert records(log) == expected
    assert bytes_left(folder) == log.end() == (expected[-1][0] if expected else 0)
    end = add(log, [b"after"])
    assert records(FileLog(folder, segment_bytes)) == [*expected, (end, b"after")]


@settings(deadline=None, max_examples=25)
@given(batches_of, sizes, st.data())
def test_a_writer_killed_at_any_byte_leaves_exactly_the_whole_records(
    batches: Batches, segment_bytes: int, data: st.DataObject
) -> None:
    with a_folder() as folder:
        log = FileLog(folder, segment_bytes)
        for batch in batches[:-1]:
            add(log, batch)
        published, words = log.end(), (folder / "end").read_bytes()
        add(log, batches[-1])
        everything = records(log)
        reached = data.draw(st.integers(published, log.end()))
        del log
        cut(folder, reached)
        if data.draw(st.booleans()):
            (folder / "end").write_bytes(words)
        check_survivors(folder, [r for r in everything if r[0] <= reached], segment_bytes)


@settings(deadline=None, max_examples=25)
@given(batches_of, sizes, st.data())
def test_a_power_loss_leaves_exactly_the_whole_records(
    batches: Batches, segment_bytes: int, data: st.DataObject
) -> None:
    """``end`` may be gone, older or newer than the data; unsynced bytes may be gone or garbage."""
    with a_folder() as folder:
        log = FileLog(folder, segment_bytes)
        words, synced = [(folder / "end").read_bytes()], 0
        for batch in batches:
            end = add(log, batch)
            if data.draw(st.booleans()):
                log.sync(end)
                synced = end
            words.append((folder / "end").read_bytes())
        everything = records(log)
        reached = data.draw(st.integers(synced, log.end()))
        del log
        cut(folder, reached)
        with segments(folder)[-1].open("ab") as file:
            file.write(data.draw(st.sampled_from([b"", b"\0" * 9, b"\0" * 300, b"garbage!" * 9])))
        (folder / "end").write_bytes(data.draw(st.sampled_from(words)))
        forget_boot(folder)
        if data.draw(st.booleans()):
            (folder / "end").unlink()
        check_survivors(folder, [r for r in everything if r[0] <= reached], segment_bytes)


@pytest.mark.parametrize("segment_bytes", [20, 60, 10_000])
def test_every_byte_of_the_tail(tmp_path: Path, segment_bytes: int) -> None:
    source = tmp_path / "source"
    log = FileLog(source, segment_bytes)
    for n in range(3):
        add(log, [b"x" * n, b"y" * 5])
    log.sync(log.end())
    everything = records(log)
    for reached in range(log.end() + 1):
        folder = tmp_path / f"{reached}"
        shutil.copytree(source, folder)
        cut(folder, reached)
        check_survivors(folder, [r for r in everything if r[0] <= reached], segment_bytes)


@pytest.mark.parametrize("segment_bytes", [20, 10_000])
def test_a_flipped_byte_is_never_skipped(tmp_path: Path, segment_bytes: int) -> None:
    """Reading names file and offset; so does opening where synced records would be lost."""
    source = tmp_path / "source"
    log = FileLog(source, segment_bytes)
    for n in range(4):
        add(log, [b"payload %d" % n])
    log.sync(log.end())
    starts = [0, *(offset for offset, _ in records(log))][:-1]
    for at in range(log.end()):
        folder = tmp_path / f"{at}"
        shutil.copytree(source, folder)
        path = max(p for p in segments(folder) if int(p.stem) <= at)
        content = bytearray(path.read_bytes())
        content[at - int(path.stem)] ^= 0x10
        path.write_bytes(content)
        record = max(start for start in starts if start <= at)
        read: list[bytes] = []
        with pytest.raises(Damaged) as caught:
            read.extend(payload for _, payload in FileLog(folder, segment_bytes).read(0))
        assert (caught.value.code, caught.value.value) == ("log_damaged", record)
        assert caught.value.field == str(path)
        forget_boot(folder)
        with pytest.raises(Damaged) as caught:
            records(FileLog(folder, segment_bytes))
        assert (caught.value.code, caught.value.value) == ("log_damaged", record)


def test_a_lost_segment_is_never_skipped(tmp_path: Path) -> None:
    log = FileLog(tmp_path, 20)
    for n in range(5):
        log.sync(add(log, [b"payload %d" % n]))
    second = segments(tmp_path)[1]
    second.unlink()
    with pytest.raises(Damaged) as caught:
        records(log)
    assert (caught.value.code, caught.value.value) == ("log_gap", int(second.stem))
    forget_boot(tmp_path)
    with pytest.raises(Damaged) as caught:
        FileLog(tmp_path, 20)
    assert caught.value.code == "log_gap"


def test_a_log_whose_files_are_all_gone_does_not_begin_anew(tmp_path: Path) -> None:
    log = FileLog(tmp_path, 20)
    add(log, [b"payload"])
    del log
    segments(tmp_path)[0].unlink()
    with pytest.raises(Damaged) as caught:
        FileLog(tmp_path, 20)
    assert caught.value.code == "log_gap"


def test_a_rotation_cut_off_before_its_file_existed(tmp_path: Path) -> None:
    """The killed writer had stated the new segment and not yet made its file."""
    first, other = FileLog(tmp_path, 20), FileLog(tmp_path, 20)
    end = add(first, [b"a" * 30])
    first._words[2] = end
    first.sync(end)
    assert [payload for _, payload in first.read(0)] == [b"a" * 30]
    add(other, [b"b"])
    third = FileLog(tmp_path, 20)
    assert [payload for _, payload in third.read(0)] == [b"a" * 30, b"b"]
    assert [int(path.stem) for path in segments(tmp_path)] == [0, end]


def test_a_live_log_takes_up_what_a_killed_writer_left(tmp_path: Path) -> None:
    """Without being opened again: the next append finds it."""
    log = FileLog(tmp_path, 10_000)
    end = add(log, [b"a"])
    add(log, [b"b", b"c"])
    log._words[0] = end
    with segments(tmp_path)[0].open("r+b") as file:
        file.truncate(file.seek(0, 2) - 1)
    seen: list[bytes] = []

    def choose(new: Iterator[tuple[int, bytes]]) -> list[bytes]:
        seen.extend(payload for _, payload in new)
        return [b"d"]

    log.append(choose, end)
    assert seen == [b"b"]
    assert [payload for _, payload in log.read(0)] == [b"a", b"b", b"d"]

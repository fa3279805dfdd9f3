"""Several processes on one ``FileLog``, some of them killed in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from endcap.adapters.log import FileLog

pytestmark = pytest.mark.server
WRITER = Path(__file__).parent / "log_writer.py"
SEGMENT_BYTES = 3000


def start(folder: Path, name: str, first: int, count: int) -> subprocess.Popen[str]:
    words = [sys.executable, WRITER, folder, SEGMENT_BYTES, name, first, count]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)


def payloads(folder: Path) -> list[str]:
    return [payload.decode() for _, payload in FileLog(folder, SEGMENT_BYTES).read(0)]


def numbers(everything: list[str], name: str) -> list[int]:
    words = [payload.split("-") for payload in everything]
    return [int(parts[1]) for parts in words if parts[0] == name]


def test_processes_append_in_one_order_and_lose_nothing(tmp_path: Path) -> None:
    names, count = ["a", "b", "c", "d"], 150
    writers = [start(tmp_path, name, 0, count) for name in names]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    everything = payloads(tmp_path)
    for name in names:
        assert numbers(everything, name) == list(range(count))
    assert sorted(numbers(everything, "shared")) == list(range(count))
    assert len(everything) == count * (len(names) + 1)
    assert len(list(tmp_path.glob("*.log"))) > 20


def test_acknowledged_records_survive_writers_killed_in_the_middle(tmp_path: Path) -> None:
    acknowledged: dict[str, int] = {"a": -1, "b": -1, "c": -1}
    for round_ in range(6):
        writers = {
            name: start(tmp_path, name, first + 1, 0) for name, first in acknowledged.items()
        }
        printed = {name: first_lines(writer, 5 + 7 * round_) for name, writer in writers.items()}
        for writer in writers.values():
            writer.send_signal(signal.SIGKILL)
        for name, writer in writers.items():
            lines = (printed[name] + writer.communicate(timeout=60)[0]).split("\n")
            acknowledged[name] = int(lines[-2])
        everything = payloads(tmp_path)
        assert len(set(everything)) == len(everything)
        for name, last in acknowledged.items():
            assert numbers(everything, name)[: last + 1] == list(range(last + 1))


def first_lines(writer: subprocess.Popen[str], count: int) -> str:
    assert writer.stdout is not None
    return "".join(writer.stdout.readline() for _ in range(count))


def test_processes_that_open_a_torn_log_at_once_agree(tmp_path: Path) -> None:
    """As after a power loss: the boot is another one, the tail is torn."""
    log = FileLog(tmp_path, SEGMENT_BYTES)
    log.append(lambda _: [b"before-%d" % n for n in range(2000)], 0)
    del log
    newest = max(tmp_path.glob("*.log"))
    with newest.open("r+b") as file:
        file.truncate(newest.stat().st_size - 3)
    end = bytearray((tmp_path / "end").read_bytes())
    end[32:68] = b"0" * 36
    (tmp_path / "end").write_bytes(end)
    writers = [start(tmp_path, name, 0, 30) for name in "abcde"]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    everything = payloads(tmp_path)
    assert everything[:1999] == [f"before-{n}" for n in range(1999)]
    assert len(everything) == 1999 + 6 * 30
    assert all(numbers(everything, name) == list(range(30)) for name in "abcde")


def test_a_full_disk_publishes_nothing_and_keeps_the_log_whole(tmp_path: Path) -> None:
    """A limit on the size of files makes the kernel write a part and then refuse."""
    script = f"""
import resource
from pathlib import Path
from endcap.adapters.log import FileLog
from endcap.domain.errors import Unavailable
log = FileLog(Path({str(tmp_path)!r}), 10_000)
end = log.append(lambda _: [b"a" * 600], 0)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
try:
    log.append(lambda _: [b"b" * 100, b"c" * 600], end)
except Unavailable as error:
    assert error.code == "disk_full", error.code
else:
    raise AssertionError("was written")
assert log.end() == end
assert next(Path({str(tmp_path)!r}).glob("*.log")).stat().st_size == end
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
log.append(lambda _: [b"d"], end)
assert [payload for _, payload in log.read(0)] == [b"a" * 600, b"d"]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

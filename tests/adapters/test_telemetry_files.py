"""What any process counted is seen by all, and nothing is lost or doubled when one ends."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from endcap.adapters.telemetry_files import TelemetryFolder
from endcap.app.totals import total

PROGRAM = """
import sys, time
from pathlib import Path
from endcap.adapters.telemetry_files import TelemetryFolder
telemetry = TelemetryFolder(Path(sys.argv[1])).open("worker-9")
telemetry.count("answers_total", 5, surface="personal", strategy="popular")
telemetry.observe("request_seconds", 0.002, route="personalized")
telemetry.gauge("intake_waiting_requests", 7)
print("counted", flush=True)
if len(sys.argv) > 2:
    time.sleep(60)
"""
ANSWERS = ("answers_total", (("strategy", "popular"), ("surface", "personal")))
TIMES = ("request_seconds", (("route", "personalized"),))
WAITING = ("intake_waiting_requests", ())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry"


@pytest.fixture
def folder(path: Path) -> TelemetryFolder:
    return TelemetryFolder(path)


def begin(path: Path, *more: str) -> subprocess.Popen[str]:
    """A process that counts five answers; with ``more`` it then stays."""
    command = [sys.executable, "-c", PROGRAM, str(path), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def answers(folder: TelemetryFolder) -> float:
    return total(folder.readings()).counters.get(ANSWERS, 0.0)


def test_nothing_was_counted_yet(folder: TelemetryFolder, path: Path) -> None:
    assert folder.readings() == []
    assert not path.exists()


def test_the_others_see_it_at_once(folder: TelemetryFolder, path: Path) -> None:
    own = folder.open("worker-0")
    other = begin(path, "stay")
    own.count("answers_total", 2, surface="personal", strategy="popular")
    own.gauge("intake_waiting_requests", 1)
    found = total(TelemetryFolder(path).readings())
    assert found.counters[ANSWERS] == 7
    assert found.gauges[WAITING] == 8
    assert found.histograms[TIMES][-2:] == [1, 0.002]
    assert set(found.each("process_resident_bytes")) == {"worker-0", "worker-9"}
    end(other)


def test_a_killed_process_leaves_its_counts_and_takes_its_gauges(
    folder: TelemetryFolder, path: Path
) -> None:
    end(begin(path, "stay"))
    for _ in range(2):  # as it lies, and after another start put it away
        found = total(folder.readings())
        assert found.counters[ANSWERS] == 5
        assert found.histograms[TIMES][-2:] == [1, 0.002]
        assert WAITING not in found.gauges
        folder.open("worker-0")
    assert len([p for p in path.iterdir() if "worker-9" in p.name]) == 0


def test_a_crash_after_the_addition_doubles_nothing(folder: TelemetryFolder, path: Path) -> None:
    end(begin(path, "stay"))
    (left,) = path.glob("worker-9*")
    raw = left.read_bytes()
    folder.open("worker-0")
    left.write_bytes(raw)  # as if the removal had never come to pass
    assert answers(folder) == 5
    folder.open("worker-1")
    assert not left.exists()
    assert answers(folder) == 5


def test_no_reader_ever_sees_less(folder: TelemetryFolder, path: Path) -> None:
    seen: list[float] = []
    running = True

    def watch() -> None:
        while running:
            seen.append(answers(folder))

    thread = Thread(target=watch)
    thread.start()
    for _ in range(5):
        process = begin(path)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    running = False
    thread.join()
    assert seen == sorted(seen)
    assert answers(folder) == 25


def test_a_full_disk_does_not_stop_anybody(
    folder: TelemetryFolder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    telemetry = folder.open("worker-0")
    telemetry.count("answers_total", surface="personal", strategy="popular")
    assert telemetry.counters[ANSWERS] == 1
    assert list(path.glob("*.cells")) == []
    assert answers(folder) == 0


def test_files_of_another_kind_are_passed_over(folder: TelemetryFolder, path: Path) -> None:
    telemetry = folder.open("worker-0")
    telemetry.count("answers_total", 3, surface="personal", strategy="popular")
    for name in ("a.cells", "ended", "recent"):
        (path / name).write_bytes(b"\x93 nothing that anybody wrote" * 10)
    (path / "b.cells").write_bytes(b"")
    assert answers(folder) == 3
    assert folder.moments() == ()
    folder.open("worker-1")
    assert answers(folder) == 3


def test_moments_hold_what_was_asked_for_and_the_oldest_go(folder: TelemetryFolder) -> None:
    telemetry = folder.open("supervisor")
    for at in range(20):
        telemetry.count("requests_total", route="health", status="200")
        telemetry.count("answers_total", surface="personal", strategy="popular")
        folder.remember(float(at), ("requests_total",))
    moments = folder.moments()
    assert [moment.at for moment in moments] == list(map(float, range(4, 20)))
    labels = (("route", "health"), ("status", "200"))
    assert moments[-1].reading().counters == {("requests_total", labels): 20}

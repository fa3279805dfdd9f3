"""Children made by fork: how they end, and what they find."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from endcap.entrypoints.family import make_pipes
from endcap.entrypoints.forks import FAILED, fork
from endcap.entrypoints.preload import Preloaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are forked on Linux only")


def fail() -> int:
    raise RuntimeError("in the child")


def leave() -> int:
    sys.exit(3)


def test_the_result_is_the_exit_code() -> None:
    ends = [fork(run, "child").wait(10) for run in (lambda: 0, lambda: 7, fail, leave)]
    assert ends == [0, 7, FAILED, 3]


def test_it_runs_under_its_name_with_no_input(tmp_path: Path) -> None:
    def look() -> int:
        found = Path("/proc/self/comm").read_text().strip()
        (tmp_path / "seen").write_text(f"{found} {os.read(0, 1)!r}")
        return 0

    assert fork(look, "endcap-worker").wait(10) == 0
    assert (tmp_path / "seen").read_text() == "endcap-worker b''"


def test_a_signal_ends_it_and_is_told() -> None:
    child = fork(lambda: time.sleep(60) or 0, "child")
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.05)
    child.terminate()
    assert child.wait(10) == -signal.SIGTERM
    child.kill()  # nothing happens to whoever has the number now
    assert child.poll() == -signal.SIGTERM


def test_it_can_die_with_its_parent(tmp_path: Path) -> None:
    def parent() -> int:
        child = fork(lambda: time.sleep(60) or 0, "grandchild", dies_with_parent=True)
        (tmp_path / "pid").write_text(str(child.pid))
        time.sleep(60)
        return 0

    middle = fork(parent, "middle")
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    grandchild = int((tmp_path / "pid").read_text())
    time.sleep(0.1)  # it has asked for it by now
    middle.kill()
    middle.wait(10)
    while is_alive(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_what_was_preloaded_is_taken_once() -> None:
    loaded = object()
    held = Preloaded(loaded)  # type: ignore[arg-type]
    assert held
    assert held.take() is loaded
    assert not held
    assert held.take() is None


def test_no_child_holds_the_supervisors_ends() -> None:
    pipes = make_pipes()
    try:
        assert not set(pipes.bonds) & set(pipes.own)
        assert set(pipes.bonds) | set(pipes.own) == set(pipes)
    finally:
        for fd in pipes:
            os.close(fd)

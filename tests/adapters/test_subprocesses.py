"""What ``SubprocessJobs`` does beyond the contract: askers, watchers and machines that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from endcap.adapters.subprocesses import SubprocessJobs
from endcap.adapters.watch import identity

pytestmark = pytest.mark.server
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def process_of(folder: Path, job_id: str, name: str) -> int:
    path = folder / job_id / name
    until(path.exists)
    return int(json.loads(path.read_text())["pid"])


def test_a_job_outlives_its_asker(tmp_path: Path) -> None:
    """Even when the asker's whole session is killed."""
    script = f"""
import sys, time
from pathlib import Path
from endcap.adapters.subprocesses import SubprocessJobs
command = [sys.executable, "-c", "import time; time.sleep(0.7)"]
print(SubprocessJobs(Path({str(tmp_path)!r}), command).start("train", []), flush=True)
time.sleep(60)
"""
    asker = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert asker.stdout is not None
    job_id = asker.stdout.readline().strip()
    os.killpg(asker.pid, signal.SIGKILL)
    asker.communicate()
    jobs = SubprocessJobs(tmp_path, [])
    assert jobs.poll(job_id).status == "running"
    until(lambda: jobs.poll(job_id).status == "done")


def test_a_killed_command_is_told(tmp_path: Path) -> None:
    jobs = SubprocessJobs(tmp_path, SLEEP)
    job_id = jobs.start("train", [])
    os.kill(process_of(tmp_path, job_id, "command"), signal.SIGKILL)
    until(lambda: jobs.poll(job_id).status == "failed")
    assert jobs.poll(job_id).reason == "it was ended by SIGKILL"


def test_a_job_whose_watcher_was_killed_is_still_seen_and_stopped(tmp_path: Path) -> None:
    jobs = SubprocessJobs(tmp_path, SLEEP, grace_s=5)
    job_id = jobs.start("train", [])
    command = process_of(tmp_path, job_id, "command")
    os.kill(process_of(tmp_path, job_id, "watcher"), signal.SIGKILL)
    until(lambda: identity(process_of(tmp_path, job_id, "watcher")) == "")
    assert jobs.poll(job_id).status == "running"
    jobs.stop(job_id)
    assert identity(command) == ""
    assert jobs.poll(job_id).status == "stopped"


def test_a_job_whose_processes_all_vanished_has_failed(tmp_path: Path) -> None:
    jobs = SubprocessJobs(tmp_path, SLEEP)
    job_id = jobs.start("train", [])
    command = process_of(tmp_path, job_id, "command")
    os.kill(process_of(tmp_path, job_id, "watcher"), signal.SIGKILL)
    os.kill(command, signal.SIGKILL)
    until(lambda: jobs.poll(job_id).status == "failed")
    state = jobs.poll(job_id)
    assert "vanished" in state.reason
    assert state.started_at < state.ended_at <= time.time_ns() // 1000


def test_another_process_with_the_same_id_is_not_the_job(tmp_path: Path) -> None:
    """After a reboot, the numbers of the job's processes belong to others."""
    jobs = SubprocessJobs(tmp_path, SLEEP)
    job_id = jobs.start("train", [])
    process_of(tmp_path, job_id, "command")
    before = {}
    for name in ("watcher", "command"):
        path = tmp_path / job_id / name
        before[name] = path.read_text()
        process = json.loads(before[name])
        path.write_text(json.dumps({**process, "identity": "another boot 1"}))
    assert jobs.poll(job_id).status == "failed"
    jobs.stop(job_id)
    for name, content in before.items():
        (tmp_path / job_id / name).write_text(content)
    assert jobs.poll(job_id).status == "running"
    jobs.stop(job_id)
    until(lambda: jobs.poll(job_id).status == "stopped")


def test_a_command_that_does_not_exist_fails(tmp_path: Path) -> None:
    jobs = SubprocessJobs(tmp_path, ["/no/such/command"])
    job_id = jobs.start("train", [])
    until(lambda: jobs.poll(job_id).status == "failed")
    assert jobs.poll(job_id).reason == "/no/such/command: No such file or directory"


def test_stopping_ends_the_descendants_too(tmp_path: Path) -> None:
    inner = "import time; time.sleep(60)"
    outer = (
        "import subprocess, sys, time, pathlib;"
        f"p = subprocess.Popen([sys.executable, '-c', {inner!r}]);"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(p.pid)); time.sleep(60)"
    )
    jobs = SubprocessJobs(tmp_path / "jobs", [sys.executable, "-c", outer])
    job_id = jobs.start("train", [])
    until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != "")
    jobs.stop(job_id)
    until(lambda: jobs.poll(job_id).status == "stopped")
    until(lambda: identity(int((tmp_path / "child").read_text())) == "")


def test_old_ended_jobs_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcap.adapters.subprocesses.KEPT", 2)
    jobs = SubprocessJobs(tmp_path, ["true"])
    started = []
    for _ in range(4):
        started.append(jobs.start("train", []))
        until(lambda: jobs.poll(started[-1]).status == "done")
    assert jobs.jobs() == started[-3:]


def test_a_job_whose_asker_died_before_starting_it_has_failed(tmp_path: Path) -> None:
    jobs = SubprocessJobs(tmp_path, ["true"])
    for at, status in [(1_000_000, "failed"), (time.time_ns() // 1000, "running")]:
        folder = tmp_path / f"{at:017d}-train-abc"
        folder.mkdir()
        (folder / "job").write_text(json.dumps({"name": "train", "arguments": [], "at": at}))
        assert jobs.poll(folder.name).status == status

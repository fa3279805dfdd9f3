"""The contract of the port Jobs. A new adapter is one more line in ``RUNNERS``.

Every adapter runs ``SCRIPT`` with the job's name and arguments, as it would run ``endcap``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from endcap.adapters.subprocesses import SubprocessJobs
from endcap.domain.errors import InvalidInput, NotFound
from endcap.ports import Jobs, JobState

pytestmark = pytest.mark.server
Open = Callable[[], Jobs]

SCRIPT = """
import signal, sys, time
verb, *arguments = sys.argv[1:]
if verb == "write":
    with open(arguments[0], "w") as file:
        file.write("|".join(arguments))
elif verb == "fail":
    print("to standard output")
    print("\\n".join(["line"] * 50 + ["the reason"]), file=sys.stderr)
    sys.exit(3)
elif verb == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if verb in ("sleep", "stubborn"):
    with open(arguments[0], "w") as file:
        file.write("ready")
    time.sleep(60)
"""


def subprocesses(folder: Path) -> Jobs:
    script = folder / "script.py"
    if not script.exists():  # a job may be reading it
        script.write_text(SCRIPT)
    return SubprocessJobs(folder / "jobs", [sys.executable, str(script)], grace_s=0.3)


RUNNERS: dict[str, Callable[[Path], Jobs]] = {"subprocesses": subprocesses}


@pytest.fixture(params=RUNNERS)
def open_jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call opens the same jobs again, as another process would."""
    return lambda: RUNNERS[request.param](tmp_path)


def wait(jobs: Jobs, job_id: str) -> JobState:
    deadline = time.monotonic() + 30
    while (state := jobs.poll(job_id)).status == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return state


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_runs_with_its_arguments(open_jobs: Open, tmp_path: Path) -> None:
    jobs, before = open_jobs(), time.time_ns() // 1000
    target = tmp_path / "written"
    job_id = jobs.start("write", [str(target), "a b", "$HOME", "ü", ""])
    state = wait(jobs, job_id)
    assert (state.status, state.reason) == ("done", "")
    assert before <= state.started_at <= state.ended_at <= time.time_ns() // 1000
    assert target.read_text() == f"{target}|a b|$HOME|ü|"


def test_a_running_job_is_running_for_everybody(open_jobs: Open, tmp_path: Path) -> None:
    job_id = open_jobs().start("sleep", [str(tmp_path / "ready")])
    state = open_jobs().poll(job_id)
    assert (state.status, state.ended_at) == ("running", 0)
    open_jobs().stop(job_id)
    assert wait(open_jobs(), job_id).status == "stopped"


def test_a_failed_job_tells_its_last_lines(open_jobs: Open) -> None:
    jobs = open_jobs()
    state = wait(jobs, jobs.start("fail", []))
    assert state.status == "failed"
    assert state.reason.endswith("line\nthe reason")
    assert "standard output" not in state.reason
    assert len(state.reason) < 5000


@pytest.mark.parametrize("verb", ["sleep", "stubborn"])
def test_a_stopped_job_ends(open_jobs: Open, tmp_path: Path, verb: str) -> None:
    jobs = open_jobs()
    job_id = jobs.start(verb, [str(tmp_path / "ready")])
    wait_for(tmp_path / "ready")
    jobs.stop(job_id)
    state = wait(jobs, job_id)
    assert state.status == "stopped"
    assert state.ended_at >= state.started_at
    jobs.stop(job_id)
    assert jobs.poll(job_id) == state


@pytest.mark.parametrize("delay_ms", range(0, 48, 4))
def test_a_job_can_be_stopped_at_any_moment(open_jobs: Open, tmp_path: Path, delay_ms: int) -> None:
    """Before its watcher listens, before the command runs, while somebody waits for it."""
    jobs = open_jobs()
    job_id = jobs.start("sleep", [str(tmp_path / "ready")])
    time.sleep(delay_ms / 1000)
    jobs.stop(job_id)
    assert wait(jobs, job_id).status == "stopped"


def test_stopping_what_is_done_changes_nothing(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    job_id = jobs.start("write", [str(tmp_path / "written")])
    state = wait(jobs, job_id)
    jobs.stop(job_id)
    assert jobs.poll(job_id) == state


def test_jobs_are_listed_in_order_of_their_start(open_jobs: Open, tmp_path: Path) -> None:
    jobs = open_jobs()
    assert jobs.jobs() == []
    started = [jobs.start("write", [str(tmp_path / f"{n}")]) for n in range(3)]
    assert open_jobs().jobs() == started
    for job_id in started:
        wait(jobs, job_id)
    assert jobs.jobs() == started


@pytest.mark.parametrize("job_id", ["", "..", "../x", "unknown", "0" * 17 + "-train-abc"])
def test_an_unknown_job_is_not_found(open_jobs: Open, job_id: str) -> None:
    for call in (open_jobs().poll, open_jobs().stop):
        with pytest.raises(NotFound) as caught:
            call(job_id)
        assert (caught.value.code, caught.value.value) == ("unknown_job", job_id)


@pytest.mark.parametrize("name", ["", "../x", "-c", "Train", "a b", "a/b"])
def test_a_bad_name_is_refused(open_jobs: Open, name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_jobs().start(name, [])
    assert (caught.value.code, caught.value.value) == ("bad_job_name", name)
    assert open_jobs().jobs() == []

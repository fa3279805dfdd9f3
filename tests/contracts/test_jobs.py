"""The contract of the port Jobs. A new adapter is one more line in ``RUNNERS``.

Every adapter runs ``SCRIPT`` with the job's name and arguments, as it would run ``endcap``, or a
state machine that does the same.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.step_functions import StepFunctionsJobs
from endcap.adapters.subprocesses import SubprocessJobs
from endcap.domain.errors import InvalidInput, NotFound
from endcap.ports import Jobs, JobState

pytestmark = pytest.mark.server
Open = Callable[[], Jobs]
ROLE = "arn:aws:iam::123456789012:role/any"

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


# The same verbs as state machines; a function writes the file.
HANDLER = """
def handler(event, _):
    target, *_ = words = event["arguments"]
    with open(target, "w") as file:
        file.write("|".join(words))
    return event
"""
REASON = "\n".join(["line"] * 50 + ["the reason"])


def machines_of(function: str) -> dict[str, dict[str, Any]]:
    """By verb, its definition."""
    write = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
    }
    wait = {"Type": "Wait", "Seconds": 60, "End": True}
    waiting = {"StartAt": "a", "States": {"a": {**write, "Next": "b"}, "b": wait}}
    failing = {"Type": "Fail", "Error": "Failed", "Cause": REASON}
    return {
        "write": {"StartAt": "a", "States": {"a": {**write, "End": True}}},
        "fail": {"StartAt": "a", "States": {"a": failing}},
        "sleep": waiting,
        "stubborn": waiting,  # an execution cannot refuse to be stopped
    }


def subprocesses(_: pytest.FixtureRequest, folder: Path) -> Open:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    return lambda: SubprocessJobs(folder / "jobs", [sys.executable, str(script)], grace_s=0.3)


def step_functions(request: pytest.FixtureRequest, _: Path) -> Open:
    aws: Any = request.getfixturevalue("aws")
    client = aws.client("stepfunctions")
    machines = {
        verb: client.create_state_machine(
            name=aws.name(verb), definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        for verb, definition in machines_of(request.getfixturevalue("writer")).items()
    }
    return lambda: StepFunctionsJobs(machines, client)


RUNNERS: dict[str, Callable[[pytest.FixtureRequest, Path], Open]] = {
    "subprocesses": subprocesses,
    "step functions": step_functions,
}


@pytest.fixture(scope="module")
def writer(aws: Any) -> str:
    """The ARN of the function that writes."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("writer.py", HANDLER)
    trusted = {"Version": "2012-10-17", "Statement": []}
    role = aws.client("iam").create_role(
        RoleName=aws.name("writer"), AssumeRolePolicyDocument=json.dumps(trusted)
    )["Role"]["Arn"]
    made = aws.client("lambda").create_function(
        FunctionName=aws.name("writer"), Runtime="python3.11", Role=role, Timeout=60,
        Handler="writer.handler", Code={"ZipFile": zipped.getvalue()},
    )  # fmt: skip
    return str(made["FunctionArn"])


@pytest.fixture(params=RUNNERS)
def open_jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call opens the same jobs again, as another process would."""
    return RUNNERS[request.param](request, tmp_path)


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

"""``Jobs`` as executions of state machines, on the emulator."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from endcap.adapters.step_functions import StepFunctionsJobs, outcomes
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable
from endcap.ports import JobState

WAIT = {"StartAt": "w", "States": {"w": {"Type": "Wait", "Seconds": 60, "End": True}}}
ECHO = {"StartAt": "p", "States": {"p": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "f", "States": {"f": {"Type": "Fail", "Error": "Broken", "Cause": "why"}}}


@pytest.fixture
def jobs(aws: Any) -> StepFunctionsJobs:
    client = aws.client("stepfunctions")
    machines = {
        name: client.create_state_machine(
            name=aws.name(name),
            definition=json.dumps(definition),
            roleArn="arn:aws:iam::123456789012:role/any",
        )["stateMachineArn"]
        for name, definition in {"wait": WAIT, "echo": ECHO, "fail": FAIL}.items()
    }
    return StepFunctionsJobs(machines, client)


def ended(jobs: StepFunctionsJobs, job_id: str) -> JobState:
    until = time.monotonic() + 60
    while (state := jobs.poll(job_id)).status == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    return state


@pytest.mark.server
def test_jobs_run_fail_are_stopped_and_listed(jobs: StepFunctionsJobs) -> None:
    echo = jobs.start("echo", ['{"source": "s3://b/k"}'])
    failing, waiting = jobs.start("fail", []), jobs.start("wait", [])
    done = ended(jobs, echo)
    assert (done.status, done.reason) == ("done", "")
    assert 0 < done.started_at <= done.ended_at
    failed = ended(jobs, failing)
    assert (failed.status, failed.reason) == ("failed", "Broken: why")
    assert jobs.poll(waiting) == JobState("running", "", jobs.poll(waiting).started_at, 0)
    jobs.stop(waiting)
    assert ended(jobs, waiting).status == "stopped"
    jobs.stop(waiting)
    assert sorted(jobs.jobs()) == sorted([echo, failing, waiting])


@pytest.mark.server
def test_what_is_not_there_is_told(jobs: StepFunctionsJobs) -> None:
    with pytest.raises(NotFound):
        jobs.start("other", [])
    with pytest.raises(InvalidInput):
        jobs.start("No name", [])
    with pytest.raises(NotFound):
        jobs.poll("arn:aws:states:us-east-1:123456789012:execution:none:none")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ClientError({"Error": {"Code": "AccessDeniedException"}}, "x"), Forbidden),
     (ClientError({"Error": {"Code": "ThrottlingException"}}, "x"), Unavailable),
     (ConnectTimeoutError(endpoint_url="x"), Unavailable)],
)  # fmt: skip
def test_failures_are_said_in_our_words(
    error: Exception, kind: type[EndcapError], refusing: Any
) -> None:
    with pytest.raises(kind):
        StepFunctionsJobs({"a": "arn"}, refusing(error)).start("a", [])
    with pytest.raises(kind):
        outcomes("arn", refusing(error))


def test_members_of_a_distributed_run_are_counted() -> None:
    class Told:
        def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:
            counts = {"succeeded": 7, "failed": 2, "timedOut": 1, "aborted": 0, "total": 10}
            return {"itemCounts": counts}

    assert outcomes("arn", Told()) == {"done": 7, "failed": 3}

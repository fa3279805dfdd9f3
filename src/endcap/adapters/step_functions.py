"""State machines of AWS Step Functions. Needs the extra ``endcap[aws]``."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from endcap.adapters.aws_clients import DENIED, client, code_of
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable
from endcap.ports import JobState

DONE, FAILED, STOPPED, RUNNING = "done", "failed", "stopped", "running"
_STATES = {"RUNNING": RUNNING, "PENDING_REDRIVE": RUNNING, "SUCCEEDED": DONE, "FAILED": FAILED,
           "TIMED_OUT": FAILED, "ABORTED": STOPPED}  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_ARN = re.compile(r"arn:[a-z-]+:states:[a-z0-9-]+:[0-9]*:execution:\S+", re.ASCII)
_BEGAN = re.compile(r"([0-9]{16})-[0-9a-f]{8}")  # as ``start`` names executions: µs
_UNKNOWN = ("ExecutionDoesNotExist", "StateMachineDoesNotExist", "InvalidArn", "ResourceNotFound")
MOST_REASON = 4000


class StepFunctionsJobs:
    """``Jobs`` as executions. ``machines``: by the job's name, the ARN of its state machine.

    An argument that is a JSON object, and the only one, is the execution's input; others stand in
    it as the list ``arguments``. A job's id is the ARN of its execution, whose name tells when it
    was started here. Every method raises Forbidden (machine_denied), Unavailable
    (machine_unavailable).
    """

    def __init__(self, machines: Mapping[str, str], stepfunctions: Any = None) -> None:
        self._machines, self._given = dict(machines), stepfunctions

    @property
    def _client(self) -> Any:
        return self._given or client("stepfunctions")

    def start(self, name: str, arguments: Sequence[str]) -> str:
        """Raises InvalidInput (bad_job_name), NotFound (unknown_machine)."""
        if not _NAME.fullmatch(name):
            raise InvalidInput("bad_job_name", field="name", value=name)
        if name not in self._machines:
            raise NotFound("unknown_machine", field=name)
        with self._errors(name):
            answer = self._client.start_execution(
                stateMachineArn=self._machines[name],
                name=f"{time.time_ns() // 1000}-{uuid4().hex[:8]}",
                input=_input(arguments),
            )
        return str(answer["executionArn"])

    def poll(self, job_id: str) -> JobState:
        if not _ARN.fullmatch(job_id):
            raise NotFound("unknown_job", field="job", value=job_id)
        with self._errors(job_id):
            told = self._client.describe_execution(executionArn=job_id)
        status = _STATES[str(told["status"])]
        reason = ""
        if status == FAILED:
            parts = [str(told[part]) for part in ("error", "cause") if told.get(part)]
            reason = ": ".join(parts)[:MOST_REASON] or str(told["status"])
        began, ended = _began(job_id, told["startDate"]), _us(told.get("stopDate"))
        return JobState(status, reason, began, max(began, ended) if ended else 0)

    def stop(self, job_id: str) -> None:
        if self.poll(job_id).status == RUNNING:
            with self._errors(job_id):
                self._client.stop_execution(executionArn=job_id)

    def jobs(self) -> list[str]:
        found: list[tuple[int, str]] = []
        for machine in self._machines.values():
            with self._errors(machine):
                pages = self._client.get_paginator("list_executions")
                for page in pages.paginate(stateMachineArn=machine):
                    arns = [(str(e["executionArn"]), e["startDate"]) for e in page["executions"]]
                    found += [(_began(arn, at), arn) for arn, at in arns]
        return [arn for _, arn in sorted(found)]

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """What the SDK raises, in our words."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise _failure(code_of(error), what) from error


def outcomes(map_run: str, stepfunctions: Any = None) -> dict[str, int]:
    """What became of the members of a distributed fan-out: ``done`` and ``failed``."""
    try:
        told = (stepfunctions or client("stepfunctions")).describe_map_run(mapRunArn=map_run)
    except (ClientError, BotoCoreError) as error:
        raise _failure(code_of(error), map_run) from error
    counts = told["itemCounts"]
    failed = sum(int(counts[name]) for name in ("failed", "timedOut", "aborted"))
    return {DONE: int(counts["succeeded"]), FAILED: failed}


def _failure(code: str, what: str) -> EndcapError:
    if code in _UNKNOWN:
        return NotFound("unknown_job", field="job", value=what)
    if code in DENIED:
        return Forbidden("machine_denied", field=what, reason=code)
    return Unavailable("machine_unavailable", field=what, reason=code)


def _input(arguments: Sequence[str]) -> str:
    if len(arguments) == 1 and arguments[0].startswith("{"):
        return arguments[0]
    return json.dumps({"arguments": list(arguments)})


def _began(job_id: str, told: datetime) -> int:
    """µs; Step Functions tells whole milliseconds."""
    named = _BEGAN.fullmatch(job_id.rpartition(":")[2])
    return int(named[1]) if named else _us(told)


def _us(moment: datetime | None) -> int:
    return round(moment.timestamp() * 1e6) if moment else 0

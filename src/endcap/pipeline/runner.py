"""Runs steps on this machine: in order, with retries, recorded so that a killed run resumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from endcap.domain.errors import Forbidden, InvalidInput, NotFound
from endcap.pipeline.steps import Facts, Step, check
from endcap.ports import Documents

KIND = "pipeline_run"
PERMANENT = (InvalidInput, Forbidden, NotFound)  # another attempt would fail as well
RUNNING, DONE, STOPPED, FAILED = "running", "done", "stopped", "failed"


class Run(Struct, frozen=True):
    """The record of one run. ``done`` names the steps that ended well, in order."""

    run_id: str
    status: str
    started_at: int  # µs
    facts: dict[str, Any] = {}
    done: tuple[str, ...] = ()
    reason: str = ""  # why it stopped or failed
    step: str = ""  # the one that runs, stopped the run, or failed


def run_steps(
    steps: tuple[Step, ...],
    run: Run,
    documents: Documents,
    *,
    sleep: Callable[[float], None],
    told: Callable[[str, str], None] = lambda _step, _what: None,
) -> Run:
    """Run what ``run`` has not done yet. The returned record is also in the documents.

    A step that raises after its last attempt makes the run ``failed``; its error is raised.
    """
    check(steps, run.facts)
    for step in steps:
        if step.name in run.done:
            told(step.name, "done before")
            continue
        run = _save(documents, replace(run, status=RUNNING, step=step.name, reason=""))
        told(step.name, "begins")
        try:
            given = _attempt(step, run.facts, sleep, told)
        except BaseException as error:
            reason = str(error) or type(error).__name__
            _save(documents, replace(run, status=FAILED, reason=reason))
            raise
        run = replace(run, facts={**run.facts, **given}, done=(*run.done, step.name))
        reason = step.stop(run.facts) if step.stop else ""
        if reason:
            return _save(documents, replace(run, status=STOPPED, reason=reason))
    return _save(documents, replace(run, status=DONE, step=""))


def _attempt(
    step: Step, facts: Facts, sleep: Callable[[float], None], told: Callable[[str, str], None]
) -> Facts:
    for attempt in range(1, step.retry.attempts + 1):
        try:
            return step.run(facts)
        except PERMANENT:
            raise
        except Exception as error:
            if attempt == step.retry.attempts:
                raise
            told(step.name, f"attempt {attempt} failed: {error}")
            sleep(step.retry.wait_s * 2 ** (attempt - 1))
    raise AssertionError("unreachable: attempts is at least 1")


def _save(documents: Documents, run: Run) -> Run:
    documents.put(KIND, run.run_id, msgspec.to_builtins(run))
    return run


def find_run(documents: Documents, run_id: str) -> Run | None:
    document = documents.get(KIND, run_id)
    return None if document is None else msgspec.convert(document.body, Run)


def runs(documents: Documents) -> list[Run]:
    """The runs in order of their ids, which begin with their time."""
    return [msgspec.convert(d.body, Run) for d in documents.query(KIND, limit=1000)]

"""Runs steps on this machine: in order, with retries, recorded so that a killed run resumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from endcap.domain.errors import EndcapError
from endcap.pipeline.steps import (
    FAILURE,
    OUTCOME,
    RUN_ID,
    WHOLE,
    Facts,
    Over,
    Step,
    check,
    groups,
    permanent,
    shared_inputs,
)
from endcap.ports import Documents

KIND = "pipeline_run"
RUNNING, DONE, FAILED = "running", "done", "failed"
TELL_EVERY = 1000  # members

Members = Callable[[Facts, Over], Iterable[Any]]


class Run(Struct, frozen=True):
    """The record of one run. ``done`` names the steps that ended well, ``skipped`` those that were
    passed over, in order."""

    run_id: str
    status: str
    started_at: int  # µs
    facts: dict[str, Any] = {}
    done: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    reason: str = ""  # why steps were passed over, or why it failed
    step: str = ""  # the one that runs or failed


def listed(facts: Facts, over: Over) -> Iterable[Any]:
    """The members as the facts hold them."""
    members: Iterable[Any] = facts[over.fact]
    return members


def run_steps(
    steps: tuple[Step, ...],
    run: Run,
    documents: Documents,
    *,
    sleep: Callable[[float], None],
    told: Callable[[str, str], None] = lambda _step, _what: None,
    members: Members = listed,
) -> Run:
    """Run what ``run`` has not done yet. The returned record is also in the documents.

    A step that raises after its last attempt makes the run ``failed``; what runs ``always`` is run,
    then the error is raised.
    """
    check(steps, run.facts)
    running = _Running(run, documents, sleep, told, members)
    try:
        for group in groups(tuple(step for step in steps if not step.always)):
            running.go(group)
    except BaseException as error:
        running.fail(error)
        if isinstance(error, Exception):
            running.finish_failed(tuple(step for step in steps if step.always), error)
        raise
    try:
        for step in steps:
            if step.always:
                running.go((step,))
    except BaseException as error:
        running.fail(error)
        raise
    return running.save(status=DONE, step="")


@dataclass
class _Running:
    """A run on its way. ``run`` is its record, which the documents hold as well."""

    run: Run
    documents: Documents
    sleep: Callable[[float], None]
    told: Callable[[str, str], None]
    members: Members

    def save(self, **changes: Any) -> Run:
        self.run = replace(self.run, **changes)
        self.documents.put(KIND, self.run.run_id, msgspec.to_builtins(self.run))
        return self.run

    def go(self, group: tuple[Step, ...]) -> None:
        """One step, or all that are done for each member."""
        step = group[0]
        if step.name in self.run.done:
            self.told(step.name, "done before")
            return
        if step.when and not self.run.facts[step.when]:
            reason = str(self.run.facts.get(step.why, ""))
            self.told(step.name, f"passed over: {reason}")
            if step.name not in self.run.skipped:
                self.save(skipped=(*self.run.skipped, step.name), reason=reason)
            return
        reason = self.run.reason if self.run.skipped else ""
        self.save(status=RUNNING, step=step.name, reason=reason)
        self.told(step.name, "begins")
        given = self.each(group, step.over) if step.over else self.attempt(step, self.facts())
        facts = {**self.run.facts, **given}
        self.save(facts=facts, done=(*self.run.done, *(s.name for s in group)))

    def each(self, group: tuple[Step, ...], over: Over) -> Facts:
        """How many members came to which outcome."""
        counts: Counter[str] = Counter()
        shared = {name: self.run.facts[name] for name in shared_inputs(group, over)}
        for place, member in enumerate(self.members(self.run.facts, over), 1):
            facts: Facts = {**shared, over.member: member, RUN_ID: self.run.run_id}
            try:
                for step in group:
                    facts = self.attempt(step, facts)
            except Exception:
                if not group[0].catch:
                    raise
                facts = {OUTCOME: FAILED}
            counts[str(facts.get(OUTCOME, DONE))] += 1
            if place % TELL_EVERY == 0:
                self.told(group[0].name, f"{place} {over.fact}")
        return {over.result: dict(counts)}

    def facts(self) -> Facts:
        return {**self.run.facts, RUN_ID: self.run.run_id, WHOLE: self.run.facts}

    def attempt(self, step: Step, facts: Facts) -> Facts:
        for attempt in range(1, step.retry.attempts + 1):
            try:
                return step.run(facts)
            except Exception as error:
                if attempt == step.retry.attempts or permanent(error):
                    raise
                self.told(step.name, f"attempt {attempt} failed: {error}")
                self.sleep(step.retry.wait_s * 2 ** (attempt - 1))
        raise AssertionError("unreachable: attempts is at least 1")

    def fail(self, error: BaseException) -> None:
        self.save(status=FAILED, reason=str(error) or type(error).__name__)

    def finish_failed(self, last: tuple[Step, ...], error: Exception) -> None:
        """What runs always; what fails in it does not hide the first failure."""
        failure = {"step": self.run.step, "error": kind_of(error)}
        facts = {**self.run.facts, FAILURE: failure}
        for step in last:
            try:
                self.attempt(step, {**facts, RUN_ID: self.run.run_id, WHOLE: facts})
            except Exception as other:
                self.told(step.name, f"failed: {other}")


def kind_of(error: Exception) -> str:
    """What went wrong, in a word without anybody's data."""
    return error.code if isinstance(error, EndcapError) else type(error).__name__


def find_run(documents: Documents, run_id: str) -> Run | None:
    document = documents.get(KIND, run_id)
    return None if document is None else msgspec.convert(document.body, Run)


def runs(documents: Documents) -> list[Run]:
    """The runs in order of their ids, which begin with their time."""
    return [msgspec.convert(d.body, Run) for d in documents.query(KIND, limit=1000)]

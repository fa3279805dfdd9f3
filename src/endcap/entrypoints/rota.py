"""Which piece of work is begun next, and what became of those that were."""

from __future__ import annotations

import logging

import msgspec

from endcap.app.control_work import ALONE, at_once, fail
from endcap.bootstrap.jobs import CONTROL_JOB
from endcap.control.registry.arns import parse
from endcap.control.registry.groups import Group
from endcap.control.registry.kinds import group_arn_of
from endcap.control.registry.resource import Work
from endcap.control.registry.store import Registry
from endcap.control.registry.unasked import GRACE_US, ask_again
from endcap.domain.errors import EndcapError, NotFound
from endcap.ports import Jobs, JobState

log = logging.getLogger("endcap.registrar")

MOST_ATTEMPTS = 3
MOST_WORDS = 300  # characters of what a vanished job said last


class Rota:
    """``round`` may be called at any time: what it knows stands in the registry.

    ``at_once``: how many jobs may run. Of one group one job at a time writes the lake or models.
    """

    def __init__(self, registry: Registry, jobs: Jobs, jobs_at_once: int) -> None:
        self._registry = registry
        self._jobs = jobs
        self._jobs_at_once = jobs_at_once
        self._searched = 0  # µs
        self.busy: frozenset[str] = frozenset()  # shops in which a job writes

    def round(self, at: int) -> None:
        """See what has ended, then begin what can begin, oldest first. ``at``: now, µs."""
        if at - self._searched >= GRACE_US:
            self._searched = at
            ask_again(self._registry, at)
        running, waiting = list[Work](), list[Work]()
        for work in self._registry.works():
            standing = self._look(work, at) if work.job else work
            if standing is not None:
                (running if standing.job else waiting).append(standing)
        busy = {self._group(work) for work in running if _alone(work)}
        places = self._jobs_at_once - len(running)
        for work in waiting:
            try:
                places -= self._try(work, busy, places, at)
            except EndcapError as error:  # it must not hold up the others
                facts = {"arn": work.arn, "code": error.code}
                log.error("work not begun", extra={"facts": facts})
        self.busy = frozenset(map(self._shop, busy))

    def _try(self, work: Work, busy: set[str], places: int, at: int) -> bool:
        """Whether a job was begun for it. ``busy``: groups in which nothing may begin that writes;
        this one's is added."""
        if at_once(self._registry, work, at):
            return False
        group, alone = self._group(work), _alone(work)
        if places <= 0 or (alone and group in busy):
            return False
        self._start(work)
        if alone:
            busy.add(group)
        return True

    def _look(self, work: Work, at: int) -> Work | None:
        """The work as it stands now: with its job while that runs; None where nothing is left."""
        state = self._state(work.job)
        if state.status == "running":
            if not work.attempts:  # it is at what was asked for before
                self._jobs.stop(work.job)
            return work
        standing = self._registry.work(work.arn)
        if standing is None or standing.job != work.job:
            return None  # it did what it had to; the next round sees what else there is
        if standing.attempts >= MOST_ATTEMPTS:
            self._give_up(standing, state.reason, at)
            return None
        if standing.attempts:
            facts = {"job": work.job, "attempts": standing.attempts}
            log.warning("job ended without an answer", extra={"facts": facts})
        return self._registry.change_work(work.arn, lambda now: _free(now, work.job))

    def _state(self, job: str) -> JobState:
        try:
            return self._jobs.poll(job)
        except NotFound:
            return JobState("failed", "it is not known any more")

    def _give_up(self, work: Work, words: str, at: int) -> None:
        last = (words.strip().splitlines() or [""])[-1][-MOST_WORDS:]
        error = EndcapError("job_vanished", value=work.attempts, reason=last)
        fail(self._registry, work.arn, at, str(error))
        self._registry.done(work)

    def _start(self, work: Work) -> None:
        """A job that is begun and not noted down, because this process was killed in between,
        ends by itself when the other one has done the work."""
        job = self._jobs.start(CONTROL_JOB, [work.arn])
        self._registry.change_work(work.arn, lambda now: _begun(now, work, job))

    def _group(self, work: Work) -> str:
        registry = self._registry.elsewhere(parse(work.arn).place)
        try:
            return group_arn_of(registry, work.arn)
        except NotFound:  # its job says so
            return work.arn

    def _shop(self, group: str) -> str:
        found = self._registry.elsewhere(parse(group).place).get(Group, group)
        return found.shop if found else ""


def _alone(work: Work) -> bool:
    return parse(work.arn).kind in ALONE


def _free(now: Work | None, job: str) -> Work | None:
    return msgspec.structs.replace(now, job="") if now and now.job == job else now


def _begun(now: Work | None, work: Work, job: str) -> Work | None:
    """Where something else was asked for meanwhile, the job is known as one that has to end."""
    if now is None:
        return None
    attempts = now.attempts + 1 if now.same_as(work) else 0
    return msgspec.structs.replace(now, job=job, attempts=attempts)

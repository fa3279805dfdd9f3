"""The one shape of offline work: a named step with what it needs and gives.

A list of steps is run on this machine (``runner.py``) and exported to AWS Step Functions
(``state_machine.py``): what both homes need to know stands in the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

from endcap.domain.errors import Damaged, Forbidden, InvalidInput, NotFound

Facts = Mapping[str, Any]

# Where a step runs on AWS: in a Lambda function, as a job of Glue, as a training job of SageMaker.
FUNCTION, GLUE, SAGEMAKER = "function", "glue", "sagemaker"
RUN_ID = "run_id"  # a fact that every run has
FAILURE = "failure"  # a fact of what runs ``always`` after a failure: {"step", "error"}
WHOLE = "facts"  # an input that stands for all facts so far
OUTCOME = "outcome"  # of a member of a fan-out: the fact that is counted
# What trying again does not mend.
PERMANENT = (InvalidInput, Forbidden, NotFound, Damaged)


@dataclass(frozen=True)
class Retry:
    """``attempts`` in all; the wait doubles from ``wait_s``."""

    attempts: int = 1
    wait_s: float = 1.0


@dataclass(frozen=True)
class Over:
    """A fan-out: for each member of the list ``fact``, which the step gets as its ``member``.

    ``result``: the fact that says how many members came to which outcome."""

    fact: str
    member: str
    result: str


@dataclass(frozen=True)
class Step:
    """``run`` gets the facts that earlier steps gave (and the run's arguments) and gives its own.

    Facts are plain JSON values: they are the run record, and what a resumed run starts from.
    ``home``, ``function`` (its name) and ``timeout_s`` say where it runs on AWS, and for how long.
    ``over``: steps that stand together with the same one are done for each member, one after the
    other: each gets the member's facts and gives those that the next one gets; the last one's
    ``outcome`` is counted. ``catch``: a member that fails is counted as failed, and the others go
    on; without it, its failure is the run's. ``when``: a fact; where it is false the step is passed
    over, and the fact ``why`` is the reason. ``always``: the last of a run, also after a failure.
    """

    name: str
    run: Callable[..., Facts]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    retry: Retry = Retry()
    home: str = FUNCTION
    function: str = ""
    timeout_s: int = 900
    over: Over | None = None
    catch: bool = False
    when: str = ""
    why: str = ""
    always: bool = False


@dataclass(frozen=True)
class Pipeline:
    """``arguments``: those of a run, with their defaults. The steps' ``run`` takes the opened work
    before the facts: see ``bound``. ``schedule``: five fields of cron, in UTC; ``on_file``: the
    argument that names a new file whose arrival begins a run; "": neither does."""

    name: str
    about: str
    arguments: Facts
    steps: tuple[Step, ...]
    schedule: str = ""
    on_file: str = ""

    def bound(self, work: object) -> tuple[Step, ...]:
        """The steps as they run here, on ``work``."""
        return tuple(replace(step, run=partial(step.run, work)) for step in self.steps)


def check(steps: tuple[Step, ...], arguments: Facts) -> None:
    """Raises ValueError when a step needs a fact that nothing before it gives."""
    known = {*arguments, RUN_ID, WHOLE}
    for step in steps:
        own = {step.over.member} if step.over else set()
        missing = ({*step.inputs, step.when, step.why} - {""}) - known - own
        if missing:
            raise ValueError(f"step {step.name} needs {sorted(missing)}, which no step gives")
        known |= {step.over.result} if step.over else set(step.outputs)


def groups(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Each step alone, but those that stand together ``over`` the same members together."""
    for over, together in groupby(steps, lambda step: step.over):
        if over is None:
            yield from ((step,) for step in together)
        else:
            yield tuple(together)


def plan_of(steps: tuple[Step, ...]) -> list[dict[str, str]]:
    """The steps as plain JSON: name, the fact below which Step Functions keeps what it gave, and on
    which fact it depends."""
    return [
        {"step": step.name, "result": step.over.result if step.over else step.name,
         "when": step.when}
        for step in steps
    ]  # fmt: skip


def shared_inputs(group: tuple[Step, ...], over: Over) -> list[str]:
    """What each member's first step gets beside the member and the run's id."""
    wanted = dict.fromkeys(name for step in group for name in step.inputs)
    return [name for name in wanted if name not in (over.member, RUN_ID)]


def permanent(error: Exception) -> bool:
    """Whether the same step would fail in the same way again."""
    return isinstance(error, PERMANENT)

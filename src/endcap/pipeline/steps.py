"""The one shape of offline work: a named step with what it needs and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Retry:
    """``attempts`` in all; the wait doubles from ``wait_s``."""

    attempts: int = 1
    wait_s: float = 1.0


@dataclass(frozen=True)
class Step:
    """``run`` gets the facts that earlier steps gave (and the run's arguments) and gives its own.

    Facts are plain JSON values: they are the run record, and what a resumed run starts from.
    """

    name: str
    run: Callable[[Facts], Facts]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    retry: Retry = Retry()
    stop: Callable[[Facts], str] | None = None  # after the step: "" to go on, else why the run ends


def check(steps: tuple[Step, ...], arguments: Facts) -> None:
    """Raises ValueError when a step needs a fact that nothing before it gives."""
    known = set(arguments)
    for step in steps:
        missing = set(step.inputs) - known
        if missing:
            raise ValueError(f"step {step.name} needs {sorted(missing)}, which no step gives")
        known |= set(step.outputs)

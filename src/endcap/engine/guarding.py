"""In which stage an answer is, and whether it still has time.

A stage that hangs inside a compiled kernel cannot be interrupted from its own thread: time is
looked at between stages and inside loops in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from msgspec import Struct

from endcap.domain.errors import EndcapError

OBSERVE, CANDIDATES, COLD, RANK, FILL, SHOW = (
    "observe", "candidates", "cold", "rank", "fill", "show",
)  # fmt: skip
STAGES = (OBSERVE, CANDIDATES, COLD, RANK, FILL, SHOW)


class Late(Exception):
    """The time that an answer may take is over."""


class Deadline(Struct, frozen=True):
    """``clock`` comes from the edge and gives seconds; ``ends_s`` is a time of that clock."""

    clock: Callable[[], float]
    ends_s: float

    def passed(self) -> bool:
        return self.clock() > self.ends_s


class Spared(NamedTuple):
    """A stage that an answer did without."""

    stage: str
    reason: str
    error: Exception


class Watch:
    """Goes with one answer. ``stage`` is what is to blame when something fails."""

    __slots__ = ("_deadline", "_spares", "spared", "stage")

    def __init__(self, deadline: Deadline | None = None, *, spares: bool = True) -> None:
        """``spares``: somebody looks at what was spared."""
        self._deadline, self._spares = deadline, spares
        self.stage = OBSERVE
        self.spared: Spared | None = None

    def spare(self, error: Exception) -> tuple[str, ...]:
        """Go on without the stage that raised; which stages to leave out from here on. Raises
        the error where nobody would be told of it."""
        if not self._spares:
            raise error
        self.spared = Spared(self.stage, reason_of(error), error)
        return stages_without(f"{self.stage}:{self.spared.reason}")

    def enter(self, stage: str) -> None:
        """Begin a stage. Raises Late when the stages before it took all the time."""
        self.check()
        self.stage = stage

    def finish(self, stage: str) -> None:
        """Begin a stage that costs next to nothing: a list that is found is not thrown away."""
        self.stage = stage

    def check(self) -> None:
        """For loops in Python inside a stage. Raises Late."""
        if self._deadline is not None and self._deadline.passed():
            raise Late


class TimedWatch(Watch):
    """Notes when each stage begins, in s of ``time.monotonic``. Changes no answer."""

    __slots__ = ("_marks",)

    def __init__(self, deadline: Deadline | None = None) -> None:
        super().__init__(deadline)
        self._marks = [(OBSERVE, monotonic())]

    def enter(self, stage: str) -> None:
        super().enter(stage)
        self._marks.append((stage, monotonic()))

    def finish(self, stage: str) -> None:
        super().finish(stage)
        self._marks.append((stage, monotonic()))

    def spans(self) -> list[tuple[str, float, float]]:
        """(stage, began, ended) of all that began; the last ends now."""
        ends = [began for _, began in self._marks[1:]] + [monotonic()]
        return [(*mark, end) for mark, end in zip(self._marks, ends, strict=True)]


UNWATCHED = Watch(spares=False)
_LATE = "deadline"


def stages_without(fallback: str) -> tuple[str, ...]:
    """The stages that an answer with this ``fallback`` did without, though it is not made of
    popular items: the ranker, and cold items as well where time was over."""
    for told in fallback.split(", "):
        stage, _, reason = told.partition(":")
        if stage == RANK:
            return (RANK, COLD) if reason == _LATE else (RANK,)
    return ()


def reason_of(error: Exception) -> str:
    """One word for headers and counters: ``deadline``, the error's code, or ``error``."""
    if isinstance(error, Late):
        return _LATE
    return error.code if isinstance(error, EndcapError) else "error"

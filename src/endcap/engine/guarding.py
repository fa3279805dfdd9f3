"""In which stage an answer is, and whether it still has time.

A stage that hangs inside a compiled kernel cannot be interrupted from its own thread: time is
looked at between stages and inside loops in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

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


class Watch:
    """Goes with one answer. ``stage`` is what is to blame when something fails."""

    __slots__ = ("_deadline", "stage")

    def __init__(self, deadline: Deadline | None = None) -> None:
        self._deadline = deadline
        self.stage = OBSERVE

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


UNWATCHED = Watch()


def reason_of(error: Exception) -> str:
    """One word for headers and counters: ``deadline``, the error's code, or ``error``."""
    if isinstance(error, Late):
        return "deadline"
    return error.code if isinstance(error, EndcapError) else "error"

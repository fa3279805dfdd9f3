"""A circuit breaker: a dependency that has failed several times in a row is left alone for a
while, so that nobody waits for it again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Protocol

from endcap.domain.errors import Unavailable

FAILURES, PAUSE_S = 5, 10.0


class Count(Protocol):
    """As ``Telemetry.count``."""

    def __hash__(self) -> int: ...

    def __call__(self, name: str, amount: float = 1.0, **labels: str) -> None: ...


def uncounted(name: str, amount: float = 1.0, **labels: str) -> None:
    """Where nobody asks for metrics."""


class Breaker:
    """Closed at first. Opens after ``failures`` failures in a row; ``pause_s`` seconds later it is
    half open: one call may try, and its outcome closes the breaker or opens it again. A trial
    that never tells its outcome counts as failed after another pause. Safe for threads.

    Each ``enter`` that returns is followed by ``succeeded`` or ``failed``.
    """

    def __init__(
        self,
        dependency: str,
        failures: int = FAILURES,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = monotonic,
        count: Count = uncounted,
    ) -> None:
        self._dependency, self._most, self._pause_s = dependency, failures, pause_s
        self._clock, self._count = clock, count
        self._lock = Lock()
        self._failures = 0
        self._until = 0.0  # while open: when the next trial may go

    @property
    def closed(self) -> bool:
        return self._failures < self._most

    def enter(self) -> None:
        """Before a call. Raises Unavailable (dependency_open) while the breaker is open."""
        if self.closed:
            return
        with self._lock:
            wait = self._until - self._clock()
            if wait <= 0:  # this one tries; others wait for what it meets
                self._until = self._clock() + self._pause_s
                return
        self._count("breaker_refusals_total", dependency=self._dependency)
        raise Unavailable(
            "dependency_open", field=self._dependency, retry_after_s=max(1, math.ceil(wait))
        )

    def succeeded(self) -> None:
        """It answered, if only to refuse."""
        if self._failures:
            with self._lock:
                self._failures = 0

    def failed(self, times: int = 1) -> None:
        """It did not answer, or not in time. ``times``: as how many failures that counts."""
        with self._lock:
            was_closed = self.closed
            self._failures += times
            if self.closed:
                return
            self._until = self._clock() + self._pause_s
            opened = was_closed
        if opened:
            self._count("breaker_opened_total", dependency=self._dependency)

"""Counters, gauges and histograms: one small interface, one registry in each process."""

from __future__ import annotations

from bisect import bisect_left
from threading import Lock

Labels = tuple[tuple[str, str], ...]
BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def _labels(labels: dict[str, str]) -> Labels:
    """The same for the same labels in any order."""
    return tuple(labels.items()) if len(labels) < 2 else tuple(sorted(labels.items()))


class Telemetry:
    """Thread-safe. Names are snake case with the unit at the end (``request_seconds``)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.counters: dict[tuple[str, Labels], float] = {}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.histograms: dict[tuple[str, Labels], list[float]] = {}

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        key = (name, _labels(labels))
        with self._lock:
            self.counters[key] = self.counters.get(key, 0.0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        with self._lock:
            self.gauges[(name, tuple(sorted(labels.items())))] = value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add to a histogram over ``BUCKETS_S``; the last two cells are count and sum."""
        key = (name, _labels(labels))
        with self._lock:
            cells = self.histograms.get(key)
            if cells is None:
                cells = self.histograms[key] = [0.0] * (len(BUCKETS_S) + 3)
            cells[bisect_left(BUCKETS_S, seconds)] += 1
            cells[-2] += 1
            cells[-1] += seconds

"""What the engine has counted during one call, for the metrics of a function."""

from __future__ import annotations

from endcap.domain.metrics import COUNTER, GAUGE, IN_FUNCTIONS, METRICS
from endcap.telemetry import Key, Reading, Telemetry

MOST_VALUES = 100  # of one metric in one line of the embedded metric format


class Deltas:
    """Of one registry: each ``take`` gives what came since the last."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry, self._before = telemetry, Reading("", 0, {}, {}, {})

    def take(self) -> dict[str, list[float]]:
        """By metric its values, summed over all labels. A counter has one; a gauge has one where
        somebody moved it. Of a histogram each observation stands as the mean of them all, at most
        ``MOST_VALUES``."""
        now = self._telemetry.reading()
        found = changes(self._before, now)
        self._before = now
        return found


def changes(before: Reading, now: Reading) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for name in IN_FUNCTIONS:
        if METRICS[name].kind == COUNTER:
            counted = _sum(now.counters, name) - _sum(before.counters, name)
            if counted:
                found[name] = [counted]
        elif METRICS[name].kind == GAUGE:
            level = _sum(now.gauges, name)
            if level != _sum(before.gauges, name):
                found[name] = [level]
        else:
            times, seconds = (
                _sum(_cells(now, place), name) - _sum(_cells(before, place), name)
                for place in (-2, -1)
            )
            if times:
                found[name] = [seconds / times] * min(round(times), MOST_VALUES)
    return found


def _sum(values: dict[Key, float], name: str) -> float:
    return sum(value for (metric, _), value in values.items() if metric == name)


def _cells(reading: Reading, place: int) -> dict[Key, float]:
    """Of each histogram one number: -2 how many, -1 their sum."""
    return {key: cells[place] for key, cells in reading.histograms.items()}

"""How often each item was viewed, added and bought of late: popular and trending items.

The counts fade exponentially. They are *forward-decayed* (Cormode et al., 2009): an event at
``ts`` adds ``2 ** ((ts - landmark) / half_life)``, and only a reader divides by the same power of
its own time. So adding costs one addition and nothing ever has to be walked over, but for a
rescaling every 256 half-lives, by an exact power of two.
"""

from __future__ import annotations

from functools import partial
from math import exp2
from typing import cast

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s
from endcap.domain.values import EVENT_TYPES
from endcap.engine.histories import History
from endcap.engine.limits import StateLimits, half_life_of
from endcap.engine.snapshot_folder import FadeMeta, Snapshot
from endcap.engine.toplist import TopList, TouchedRows

# What an event is worth where all types count together; a type beyond these is worth 1.
TYPE_WEIGHTS = dict(zip(EVENT_TYPES, (1.0, 3.0, 5.0), strict=True))
TRENDING_PRIOR = 5.0  # expected count that trending adds: about one purchase
SEASONS_PER_HALF_LIFE = 16  # how often trending takes a new time of comparison
_MOST_HALF_LIVES = 256  # beyond the landmark, before it moves


class DecayedCounts:
    """Forward-decayed counts by event type and item, with one half-life.

    Times before the landmark count less and less, down to 0 (never an underflow error); times
    far ahead move the landmark, so nothing overflows.
    """

    def __init__(self, values: Float64s, half_life_days: float, landmark: int = 0) -> None:
        self.values = values  # (event types, capacity)
        self.half_life = half_life_of(half_life_days)  # µs
        self.landmark = landmark  # in half-lives since 1970

    @property
    def values(self) -> Float64s:
        return self._values

    @values.setter
    def values(self, values: Float64s) -> None:
        self._values = values
        self.types, self.capacity = values.shape
        # Single cells: thrice as fast as through numpy.
        self.cells = cast("memoryview[float]", values.data)

    def weight(self, ts: int) -> float:
        """What an event at ``ts`` adds."""
        return exp2(min(600.0, max(-1074.0, ts / self.half_life - self.landmark)))

    def make_room(self, ts: int) -> bool:
        """Move the landmark if ``ts`` is too far beyond it. Returns whether it moved."""
        if ts / self.half_life - self.landmark <= _MOST_HALF_LIVES:
            return False
        moved = ts // self.half_life - self.landmark
        np.ldexp(self.values, -min(moved, 5000), out=self.values)
        self.landmark += moved
        return True

    def grow(self, types: int, rows: int) -> None:
        """Room for so many types and rows; at least half as many rows again."""
        old_types, capacity = self.values.shape
        if types <= old_types and rows <= capacity:
            return
        if rows > capacity:
            capacity = rows + rows // 2 + 64
        grown = np.zeros((max(types, old_types), capacity))
        grown[:old_types, : self.values.shape[1]] = self.values
        self.values = grown


class Counts:
    """The counts of one shop. ``at`` below is the time of arrival: an event that is dated later
    counts as one that happens now, so a wrong clock cannot lift an item above all others."""

    def __init__(self, base: Snapshot, limits: StateLimits) -> None:
        meta = base.meta
        self.newest = meta.newest_ts  # µs of the newest counted event
        long, short = limits.popular_half_life_days, limits.trending_half_life_days
        self.slow = revive(base.slow, meta.slow, long, self.newest)
        self.fast = revive(base.fast, meta.fast, short, self.newest)
        self._touched = TouchedRows()
        self._lists: dict[tuple[str, int | None], TopList] = {}
        self.set_types(list(meta.event_types))

    def add(self, row: int, code: int, ts: int, at: int) -> None:
        """Count one event."""
        slow, fast = self.slow, self.fast
        if code >= slow.types or row >= slow.capacity:
            self.make_room(code + 1, row + 1)
        ts = at if ts > at else ts if ts > 0 else 0
        if ts > self.newest:
            self.newest = ts
            if slow.make_room(ts) | fast.make_room(ts):
                self._touched.reset()
        for counts in (slow, fast):  # no call: this runs for every event
            age = ts / counts.half_life - counts.landmark
            counts.cells[code, row] += exp2(age) if -1074.0 < age < 600.0 else counts.weight(ts)
        self._touched.add(row)

    def take_back(self, history: History, at: int) -> None:
        """Uncount the events of an erased user. What rounding leaves is at least 0. Events that
        the history no longer held stay counted until a snapshot is built from the lake."""
        for row, code, ts in zip(*(column.tolist() for column in history), strict=True):
            ts = max(0, min(ts, at))  # noqa: PLW2901
            for counts in (self.slow, self.fast):
                left = float(counts.values[code, row]) - counts.weight(ts)
                counts.values[code, row] = max(0.0, left)
            self._touched.add(row)

    def popular(
        self, at: int, n: int, rows: int, code: int | None, allowed: Bools | None
    ) -> tuple[Int32s, Float32s]:
        """(≤ n,) rows and decayed counts above 0, most first; ties: the lower row.

        ``code`` None: all types, weighted by TYPE_WEIGHTS. Valued at ``at``, or at the newest event
        if that is earlier: a shop at rest does not fade away, and the order is the same.
        """
        top = self._list("popular", code)
        score = partial(self._sum, self.slow, code, rows)
        return _above_zero(*top.best(n, rows, 0, score, allowed), self._scale(at))

    def popularity(self, at: int, rows: int, which: Int32s) -> Float32s:
        """(n,) what ``popular`` would say of n rows, of ``rows`` there are."""
        counts = self._sum(self.slow, None, rows, which.astype(np.int64))
        return (counts * self._scale(at)).astype(np.float32)

    def total(self, at: int) -> float:
        """The decayed counts of all items together, valued as in ``popular``."""
        by_type = self.slow.values[: len(self._weights)].sum(axis=1)
        return float(self._weights @ by_type) * self._scale(at)

    def _scale(self, at: int) -> float:
        return _power(self.slow.landmark - self._moment(at) / self.slow.half_life)

    def _moment(self, at: int) -> int:
        """The time of reading: ``at``, but not after the newest event and not more than one short
        half-life before it."""
        return max(min(at, self.newest), self.newest - self.fast.half_life)

    def trending(
        self, at: int, n: int, rows: int, code: int | None, allowed: Bools | None
    ) -> tuple[Int32s, Float32s]:
        """(≤ n,) rows and scores above 0, most risen first; ties: the lower row.

        ``score = (fast - expected) / sqrt(expected + TRENDING_PRIOR)``. ``fast`` is the count
        with the short half-life, ``expected = slow * short / long`` what it would be if the item
        had always gone at the rate of its own slow count: the excess over its past in standard
        deviations of a Poisson count. A plain ratio would let three clicks on a new item beat
        any rise of a known one; here the prior bounds them, and volume counts as evidence.
        An item at its usual rate, or never seen, has 0; one that fades is below: both are left
        out.

        Both counts are valued at the beginning of the season (1/16 of the short half-life,
        counted from 1970) of ``at``, or of the newest event if that is earlier. Within a season
        the order of items that get no events stands still, which makes the cached list exact.
        """
        season = self._moment(at) * SEASONS_PER_HALF_LIFE // self.fast.half_life
        top = self._list("trending", code)
        score = partial(self._excess, season, code, rows)
        return _above_zero(*top.best(n, rows, season, score, allowed), 1.0)

    def set_types(self, names: list[str]) -> None:
        """The names of the event types by code, which decide the weights."""
        self._weights = np.array([TYPE_WEIGHTS.get(name, 1.0) for name in names])
        self.make_room(len(names), 0)

    def make_room(self, types: int, rows: int) -> None:
        """Both arrays grow together: what fits one fits the other."""
        self.slow.grow(types, rows)
        self.fast.grow(types, rows)

    def nothing(self) -> tuple[Int32s, Float32s]:
        return np.empty(0, np.int32), np.empty(0, np.float32)

    def _list(self, kind: str, code: int | None) -> TopList:
        found = self._lists.get((kind, code))
        if found is None:
            found = self._lists[kind, code] = TopList(self._touched)
        return found

    def _sum(
        self, counts: DecayedCounts, code: int | None, rows: int, which: Int64s | slice
    ) -> Float64s:
        """Counts at the landmark of some rows; items that no event named yet have 0."""
        if rows > counts.values.shape[1]:
            self.make_room(0, rows)
        if code is not None:
            return counts.values[code, which]
        values: Float64s = self._weights @ counts.values[: len(self._weights), which]
        return values

    def _excess(self, season: int, code: int | None, rows: int, which: Int64s | slice) -> Float64s:
        time = season * self.fast.half_life / SEASONS_PER_HALF_LIFE  # µs
        fast, slow = (
            self._sum(counts, code, rows, which) * _power(counts.landmark - time / counts.half_life)
            for counts in (self.fast, self.slow)
        )
        expected = slow * (self.fast.half_life / self.slow.half_life)
        excess: Float64s = (fast - expected) / np.sqrt(expected + TRENDING_PRIOR)
        return excess


def revive(values: Float64s, meta: FadeMeta, half_life_days: float, newest: int) -> DecayedCounts:
    """Counts of a snapshot, in memory with room to grow. Where the setting of the half-life has
    changed since, they stand at the newest event as they were and fade with the new one."""
    types, rows = values.shape
    counts = DecayedCounts(np.zeros((types, rows + rows // 16 + 64)), half_life_days)
    counts.values[:, :rows] = values
    if counts.half_life == meta.half_life:
        counts.landmark = meta.landmark
        return counts
    counts.landmark = newest // counts.half_life
    moved = newest / counts.half_life - counts.landmark - (newest / meta.half_life - meta.landmark)
    counts.values *= _power(moved)
    return counts


def _above_zero(rows: Int64s, values: Float64s, scale: float) -> tuple[Int32s, Float32s]:
    """``values`` descending."""
    some = np.count_nonzero(values > 0)
    return rows[:some].astype(np.int32), (values[:some] * scale).astype(np.float32)


def _power(exponent: float) -> float:
    return exp2(min(600.0, max(-600.0, exponent)))

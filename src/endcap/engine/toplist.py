"""The best rows by a score, exact, without looking at every row for each answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from endcap.domain.arrays import Bools, Float64s, Int64s

LEAST_KEPT = 512  # rows of a list at least; also the touched rows after which it is built anew


def top_rows(values: Float64s, n: int) -> Int64s:
    """(≤ n,) positions of the n greatest of values (m,), best first; ties: the lower position."""
    n = min(n, len(values))
    if n <= 0:
        return np.empty(0, np.int64)
    if n < len(values):
        cut = np.partition(values, len(values) - n)[len(values) - n]
        above = np.flatnonzero(values > cut)
        level = np.flatnonzero(values == cut)[: n - len(above)]
        rows = np.sort(np.concatenate((above, level)))
    else:
        rows = np.arange(len(values))
    return rows[np.argsort(-values[rows], kind="stable")]


class TouchedRows:
    """Rows whose counts changed, in order, shared by all lists of one shop."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.generation = 0  # a list of another generation must be built anew

    def add(self, row: int) -> None:
        self.rows.append(row)
        if len(self.rows) > 65_536:
            self.reset()

    def reset(self) -> None:
        self.rows.clear()
        self.generation += 1


class TopList:
    """Keeps the best rows of a moment (the base) and looks at them and at all touched rows.

    Exact: an untouched row outside the base is worse than every untouched row of the base, so
    the best n of base and touched rows are the best n of all while n of the base are untouched.
    That holds as long as the order of untouched rows stands still; ``season`` names the stretch
    of time in which it does.
    """

    def __init__(self, touched: TouchedRows) -> None:
        self._touched = touched
        self._season: tuple[int, int] | None = None
        self._base = np.empty(0, np.int64)  # best first
        self._whole = False  # the base holds every row that there was
        self._known = 0  # rows there were when the base was built
        self._seen = 0  # touched rows looked at
        self._new = np.empty(0, np.int64)  # the distinct touched and later rows, ascending
        self._order = np.empty(0, np.int64)  # base and new, best first
        self._values = np.empty(0, np.float64)  # their scores
        self._fresh = 0  # untouched rows in the base

    def best(
        self,
        n: int,
        rows: int,
        season: int,
        score: Callable[[Int64s | slice], Float64s],
        allowed: Bools | None = None,
    ) -> tuple[Int64s, Float64s]:
        """(≤ n,) rows best first and their scores, of ``rows`` rows, those under ``allowed``."""
        self._refresh(n, rows, season, score)
        if allowed is None:
            return self._order[:n], self._values[:n]
        open_rows = np.zeros(rows, np.bool_)
        open_rows[: len(allowed)] = allowed[:rows]
        kept = open_rows[self._order]
        untouched = self._base[open_rows[self._base]]
        if self._whole or len(untouched) - np.isin(untouched, self._new).sum() >= n:
            return self._order[kept][:n], self._values[kept][:n]
        return _best_among(np.flatnonzero(open_rows), n, score)

    def _refresh(
        self, n: int, rows: int, season: int, score: Callable[[Int64s | slice], Float64s]
    ) -> None:
        touched, key = self._touched, (self._touched.generation, season)
        current = key == self._season
        if current and self._seen == len(touched.rows) and self._known + self._later() == rows:
            if self._whole or self._fresh >= n:
                return
            current = False
        if current:
            self._merge(rows)
        if not current or len(self._new) > LEAST_KEPT or not (self._whole or self._fresh >= n):
            self._rebuild(max(LEAST_KEPT, 2 * n), rows, score)
            self._season = key
            return
        every = np.union1d(self._base, self._new)
        self._order, self._values = _best_among(every, len(every), score)

    def _later(self) -> int:
        return int(np.count_nonzero(self._new >= self._known))

    def _merge(self, rows: int) -> None:
        """Take in the rows that were touched or came since the last look."""
        touched = np.asarray(self._touched.rows[self._seen :], np.int64)
        came = np.arange(self._known, rows)
        self._new = np.unique(np.concatenate((self._new, touched, came)))
        self._seen = len(self._touched.rows)
        self._fresh = len(self._base) - int(np.isin(self._base, self._new).sum())

    def _rebuild(self, keep: int, rows: int, score: Callable[[Int64s | slice], Float64s]) -> None:
        values = score(slice(0, rows))
        self._base = self._order = top_rows(values, keep)
        self._values = values[self._base]
        self._whole = len(self._base) == rows
        self._known, self._seen = rows, len(self._touched.rows)
        self._new = np.empty(0, np.int64)
        self._fresh = len(self._base)


def _best_among(
    rows: Int64s, n: int, score: Callable[[Int64s | slice], Float64s]
) -> tuple[Int64s, Float64s]:
    """``rows`` ascending."""
    values = score(rows)
    best = top_rows(values, n)
    return rows[best], values[best]

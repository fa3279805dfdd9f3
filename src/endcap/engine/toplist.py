"""The best rows by a score, exact, without looking at every row for each answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from endcap.domain.arrays import Bools, Float64s, Int64s

# Scores of some rows: a slice or (m,) rows to (m,) values.
Score = Callable[[Int64s | slice], Float64s]

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
        self._base: set[int] = set()  # the best rows when the list was built
        self._whole = False  # the base held every row that there was
        self._new: set[int] = set()  # rows touched or come since
        self._fresh = 0  # how many of the base are untouched
        self._seen = self._rows = 0  # touched rows looked at, rows there were
        self._every = np.empty(0, np.int64)  # base and new, ascending
        self._order = np.empty(0, np.int64)  # the same, best first
        self._values = np.empty(0, np.float64)  # their scores

    def best(
        self, n: int, rows: int, season: int, score: Score, allowed: Bools | None = None
    ) -> tuple[Int64s, Float64s]:
        """(≤ n,) rows best first and their scores, of ``rows`` rows, those under ``allowed``."""
        self._refresh(n, rows, season, score)
        if allowed is None:
            return self._order[:n], self._values[:n]
        kept = self._order < len(allowed)
        kept[kept] = allowed[self._order[kept]]
        if self._whole or np.count_nonzero(kept) - len(self._new) >= n:
            return self._order[kept][:n], self._values[kept][:n]
        return _best_among(np.flatnonzero(allowed[:rows]), n, score)

    def _refresh(self, n: int, rows: int, season: int, score: Score) -> None:
        key = (self._touched.generation, season)
        if key == self._season:
            changed = self._seen < len(self._touched.rows) or self._rows < rows
            if changed:
                self._merge(rows)
            if len(self._new) <= LEAST_KEPT and (self._whole or self._fresh >= n):
                if changed:
                    self._order, self._values = _best_among(self._every, len(self._every), score)
                return
        self._rebuild(max(LEAST_KEPT, 2 * n), rows, score)
        self._season = key

    def _merge(self, rows: int) -> None:
        """Take in the rows that were touched or came since the last look."""
        came = {*self._touched.rows[self._seen :], *range(self._rows, rows)} - self._new
        self._seen, self._rows = len(self._touched.rows), rows
        self._new |= came
        outside = came - self._base
        self._fresh -= len(came) - len(outside)
        if outside:
            added = np.fromiter(outside, np.int64, len(outside))
            self._every = np.sort(np.concatenate((self._every, added)))

    def _rebuild(self, keep: int, rows: int, score: Score) -> None:
        values = score(slice(0, rows))
        self._order = top_rows(values, keep)
        self._values = values[self._order]
        self._every = np.sort(self._order)
        self._base, self._new = set(self._order.tolist()), set()
        self._whole, self._fresh = len(self._order) == rows, len(self._order)
        self._seen, self._rows = len(self._touched.rows), rows


def _best_among(rows: Int64s, n: int, score: Score) -> tuple[Int64s, Float64s]:
    """``rows`` ascending."""
    values = score(rows)
    best = top_rows(values, n)
    return rows[best], values[best]

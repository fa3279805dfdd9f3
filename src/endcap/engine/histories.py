"""Each user's newest events, oldest first: the snapshot's slice, or a grown copy of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np

from endcap.domain.arrays import Int64s
from endcap.engine.history import NO_HISTORY, History, newest_of
from endcap.engine.recalled import Recalled

__all__ = ["NO_HISTORY", "Histories", "History"]

_NEVER = -(2**63)
_FIELDS = 3  # of an entry of the tail: item, type, time


class _Grown:
    """The history of one user who acted since the snapshot: what was last shown, and the tail.

    An event costs three appends; arrays are made when somebody reads. A History that was handed
    out never changes: reading after an event makes new arrays.
    """

    __slots__ = ("newest", "shown", "tail")

    def __init__(self, old: History) -> None:
        self.shown = old
        self.tail = array("q")
        self.newest = int(old.ts[-1]) if len(old.ts) else _NEVER

    def view(self, limit: int) -> History:
        if self.tail:
            self.shown = joined(self.shown, self.tail, limit)
            self.tail = array("q")
        return self.shown

    def add(self, item: int, code: int, ts: int, limit: int) -> None:
        if ts < self.newest:
            self._insert(item, code, ts, limit)
            return
        self.newest = ts
        tail = self.tail
        tail.append(item)
        tail.append(code)
        tail.append(ts)
        if len(tail) >= _FIELDS * limit:  # nobody reads it: older entries are in nobody's answer
            self.view(limit)

    def _insert(self, item: int, code: int, ts: int, limit: int) -> None:
        """A late event goes behind all that are not newer; full histories drop their oldest."""
        old = self.view(limit)
        place = int(np.searchsorted(old.ts, ts, side="right"))
        if place == 0 and len(old.ts) >= limit:
            return
        self.shown = newest_of(
            np.insert(old.items, place, np.int32(item)),
            np.insert(old.types, place, np.uint8(code)),
            np.insert(old.ts, place, np.int64(ts)),
            limit,
        )


def joined(old: History, tail: array[int], limit: int) -> History:
    """``old`` (n entries) with a tail of m entries behind it: the newest ``limit`` of them."""
    late = np.frombuffer(tail, np.int64).reshape(-1, _FIELDS)[-limit:]  # (m, 3)
    kept = min(len(old.ts), limit - len(late))
    start, count = len(old.ts) - kept, kept + len(late)
    items, types, ts = (
        np.empty(count, np.int32),
        np.empty(count, np.uint8),
        np.empty(count, np.int64),
    )
    items[:kept], types[:kept], ts[:kept] = old.items[start:], old.types[start:], old.ts[start:]
    items[kept:], types[kept:], ts[kept:] = late.T
    return newest_of(items, types, ts, limit)


class Histories:
    """All users' histories: immutable ragged arrays with an overlay of those who acted since."""

    def __init__(self, starts: Int64s, base: History, limit: int) -> None:
        self.starts = starts  # (users of the snapshot + 1,)
        self.base = base  # (events,)
        self.limit = limit
        self.recalled = Recalled(limit)
        self._starts = starts.data
        self._known = len(starts) - 1
        self._grown: dict[int, _Grown] = {}

    def get(self, row: int) -> History:
        """The newest ``limit`` events of a user, with what was recalled; none for row -1."""
        if self.recalled.rows and row in self.recalled.rows:
            return self.recalled.joined(row, self.own(row))
        return self.own(row)

    def own(self, row: int) -> History:
        """As ``get``, of snapshot and log alone."""
        grown = self._grown.get(row)
        if grown is not None:
            return grown.view(self.limit)
        return self._of_base(row)

    def holds(self, row: int, item: int, code: int, ts: int) -> bool:
        """Whether snapshot and log have such an event of a user."""
        own = self.own(row)
        first, stop = np.searchsorted(own.ts, ts), np.searchsorted(own.ts, ts, side="right")
        same = (own.items[first:stop] == item) & (own.types[first:stop] == code)
        return bool(same.any())

    def _of_base(self, row: int) -> History:
        if not 0 <= row < self._known:
            return NO_HISTORY
        stop = self._starts[row + 1]
        start = max(self._starts[row], stop - self.limit)
        items, types, ts = self.base
        return History(items[start:stop], types[start:stop], ts[start:stop])

    def add(self, row: int, item: int, code: int, ts: int) -> None:
        grown = self._grown.get(row)
        if grown is None:
            grown = self._grown[row] = _Grown(self._of_base(row))
        grown.add(item, code, ts, self.limit)

    def move(self, row: int, to: int) -> None:
        """All that snapshot and log have of one user is another's from here on."""
        items, types, ts = self.own(row)
        grown = self._grown.get(to)
        if grown is None:
            grown = self._grown[to] = _Grown(self._of_base(to))
        for item, code, at in zip(items.tolist(), types.tolist(), ts.tolist(), strict=True):
            grown.add(item, code, at, self.limit)
        self._grown[row] = _Grown(NO_HISTORY)

    def drop(self, row: int) -> None:
        self._grown[row] = _Grown(NO_HISTORY)
        self.recalled.rows.pop(row, None)

    def touched(self) -> Iterator[tuple[int, History]]:
        """Rows and histories of those who acted since the snapshot, as the log has it."""
        limit = self.limit
        return ((row, grown.view(limit)) for row, grown in self._grown.items())

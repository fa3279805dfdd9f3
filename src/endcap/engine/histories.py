"""Each user's newest events, oldest first: the snapshot's slice, or a grown copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Int32s, Int64s, UInt8s
from endcap.engine.ragged import Array


class History(NamedTuple):
    """n events of one user, oldest first. Views of the state: read them, do not write."""

    items: Int32s  # (n,) rows of the vocabulary
    types: UInt8s  # (n,) positions in event_types
    ts: Int64s  # (n,) µs


NO_HISTORY = History(np.empty(0, np.int32), np.empty(0, np.uint8), np.empty(0, np.int64))


def read_only(array: Array) -> Array:
    """A view that cannot be written, as those of the snapshot: kernels compile for one kind."""
    view = array.view()
    view.flags.writeable = False
    return view


class _Grown:
    """The history of one user who acted since the snapshot.

    Entries are only ever appended behind what a reader may hold; anything else makes new arrays.
    So a History that was handed out never changes.
    """

    __slots__ = ("items", "newest", "shown", "start", "stop", "ts", "types")

    def __init__(self, old: History) -> None:
        self.start = self.stop = self.newest = 0
        self._take(old)

    def _take(self, old: History) -> None:
        count = len(old.ts)
        capacity = count + count // 2 + 8
        self.items = np.empty(capacity, np.int32)
        self.types = np.empty(capacity, np.uint8)
        self.ts = np.empty(capacity, np.int64)
        self.items[:count], self.types[:count], self.ts[:count] = old
        self.shown = History(read_only(self.items), read_only(self.types), read_only(self.ts))
        self.start, self.stop = 0, count
        self.newest = int(old.ts[-1]) if count else -(2**63)

    def view(self) -> History:
        start, stop = self.start, self.stop
        items, types, ts = self.shown
        return History(items[start:stop], types[start:stop], ts[start:stop])

    def add(self, item: int, code: int, ts: int, limit: int) -> None:
        if ts < self.newest:
            self._insert(item, code, ts, limit)
            return
        if self.stop == len(self.ts):
            self._take(self.view())
        stop = self.stop
        self.items[stop] = item
        self.types[stop] = code
        self.ts[stop] = ts
        self.newest = ts
        self.stop = stop = stop + 1
        if stop - self.start > limit:
            self.start = stop - limit

    def _insert(self, item: int, code: int, ts: int, limit: int) -> None:
        """A late event goes behind all that are not newer; full histories drop their oldest."""
        old = self.view()
        place = int(np.searchsorted(old.ts, ts, side="right"))
        if place == 0 and len(old.ts) >= limit:
            return
        self._take(
            History(
                np.insert(old.items, place, np.int32(item)),
                np.insert(old.types, place, np.uint8(code)),
                np.insert(old.ts, place, np.int64(ts)),
            )
        )
        self.start = max(self.start, self.stop - limit)


class Histories:
    """All users' histories: immutable ragged arrays with an overlay of those who acted since."""

    def __init__(self, starts: Int64s, base: History, limit: int) -> None:
        self.starts = starts  # (users of the snapshot + 1,)
        self.base = base  # (events,)
        self.limit = limit
        self._starts = starts.data
        self._known = len(starts) - 1
        self._grown: dict[int, _Grown] = {}

    def get(self, row: int) -> History:
        """The newest ``limit`` events of a user; none for row -1."""
        grown = self._grown.get(row)
        if grown is not None:
            return grown.view()
        return self._of_base(row)

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

    def drop(self, row: int) -> None:
        self._grown[row] = _Grown(NO_HISTORY)

    def touched(self) -> Iterator[tuple[int, History]]:
        """Rows and histories of those who acted since the snapshot."""
        return ((row, grown.view()) for row, grown in self._grown.items())

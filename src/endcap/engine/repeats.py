"""What arrived within the repeat horizon: event ids and request keys.

Time is the arrival time of the newest record, not a clock, so a replay decides as the first run
did. Memory is bounded by the overlay of the log's tail; the rest lies in the snapshot's arrays.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

import numpy as np

from endcap.domain.arrays import Int64s, UInt64s
from endcap.domain.hashing import stable_hash
from endcap.engine.ragged import Blobs


class Remembered:
    """Hashes with their time of arrival: sorted arrays of the snapshot, and a dict.

    64 bits: with ten million remembered ids one new event in 10^12 is taken for a repeat.
    """

    def __init__(self, hashes: UInt64s, times: Int64s, horizon: int, newest: int = 0) -> None:
        self.hashes = hashes  # (n,) ascending
        self.times = times  # (n,) µs
        self.horizon = horizon
        self.newest = newest  # the newest arrival seen
        self._hashes, self._times = hashes.data, times.data
        self.later: dict[int, int] = {}
        # In order of arrival, from ``_first`` on; 16 bytes each, where tuples would take 120.
        self._order_hashes, self._order_times = array("Q"), array("q")
        self._first = 0

    def advance(self, at: int) -> None:
        """A record arrived: forget what has left the horizon."""
        self.newest = max(self.newest, at)
        times = self._order_times
        if self._first < len(times) and times[self._first] <= self.newest - self.horizon:
            self._forget()

    def _forget(self) -> None:
        least, times, hashes = self.newest - self.horizon, self._order_times, self._order_hashes
        first = self._first
        while first < len(times) and times[first] <= least:
            if self.later.get(hashes[first]) == times[first]:
                del self.later[hashes[first]]
            first += 1
        if 2 * first > len(times):
            del times[:first], hashes[:first]
            first = 0
        self._first = first

    def knows(self, hashed: int) -> bool:
        time = self.later.get(hashed)
        if time is None:
            if not self._hashes:
                return False
            time = self._base_time(hashed)
        return time is not None and time > self.newest - self.horizon

    def _base_time(self, hashed: int) -> int | None:
        place = self.place(hashed)
        return None if place < 0 else self._times[place]

    def place(self, hashed: int) -> int:
        """Where the snapshot's arrays hold this hash; -1: nowhere."""
        place = bisect_left(self._hashes, hashed)
        found = place < len(self._hashes) and self._hashes[place] == hashed
        return place if found else -1

    def add(self, hashed: int, at: int) -> bool:
        """Whether it is new; then it is remembered."""
        if self.knows(hashed):
            return False
        self.remember(hashed, at)
        return True

    def remember(self, hashed: int, at: int) -> None:
        """Add one that is known to be new."""
        self.later[hashed] = at
        self._order_hashes.append(hashed)
        self._order_times.append(at)

    def merged(self) -> tuple[UInt64s, Int64s]:
        """All that is within the horizon: (n,) hashes ascending, (n,) times."""
        count = len(self.later)
        hashes = np.fromiter(self.later.keys(), np.uint64, count)
        times = np.fromiter(self.later.values(), np.int64, count)
        least = self.newest - self.horizon
        order = np.argsort(hashes)
        order = order[times[order] > least]
        hashes, times = hashes[order], times[order]  # (new,)
        kept = self.times > least  # (n,) of the snapshot
        again = np.searchsorted(self.hashes, hashes)  # expired, and came again: counts as new
        again = again[again < len(self.hashes)]
        kept[again[np.isin(self.hashes[again], hashes)]] = False
        old = self.hashes[kept]
        places = np.searchsorted(old, hashes)
        return np.insert(old, places, hashes), np.insert(self.times[kept], places, times)


class RequestKeys:
    """Idempotency keys and the hash of the body that each came with."""

    def __init__(self, seen: Remembered, bodies: Blobs) -> None:
        self.seen = seen
        self.bodies = bodies  # by place in seen.hashes
        self._later: dict[int, bytes] = {}

    def body_of(self, key: bytes) -> bytes | None:
        """None: this key did not come within the horizon."""
        hashed = stable_hash(key)
        return self._body(hashed) if self.seen.knows(hashed) else None

    def _body(self, hashed: int) -> bytes:
        if hashed in self.seen.later:
            return self._later[hashed]
        return self.bodies[self.seen.place(hashed)]

    def add(self, key: bytes, body: bytes, at: int) -> bool:
        """Whether the key is new; then it is remembered."""
        hashed = stable_hash(key)
        if not self.seen.add(hashed, at):
            return False
        self._later[hashed] = body
        if len(self._later) > 2 * len(self.seen.later) + 1024:
            self._later = {known: self._later[known] for known in self.seen.later}
        return True

    def merged(self) -> tuple[UInt64s, Int64s, Blobs]:
        """As Remembered.merged, with the bodies in the same order."""
        hashes, times = self.seen.merged()
        return hashes, times, Blobs.of([self._body(hashed) for hashed in hashes.tolist()])

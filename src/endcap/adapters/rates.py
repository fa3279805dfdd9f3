"""How often each asker may ask, counted over all processes of a machine in one small mapped file.

Each asker has one number: the time at which its bucket is full again (the generic cell rate
algorithm, which is a token bucket without a refill). The file has room for 4096 askers, in rows
of 8; a new one takes the place in its row whose bucket is full for longest, and a full bucket is
the same as none. Only when more than 8 askers of one row are all below full does one of them
start anew, with its whole burst.

Every decision is made under the file's lock, so that the count is exact. Should another process
be stopped just while it holds the lock, a worker waits 50 ms, and for the next second not at
all: it then decides without the lock. Such a decision may lose one that is made at the same
moment: one request too many.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from pathlib import Path

from endcap.adapters.segments import Descriptor

ROWS, PLACES = 512, 8
_WORDS = ROWS * PLACES * 2
PATIENCE_S, IMPATIENT_S = 0.05, 1.0


class RateTable:
    """Opened at the first use. Used from one thread of a process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._words: memoryview[int] | None = None
        self._impatient_until = 0.0
        self._places: dict[int, int] = {}  # where an owner stood last

    def __call__(self, owner: int, interval_ns: int, burst: int, now_ns: int) -> int:
        """Count one request of ``owner`` (not 0, under 2**63): ns to wait, 0: go ahead.

        ``interval_ns`` lies between two requests at the permitted rate; ``burst`` may come at
        once.
        """
        words = self._words if self._words is not None else self._open()
        locked = self._lock()
        try:
            place = self._places.get(owner, 1)
            if words[place - 1] != owner:
                if len(self._places) > ROWS * PLACES:
                    self._places.clear()
                place = self._places[owner] = _place(words, owner)
            full = words[place]
            slack = (burst - 1) * interval_ns
            if full < now_ns or full > now_ns + slack + interval_ns:  # the clock was set back
                full = now_ns
            wait = full - now_ns - slack
            if wait <= 0:
                words[place] = full + interval_ns
                return 0
            return wait
        finally:
            if locked:
                fcntl.flock(self._file.fd, fcntl.LOCK_UN)

    def _lock(self) -> bool:
        try:
            fcntl.flock(self._file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._wait_for_lock()
        return True

    def _wait_for_lock(self) -> bool:
        until = time.monotonic() + PATIENCE_S
        while self._impatient_until < (now := time.monotonic()) < until:
            os.sched_yield()
            try:
                fcntl.flock(self._file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return True
        if now >= until:
            self._impatient_until = now + IMPATIENT_S
        return False

    def _open(self) -> memoryview[int]:
        self._file = Descriptor(self._path, os.O_RDWR | os.O_CREAT)
        with_room = os.fstat(self._file.fd).st_size >= _WORDS * 8
        if not with_room:  # real bytes, not a hole: a store into a hole dies on a full disk
            os.posix_fallocate(self._file.fd, 0, _WORDS * 8)
        self._words = memoryview(mmap.mmap(self._file.fd, _WORDS * 8)).cast("q")
        return self._words


def _place(words: memoryview[int], owner: int) -> int:
    """Where the owner's number stands; it takes a place if it has none."""
    first = (owner % ROWS) * PLACES * 2
    best = first
    for place in range(first, first + PLACES * 2, 2):
        if words[place] == owner:
            return place + 1
        if words[place + 1] < words[best + 1]:
            best = place
    words[best], words[best + 1] = owner, 0
    return best + 1

"""Events that were looked up where somebody else keeps them: in histories, but in no log.

A look-up brings a user's newest events, those known already among them, in any split and order.
What stands here is a function of the set of events alone: in order of time, those of one instant
in order of their ids.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.engine.history import History, newest_of


class Entry(NamedTuple):
    """One event; compares as it stands in a history."""

    ts: int  # µs
    event_id: str
    item: int  # row of the vocabulary
    code: int  # of the event type


class Recalled:
    """By row of the user, and there by the hash of the event id."""

    def __init__(self, limit: int) -> None:
        self._limit = limit  # the newest that are kept of a user
        self.rows: dict[int, dict[int, Entry]] = {}

    def add(self, row: int, hashed: int, entry: Entry) -> None:
        """Of two events of one id the earlier stands, whichever comes first."""
        entries = self.rows.setdefault(row, {})
        known = entries.get(hashed)
        if known is None or entry < known:
            entries[hashed] = entry
            if len(entries) > self._limit:
                del entries[min(entries, key=lambda other: entries[other])]

    def remove(self, row: int, hashed: int) -> None:
        """It came by the log as well."""
        entries = self.rows.get(row, {})
        entries.pop(hashed, None)
        if not entries:
            self.rows.pop(row, None)

    def joined(self, row: int, own: History) -> History:
        """``own`` with what was recalled, the newest ``limit`` of them; behind what stands in
        ``own`` at the same time."""
        late = sorted(self.rows[row].values())
        ts = np.concatenate((own.ts, np.array([entry.ts for entry in late], np.int64)))
        order = np.argsort(ts, kind="stable")
        items = np.concatenate((own.items, np.array([entry.item for entry in late], np.int32)))
        types = np.concatenate((own.types, np.array([entry.code for entry in late], np.uint8)))
        return newest_of(items[order], types[order], ts[order], self._limit)

    def mark(self, row: int) -> int:
        """By which one sees later whether the same events were recalled; 0: none was. 64 bits."""
        mark = 0
        for hashed in self.rows.get(row, ()):
            mark ^= hashed
        return mark

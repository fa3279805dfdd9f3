"""The live state of one shop: a snapshot and everything the log brought since.

The state is a function of the log's records in order and of nothing else: not of clocks, of the
point at which a snapshot was taken, or of what was asked meanwhile. Where events are kept elsewhere
than in the log, histories also hold those that were recalled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from endcap.domain.arrays import Bools, Float32s, Int32s
from endcap.domain.hashing import stable_hash
from endcap.domain.records import (
    AnyRecord,
    EventsPosted,
    ItemsPut,
    Linked,
    UserErased,
    UsersPut,
    decode,
)
from endcap.domain.values import LEAST_TS, MOST_TS, Attributes, Event
from endcap.engine.attributes import AttributeTable
from endcap.engine.counts import Counts
from endcap.engine.histories import Histories, History
from endcap.engine.ids import Vocabulary
from endcap.engine.limits import MICROSECONDS_PER_HOUR, StateLimits
from endcap.engine.recalled import Entry
from endcap.engine.repeats import Remembered, RequestKeys
from endcap.engine.snapshot_folder import EMPTY_SNAPSHOT, Snapshot

__all__ = ["MOST_EVENT_TYPES", "History", "LiveState", "StateLimits"]

MOST_EVENT_TYPES = 255
LATE_US = (
    MICROSECONDS_PER_HOUR  # an event in the snapshot may be so much newer than one that is not
)


def event_hash(event_id: str) -> int:
    """What the state remembers of an event id."""
    return stable_hash(event_id.encode())


class LiveState:
    """See the module. ``apply`` from one thread; arrays that readers were given never change.

    ``offset``: how far into the log the state has come. ``events_ignored``: events whose type
    would have been the 256th, or whose time no date can say. ``records_skipped``:
    records that could not be understood or applied. ``erased_at``: arrival of the first erasure
    since the snapshot in µs, 0: there was none.
    """

    def __init__(self, snapshot: Snapshot | None, limits: StateLimits) -> None:
        base = EMPTY_SNAPSHOT if snapshot is None else snapshot
        horizon, newest = limits.repeat_horizon, base.meta.newest_arrival
        self.base = base
        self.limits = limits
        self.offset = base.log_offset
        self.items, self.users = Vocabulary(base.items), Vocabulary(base.users)
        self.event_types: list[str] = list(base.meta.event_types)
        self.histories = Histories(base.starts, base.history, limits.history_events)
        self.of_items, self.of_users = AttributeTable(base.of_items), AttributeTable(base.of_users)
        self.event_ids = Remembered(base.id_hashes, base.id_times, horizon, newest)
        keys = Remembered(base.key_hashes, base.key_times, horizon, newest)
        self.keys = RequestKeys(keys, base.key_bodies)
        self.counts = Counts(base, limits)
        self.events_ignored = self.records_skipped = self.erased_at = 0
        self._erasures: dict[int, int] = {}  # hash of the user id → arrival since the snapshot
        self.event_codes = {name: code for code, name in enumerate(self.event_types)}

    @property
    def newest_ts(self) -> int:
        """Time of the newest event in µs, at most its time of arrival; 0: none yet."""
        return self.counts.newest

    def apply(self, record: AnyRecord, end: int, new: Sequence[int] | None = None) -> None:
        """Fold one record of the log, which ends at offset ``end``.

        A record that the state holds already (by its end), whose request key is known, or an
        event whose id is known, changes nothing. ``new``: the ``event_hash`` of each event, from
        a caller who has just made sure that none is known.
        """
        if end <= self.offset:
            return
        self.offset = end
        self.event_ids.advance(record.at)
        self.keys.seen.advance(record.at)
        if record.key and not self.keys.add(record.key, record.body, record.at):
            return
        if isinstance(record, EventsPosted):
            self._count_events(record, new)
        elif isinstance(record, ItemsPut):
            for item in record.items:
                self.of_items.put(self.items.add(item.item_id), item.attributes)
        elif isinstance(record, UsersPut):
            for user in record.users:
                self.of_users.put(self.users.add(user.user_id), user.attributes)
        elif isinstance(record, UserErased) and record.user_id:  # "": purged from the log
            self.erased_at = self.erased_at or record.at
            self._erase(record.user_id, record.at)
        elif isinstance(record, Linked) and record.session and record.user_id:
            self._link(record.session, record.user_id)

    def fold(self, payload: bytes, end: int) -> AnyRecord | None:
        """``apply`` a record as the log has it. None: it cannot be understood (a later version
        wrote it) or applied, and the state goes on behind it."""
        try:
            record = decode(payload)
            self.apply(record, end)
        except Exception:  # one bad record must not keep all later ones from anybody
            self.offset = max(self.offset, end)
            self.records_skipped += 1
            return None
        return record

    def _count_events(self, record: EventsPosted, new: Sequence[int] | None) -> None:
        at, codes, ids = record.at, self.event_codes, self.event_ids
        users, items = self.users.add, self.items.add
        remember, count = self.histories.add, self.counts.add
        recalled = self.histories.recalled
        for place, event in enumerate(record.events):
            code = codes.get(event.event_type)
            if code is None:
                code = self._new_code(event.event_type)
            if code < 0:
                continue
            if not LEAST_TS <= event.ts <= MOST_TS:
                self.events_ignored += 1
                continue
            if new is not None:
                ids.remember(new[place], at)
            elif not ids.add(event_hash(event.event_id), at):
                continue
            item, user = items(event.item_id), users(event.user_id)
            remember(user, item, code, event.ts)
            count(item, code, event.ts, at)
            if recalled.rows:
                recalled.remove(user, event_hash(event.event_id))

    @property
    def recall_after(self) -> int | None:
        """Events up to this time (µs) are in the snapshot or in the log; None: nobody knows."""
        meta = self.base.meta
        newest = min(meta.newest_ts, meta.newest_arrival or meta.newest_ts)
        return newest - LATE_US if newest > 0 else None

    def recall(self, events: Iterable[Event], at: int = MOST_TS) -> None:
        """Let histories hold events that were looked up. Counts, and the offset, stay.

        Events that the snapshot or the log brought change nothing, nor do those dated after
        ``at``, or up to an erasure of their user.
        """
        for event in events:
            erased = self._erasures.get(event_hash(event.user_id), LEAST_TS - 1)
            hashed = event_hash(event.event_id)
            if not erased < event.ts <= at or self.event_ids.knows(hashed):
                continue
            code = self.event_codes.get(event.event_type)
            if code is None:
                code = self._new_code(event.event_type)
            if code < 0:
                continue
            item, user = self.items.add(event.item_id), self.users.add(event.user_id)
            # The id of an event that lies far back in the snapshot may be forgotten.
            if not self.histories.holds(user, item, code, event.ts):
                entry = Entry(event.ts, event.event_id, item, code)
                self.histories.recalled.add(user, hashed, entry)

    def drop_recalled(self, user_id: str) -> None:
        """What was recalled of a user is no longer kept."""
        self.histories.recalled.rows.pop(self.users.row(user_id), None)

    def recall_mark(self, user_id: str) -> int:
        """By which one sees whether the same events were recalled; 0: none was."""
        recalled = self.histories.recalled
        return recalled.mark(self.users.row(user_id)) if recalled.rows else 0

    def _new_code(self, name: str) -> int:
        if len(self.event_types) >= MOST_EVENT_TYPES:
            self.events_ignored += 1
            return -1
        code = self.event_codes[name] = len(self.event_types)
        self.event_types.append(name)
        self.counts.set_types(self.event_types)
        return code

    def _erase(self, user_id: str, at: int) -> None:
        """Ids of the erased events stay known as hashes: a late retry must not bring one back."""
        self._erasures[event_hash(user_id)] = at
        row = self.users.erase(user_id)
        if row >= 0:
            self.counts.take_back(self.histories.own(row), at)
            self.histories.drop(row)
            self.of_users.drop(row)

    def _link(self, session: str, user_id: str) -> None:
        """The counts stay: it is the same events. Of the session no name is left."""
        row = self.users.row(session)
        if session == user_id or not len(self.histories.own(row).ts):
            return
        self.histories.move(row, self.users.add(user_id))
        if not self.of_users.get(row):
            self.users.erase(session)

    def has_events(self, user_id: str) -> bool:
        """Whether the log or the snapshot brought any event of this user that is kept."""
        return len(self.histories.own(self.users.row(user_id)).ts) > 0

    def history(self, user_id: str) -> History:
        """The newest ``limits.history_events`` events, oldest first; none for an unknown user."""
        return self.histories.get(self.users.row(user_id))

    def item_attributes(self, row: int) -> Attributes:
        """Shared with the state: read it, do not write."""
        return self.of_items.get(row)

    @property
    def has_catalogue(self) -> bool:
        """Whether any item ever came with attributes; else events alone say what there is."""
        return self.of_items.some

    def user_attributes(self, user_id: str) -> Attributes:
        """Shared with the state: read it, do not write. Empty for an unknown user."""
        return self.of_users.get(self.users.row(user_id))

    def has_event(self, event_id: str) -> bool:
        """Whether an event with this id came within the repeat horizon."""
        return self.event_ids.knows(event_hash(event_id))

    def body_of(self, key: bytes) -> bytes | None:
        """The hash of the body that came with this request key; None: key unknown."""
        return self.keys.body_of(key)

    def event_type_code(self, name: str) -> int | None:
        """None for a type that no event had yet; a shop has at most MOST_EVENT_TYPES."""
        return self.event_codes.get(name)

    def new_items(self) -> list[int]:
        """Rows that came after the snapshot, ascending."""
        return list(range(len(self.base.items), len(self.items)))

    def popular(
        self, at: int, n: int, event_type: str | None = None, allowed: Bools | None = None
    ) -> tuple[Int32s, Float32s]:
        """(≤ n,) rows and decayed counts above 0, most first; see Counts.popular.

        ``allowed`` (≤ items,) by row. Nothing for a type that no event had.
        """
        code = self.event_codes.get(event_type) if event_type else None
        if event_type and code is None:
            return self.counts.nothing()
        return self.counts.popular(at, n, len(self.items), code, allowed)

    def popularity(self, at: int, rows: Int32s) -> Float32s:
        """(n,) decayed counts of n rows, valued as in ``popular``."""
        return self.counts.popularity(at, len(self.items), rows)

    def demand(self, at: int) -> float:
        """The decayed counts of all items together, valued as in ``popular``."""
        return self.counts.total(at)

    def trending(
        self, at: int, n: int, event_type: str | None = None, allowed: Bools | None = None
    ) -> tuple[Int32s, Float32s]:
        """(≤ n,) rows and scores above 0, most risen first; see Counts.trending."""
        code = self.event_codes.get(event_type) if event_type else None
        if event_type and code is None:
            return self.counts.nothing()
        return self.counts.trending(at, n, len(self.items), code, allowed)

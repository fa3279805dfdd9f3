"""Accepting changes: group commit of everything that arrives in one turn of the event loop.

The order is decision 1 of the design: under the log's lock catch up with other processes, drop
repeats, write, publish; outside the lock sync; then answer. A repeat waits for the sync as well,
since the first writing of it may not be on disk yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from endcap.app.shop import Shop
from endcap.app.syncing import SyncThread
from endcap.domain.errors import InvalidInput, Mismatch, Unavailable
from endcap.domain.records import AnyRecord, EventsPosted, ItemsPut, Linked, encode
from endcap.domain.sessions import is_session
from endcap.domain.values import Event, Item
from endcap.engine.state import MOST_EVENT_TYPES, LiveState, event_hash
from endcap.telemetry import SPANS, Histogram, Spans


class Outcome(NamedTuple):
    """``stored`` counts the events written; ``repeats`` those that were known already."""

    stored: int = 0
    repeats: int = 0


@dataclass
class Group:
    """The records of one commit: what is written, and what each asker will be told."""

    written: list[AnyRecord] = field(default_factory=list)
    new: list[Sequence[int] | None] = field(default_factory=list)  # see LiveState.apply
    payloads: list[bytes] = field(default_factory=list)
    outcomes: list[Outcome | Exception] = field(default_factory=list)
    keys: dict[bytes, bytes] = field(default_factory=dict)
    event_ids: set[int] = field(default_factory=set)  # hashes
    event_types: set[str] = field(default_factory=set)  # those that the shop did not have
    sessions: set[str] = field(default_factory=set)  # users of anonymous sessions with new events

    def add(self, record: AnyRecord, new: Sequence[int] | None = None) -> None:
        """To be written. Raises, before anything is noted, if it cannot be encoded."""
        self.payloads.append(encode(record))
        self.written.append(record)
        self.new.append(new)
        if record.key:
            self.keys[record.key] = record.body


def admit(shop: Shop, group: Group, record: AnyRecord) -> None:
    """Decide what of a record is new. A record that is refused leaves the others alone."""
    try:
        group.outcomes.append(decide(shop, group, record))
    except Exception as error:  # its asker is told
        group.outcomes.append(error)


def decide(shop: Shop, group: Group, record: AnyRecord) -> Outcome:
    """What is new against the state and the records before it. Raises Mismatch (key_reused),
    InvalidInput (too_many_event_types)."""
    if record.key:
        body = group.keys.get(record.key)
        if body is None:
            body = shop.now.state.body_of(record.key)
        if body is not None:
            if body != record.body:
                raise Mismatch("key_reused")
            return repeat_of(record)
    if isinstance(record, EventsPosted):
        return decide_events(shop, group, record)
    if isinstance(record, Linked):
        return decide_link(shop, group, record)
    if isinstance(record, ItemsPut):
        record = replace(record, items=tuple(dated(shop, i, record.at) for i in record.items))
    group.add(record)
    return Outcome(stored=1)


def decide_events(shop: Shop, group: Group, record: EventsPosted) -> Outcome:
    state, at = shop.now.state, record.at
    known, taken = state.event_ids.knows, group.event_ids
    fresh: dict[int, Event] = {}  # by the hash of the event id
    late = 0
    for event in record.events:
        hashed = event_hash(event.event_id)
        if hashed not in fresh and hashed not in taken and not known(hashed):
            if event.ts > at:  # a clock that runs ahead must not put it into everybody's future
                event, late = replace(event, ts=at), late + 1  # noqa: PLW2901
            fresh[hashed] = event
    repeats = len(record.events) - len(fresh)
    types = new_types(state, group, fresh.values())
    if repeats or late:
        record = replace(record, events=tuple(fresh.values()))
    if fresh or record.key:  # a key is remembered even when its events were known
        group.add(record, tuple(fresh))
    taken.update(fresh)
    if fresh and is_session(record.events[0].user_id):
        group.sessions.add(record.events[0].user_id)
    group.event_types |= types
    return Outcome(len(fresh), repeats)


def decide_link(shop: Shop, group: Group, record: Linked) -> Outcome:
    """Written only where the session has events that nobody has a name for yet."""
    session, state = record.session, shop.now.state
    known = session in group.sessions or state.has_events(session)
    if not known or session == record.user_id:
        return Outcome()
    group.sessions.discard(session)
    group.add(record)
    return Outcome(stored=1)


def new_types(state: LiveState, group: Group, events: Iterable[Event]) -> set[str]:
    """Event types that neither the shop nor the group had. Raises InvalidInput
    (too_many_event_types): the state could not count them."""
    new = {e.event_type for e in events if e.event_type not in state.event_codes}
    count = len(state.event_types) + len(group.event_types | new)
    if new and count > MOST_EVENT_TYPES:
        raise InvalidInput(
            "too_many_event_types", field="event_type", count=count, most=MOST_EVENT_TYPES
        )
    return new


def dated(shop: Shop, item: Item, at: int) -> Item:
    """A product that is new to the catalogue gets the time of its creation."""
    if shop.now.state.item_attributes(shop.now.state.items.row(item.item_id)):
        return item
    return replace(item, attributes={"created": at, **item.attributes})


def repeat_of(record: AnyRecord) -> Outcome:
    return Outcome(0, len(record.events) if isinstance(record, EventsPosted) else 1)


def commit(shop: Shop, records: list[AnyRecord]) -> tuple[list[Outcome | Exception], int]:
    """Write the records that are new; returns an outcome for each, and the offset to sync to.

    Nothing is applied to the state unless the log took it. Raises what the log raises.
    """
    group = Group()
    shop.refresh()  # outside the lock, and over a gap if the log was trimmed meanwhile

    def choose(tail: Iterator[tuple[int, bytes]]) -> list[bytes]:
        nonlocal group
        group = Group()  # anew, where another wrote meanwhile
        shop.fold(tail)
        for record in records:
            admit(shop, group, record)
        return group.payloads

    end = shop.log.append(choose, shop.now.state.offset)
    # Offsets rise by record; only the last one is ever compared.
    for record, new, at in zip(
        group.written, group.new, range(end + 1 - len(group.written), end + 1), strict=True
    ):
        shop.apply(record, at, new)
    return group.outcomes, end


def write(shop: Shop, record: AnyRecord) -> Outcome:
    """One record, durable on return: for commands, which have no event loop."""
    outcomes, end = commit(shop, [record])
    shop.log.sync(end)
    outcome = outcomes[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class Asker(NamedTuple):
    """Who waits for a record, and how large the body was that it came in."""

    record: AnyRecord
    future: asyncio.Future[Outcome]
    size: int
    spans: Spans | None  # of a request that is traced


Told = list[tuple[Asker, Outcome | Exception]]


class Intake:
    """One for each worker and shop; used from the event loop only."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._waiting: list[Asker] = []
        self._unsynced: list[tuple[int, Told]] = []
        self._syncing: list[tuple[int, Told]] = []
        self._began = 0.0  # when the sync that runs began
        self._thread = SyncThread(shop.log.sync)
        self._askers = self._bytes = 0  # of those that were not answered yet
        self._most = shop.settings.max_waiting
        self._commit_seconds = shop.telemetry.histogram("intake_commit_seconds")
        self._sync_seconds = shop.telemetry.histogram("intake_sync_seconds")
        self._most_bytes = int(shop.settings.max_waiting_mb * 2**20)

    def submit(self, record: AnyRecord, size: int = 0) -> asyncio.Future[Outcome]:
        """Done when the record, or the first writing of it, is on disk. ``size``: bytes of the
        body that it came in.

        Raises Unavailable (too_busy): too many wait already, nothing is kept. The future raises
        Mismatch (key_reused), InvalidInput (too_many_event_types) and Unavailable: the log
        cannot write.
        """
        self._check_room(size)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        spans, began = SPANS.get(), time.monotonic()
        if spans is not None:
            future.add_done_callback(lambda _: spans.append(("intake", began, time.monotonic())))
        self._waiting.append(Asker(record, future, size, spans))
        if len(self._waiting) == 1:
            loop.call_soon(self._flush, loop)
        self._askers += 1
        self._bytes += size
        return future

    @property
    def waiting(self) -> tuple[int, int]:
        """Requests that were not answered yet, and the bytes of their bodies."""
        return self._askers, self._bytes

    def _check_room(self, size: int) -> None:
        """A disk that cannot follow must cost the callers time, not this process its memory."""
        if self._askers >= self._most:
            unit, most = "requests", str(self._most)
        elif self._askers and self._bytes + size > self._most_bytes:
            unit, most = "MB", f"{self._most_bytes / 2**20:g}"
        else:
            return
        self._shop.telemetry.count("intake_refused_total")
        raise Unavailable("too_busy", field="log", unit=unit, most=most)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        began = time.monotonic()
        try:
            outcomes, end = commit(self._shop, [asker.record for asker in waiting])
        except Exception as error:  # each asker is told; the worker lives on
            for asker in waiting:
                self._settle(asker, error)
            return
        note(self._commit_seconds, waiting, "commit", began)
        self._unsynced.append((end, list(zip(waiting, outcomes, strict=True))))
        if not self._syncing:
            self._sync(loop)

    def _sync(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have all commits synced that wait; those that come meanwhile share the next sync."""
        self._syncing, self._unsynced = self._unsynced, []
        self._began = time.monotonic()
        self._thread.ask(self._syncing[-1][0], loop, partial(self._synced, loop))

    def _synced(self, loop: asyncio.AbstractEventLoop, failure: Exception | None) -> None:
        done, began, self._syncing = self._syncing, self._began, []
        if self._unsynced:  # first, so that the disk works while we answer
            self._sync(loop)
        if failure is not None:
            self._shop.telemetry.count("log_sync_failures_total")
        together = [asker for _, told in done for asker, _ in told]
        note(self._sync_seconds, together, "sync", began)
        for _, told in done:
            for asker, outcome in told:
                self._settle(asker, failure or outcome)

    def _settle(self, asker: Asker, result: Outcome | Exception) -> None:
        """Tell the asker, unless it has gone."""
        self._askers -= 1
        self._bytes -= asker.size
        if asker.future.done():
            return
        if isinstance(result, Exception):
            asker.future.set_exception(result)
        else:
            asker.future.set_result(result)


def note(times: Histogram, askers: Iterable[Asker], stage: str, began: float) -> None:
    """How long a stage took that requests went through together."""
    ended = time.monotonic()
    times.observe(ended - began)
    for asker in askers:
        if asker.spans is not None:
            asker.spans.append((stage, began, ended))

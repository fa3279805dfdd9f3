"""Accepting changes in a function, which has no disk and shares no memory with others.

Events go as rows into the table of events, from which the next answer is made, then into the
stream, which brings them into the lake: both before the answer, and a retry repeats both
harmlessly. What is rare (items, users, erasures) goes into the log, and so do events that are too
old for anybody to look them up.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from endcap.app.first_requests import arrivals_of, as_at_first
from endcap.app.intake import Outcome, write
from endcap.app.outgoing import event_record, submission_record
from endcap.app.shop import Shop
from endcap.domain.records import AnyRecord, EventsPosted, Linked, Submitted, content_id, digest
from endcap.domain.values import Event
from endcap.ports import EventHistory, Stream

WRITES_AT_ONCE = 8


class FunctionIntake:
    """In place of ``intake.Intake``; one call at a time."""

    def __init__(self, shop: Shop, history: EventHistory, stream: Stream) -> None:
        self._shop, self._history, self._stream = shop, history, stream

    @property
    def waiting(self) -> tuple[int, int]:
        """As ``Intake.waiting``: nobody, since a call ends before the next begins."""
        return 0, 0

    async def submit(self, record: AnyRecord, size: int = 0) -> Outcome:  # noqa: ARG002
        """Durable when it is done. Waits for the network: nothing else runs in a function.

        Raises Mismatch (key_reused) and what the stores raise; then part of it may be stored, and
        the same request again completes it.
        """
        shop = self._shop
        if isinstance(record, Linked) and not shop.now.state.has_events(record.session):
            return Outcome()  # what does not come by the log is not linked
        if not isinstance(record, EventsPosted | Submitted):
            return write(shop, record)
        record = as_at_first(shop.documents, record, shop.limits.repeat_horizon)
        if isinstance(record, EventsPosted):
            return self._take_events(record)
        self._stream.put([submission_record(record.user_id, record.at)])
        return Outcome(stored=1)

    def _take_events(self, record: EventsPosted) -> Outcome:
        events = self._unknown(record)
        after = self._shop.now.state.recall_after
        new = self._put(events)
        old = tuple(event for event in events if after is not None and event.ts <= after)
        if old:
            write(self._shop, replace(record, key=b"", body=b"", events=old))
        self._stream.put([event_record(event) for event in events])
        return Outcome(new, len(record.events) - new)

    def _unknown(self, record: EventsPosted) -> list[Event]:
        """Each id once, without those that snapshot and log brought, in order."""
        self._shop.refresh()
        found: dict[str, Event] = {}
        for position, (event, arrival) in enumerate(
            zip(record.events, arrivals_of(record), strict=True)
        ):
            made = (
                content_id(event.user_id, event.item_id, event.event_type, event.ts, event.value),
                digest(record.key, str(position)).hex(),
            )
            if event.event_id in found or self._shop.now.state.has_event(event.event_id):
                continue
            if event.ts == arrival and event.event_id not in made:
                event = self._as_stored(event)  # noqa: PLW2901
            # A clock that runs ahead must not put it into everybody's future.
            found[event.event_id] = replace(event, ts=min(event.ts, record.at))
        return list(found.values())

    def _as_stored(self, event: Event) -> Event:
        """An event with an id but no time of its own, which came before, has its time of then."""
        most, after = self._shop.limits.history_events, self._shop.now.state.recall_after
        stored = self._history.newest(event.user_id, most, after)
        return next((known for known in stored if known.event_id == event.event_id), event)

    def _put(self, events: Sequence[Event]) -> int:
        """How many were new."""
        if len(events) < 2:
            return sum(map(self._history.put, events))
        with ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
            return sum(pool.map(self._history.put, events))

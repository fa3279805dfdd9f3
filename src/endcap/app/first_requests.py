"""Idempotency keys where no log is shared that remembers them: a document for each key.

It says when the request came first and what it held. A retry is taken as of that time, so that it
writes the same once more; another body is refused.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from endcap.domain.errors import Conflict, Mismatch
from endcap.domain.records import EventsPosted, Submitted
from endcap.ports import Documents

KIND = "request"
SECOND_US = 1_000_000


def as_at_first(
    documents: Documents, record: EventsPosted | Submitted, horizon_us: int
) -> EventsPosted | Submitted:
    """The record as it came first, where its key is known. ``horizon_us``: for how long a key is.

    Raises Mismatch (key_reused) and what the documents raise.
    """
    if not record.key:
        return record
    key, expected = record.key.hex(), 0
    while True:
        try:
            documents.put(KIND, key, body_of(record, horizon_us), expected)
            return record
        except Conflict:
            found = documents.get(KIND, key)
        if found is not None and found.body["expires"] * SECOND_US > record.at:
            if found.body["body"] != record.body.hex():
                raise Mismatch("key_reused")
            return moved(record, int(found.body["at"]))
        expected = 0 if found is None else found.version


def body_of(record: EventsPosted | Submitted, horizon_us: int) -> dict[str, Any]:
    """``expires`` (s since 1970): when the store may drop it."""
    expires = (record.at + horizon_us) // SECOND_US + 1
    return {"body": record.body.hex(), "at": record.at, "expires": expires}


def moved(record: EventsPosted | Submitted, at: int) -> EventsPosted | Submitted:
    """As if it had come at ``at``: events that brought no time of their own move with it."""
    if not isinstance(record, EventsPosted):
        return replace(record, at=at)
    arrivals = arrivals_of(record)
    events = tuple(
        replace(event, ts=event.ts + at - record.at) if event.ts == arrival else event
        for event, arrival in zip(record.events, arrivals, strict=True)
    )
    return replace(record, at=at, events=events)


def arrivals_of(record: EventsPosted) -> range:
    """By event, the time that it gets where it brings none: a microsecond apart, the last at the
    time of arrival (``serving.events``)."""
    return range(record.at + 1 - len(record.events), record.at + 1)

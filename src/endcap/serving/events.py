"""Events of a request's body to the events of a record, in one pass.

Nearly every body is plain ASCII without escapes: no text in it can hold a control character, so
one look at the raw bytes takes the place of one at each id. The decoder has checked the lengths.
"""

from __future__ import annotations

from collections.abc import Sequence

from endcap.domain.records import content_id, digest
from endcap.domain.values import Event
from endcap.serving.attributes import check_attributes
from endcap.serving.parameters import check_id
from endcap.serving.shapes import EventBody
from endcap.serving.times import read_time


def read_events(
    raw: bytes, given: Sequence[EventBody], at: int, key: bytes, place: str
) -> tuple[Event, ...]:
    """``place`` names event {} of the body in errors. ``key``: the hash of the request's key.

    Events of one request that carry no time keep their order: a microsecond apart, the last at
    ``at``. Raises InvalidInput as the checks of ids, times and attributes do.
    """
    plain = is_plain(raw)
    first = at + 1 - len(given)
    return tuple(
        Event(event.userId, event.itemId, event.event_type, first + position, event.event_id,
              event.value, event.session_id)
        if plain and event.event_id is not None and event.ts is None and event.attributes is None
        else checked(event, place.format(position), first + position, at,
                     digest(key, str(position)).hex() if key else "")
        for position, event in enumerate(given)
    )  # fmt: skip


def is_plain(raw: bytes) -> bool:
    """Whether no string of this JSON text can hold a control character."""
    return raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def checked(given: EventBody, prefix: str, ts: int, at: int, own_id: str) -> Event:
    """One event with every member looked at. ``ts`` and ``own_id``: where it has none itself;
    without either id it is that of its content."""
    user_id = check_id(given.userId, f"{prefix}userId")
    item_id = check_id(given.itemId, f"{prefix}itemId")
    if given.ts is not None:
        ts = read_time(given.ts, f"{prefix}ts", at)
    if given.event_id is not None:
        event_id = check_id(given.event_id, f"{prefix}event_id")
    else:
        event_id = own_id or content_id(user_id, item_id, given.event_type, ts, given.value)
    if given.session_id is not None:
        check_id(given.session_id, f"{prefix}session_id")
    attributes = given.attributes
    if attributes is not None:
        attributes = check_attributes(attributes, f"{prefix}attributes")
    return Event(
        user_id, item_id, given.event_type, ts, event_id, given.value, given.session_id, attributes
    )

"""What goes to the shop's stream: events and submissions, as JSON that ``signals`` reads."""

from __future__ import annotations

from typing import Any

import msgspec

from endcap.domain.times import iso
from endcap.domain.values import Event

_encode = msgspec.json.Encoder().encode
Record = tuple[str, bytes]  # (partition key, data)


def event_record(event: Event) -> Record:
    """As ``POST /v1/events`` takes it. Records of one shopper keep their order."""
    body: dict[str, Any] = {
        "userId": event.user_id,
        "itemId": event.item_id,
        "event_type": event.event_type,
        "ts": iso(event.ts),
        "event_id": event.event_id,
    }
    more = {"value": event.value, "session_id": event.session_id, "attributes": event.attributes}
    return event.user_id, _encode(body | {n: v for n, v in more.items() if v is not None})


def submission_record(user_id: str, at: int) -> Record:
    """Says who asked, and when; the member that events have, so that a file of both has one column
    for it."""
    return user_id, _encode({"userId": user_id, "event": "get_recommendations", "ts": iso(at)})

"""What a record of a stream says: a shopper, and what the shopper just did.

A record is a JSON object as ``POST /v1/events`` takes it (``userId``, ``itemId``, ``event_type``,
``ts`` …), or one that only names the shopper (``POST /submit``'s ``user_id``). ``history`` may list
what the shopper looked at before, oldest first, for whoever has no state of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from endcap.domain.errors import InvalidInput
from endcap.domain.records import content_id
from endcap.domain.times import DAY_US, parse_iso
from endcap.domain.values import Attributes, Event

MOST_K = 100
MOST_PAST = 500

Id = Annotated[str, Meta(min_length=1, max_length=256, pattern="^[^\\x00-\\x1f\\x7f-\\x9f]*$")]
Text = Annotated[str, Meta(max_length=8192)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Texts = Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=100)]
Named = Annotated[str, Meta(min_length=1, max_length=128)]
Free = Annotated[dict[Named, Text | Whole | float | bool | Texts | None], Meta(max_length=100)]


class Signal(NamedTuple):
    """One record, understood. ``past``: item ids, oldest first."""

    user_id: str
    event: Event | None = None
    past: tuple[str, ...] = ()
    k: int | None = None


class _Body(Struct, gc=False):
    userId: Id | None = None  # noqa: N815 - as on the wire
    user_id: Id | None = None
    itemId: Id | None = None  # noqa: N815
    item_id: Id | None = None
    event_type: Literal["view", "add_to_cart", "purchase"] | None = None
    ts: Annotated[str, Meta(max_length=40)] | None = None
    event_id: Id | None = None
    value: float | None = None
    session_id: Id | None = None
    attributes: Free | None = None
    history: Annotated[list[Id], Meta(max_length=MOST_PAST)] = []
    k: Annotated[int, Meta(ge=1, le=MOST_K)] | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read_signal(data: bytes, arrived_at: int) -> Signal:
    """``arrived_at`` (µs) is the event's time where the record has none.

    Raises InvalidInput: bad_record, missing_member, bad_time, time_out_of_range. No message holds
    a value of the record.
    """
    try:
        body = _decode(data)
    except RecursionError:
        raise InvalidInput("bad_record", reason="nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, msgspec.DecodeError) else "not UTF-8"
        raise InvalidInput("bad_record", reason=reason) from None
    user_id = body.userId or body.user_id
    if user_id is None:
        raise InvalidInput("missing_member", field="userId")
    return Signal(user_id, _event(user_id, body, arrived_at), tuple(body.history), body.k)


def _event(user_id: str, body: _Body, arrived_at: int) -> Event | None:
    item_id = body.itemId or body.item_id
    if item_id is None:
        if body.event_type is not None:
            raise InvalidInput("missing_member", field="itemId")
        return None
    if body.event_type is None:
        raise InvalidInput("missing_member", field="event_type")
    ts = arrived_at if body.ts is None else _time(body.ts, arrived_at)
    event_id = body.event_id or content_id(user_id, item_id, body.event_type, ts, body.value)
    attributes: Attributes | None = body.attributes
    return Event(
        user_id, item_id, body.event_type, ts, event_id, body.value, body.session_id, attributes
    )


def _time(text: str, arrived_at: int) -> int:
    try:
        ts = parse_iso(text)
    except (InvalidInput, OverflowError):
        raise InvalidInput("bad_time", field="ts", value="…") from None
    if not 0 <= ts <= arrived_at + DAY_US:
        raise InvalidInput("time_out_of_range", field="ts", value="…")
    return ts

"""What clients of the Personalize API put: events through a tracker, items and users one by one.

All of it goes the way of every other change, through the log of the group's shop, and counts from
the next answer on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from endcap.app.intake import Outcome
from endcap.app.properties import (
    Values,
    attributes,
    by_column,
    check_text,
    read_object,
    real,
)
from endcap.app.tracking import Target, dataset_of, tracked
from endcap.control.registry.datasets import ITEMS, USERS
from endcap.control.registry.store import Registry
from endcap.domain.avro import OF_EVENTS, Column
from endcap.domain.columns import EVENT_TYPE, ITEM_ID, SESSION_ID, TS, USER_ID, VALUE
from endcap.domain.errors import InvalidInput
from endcap.domain.event_types import event_type_of
from endcap.domain.records import (
    AnyRecord,
    EventsPosted,
    ItemsPut,
    Linked,
    UsersPut,
    content_id,
)
from endcap.domain.sessions import session_user
from endcap.domain.times import iso
from endcap.domain.values import Attributes, Event, Item, User

MOST_PUT = 10  # events, items or users of one call
DAY_US, SECOND_US = 86_400_000_000, 1_000_000
IMPRESSION, RECOMMENDATION_ID = "impression", "recommendation_id"
ATTRIBUTION = "event_attribution_source"
# What every schema of interactions may hold beside its own columns.
_RESERVED = (
    *(Column(name.upper(), "string", nullable=True) for name in (USER_ID, ITEM_ID, EVENT_TYPE)),
    *(Column(name.upper(), "string", nullable=True) for name in (SESSION_ID, RECOMMENDATION_ID)),
    *(Column(name.upper(), "string", nullable=True) for name in (IMPRESSION, ATTRIBUTION)),
    Column("TIMESTAMP", "long", nullable=True),
    Column("EVENT_VALUE", "double", nullable=True),
)
_CANONICAL = {name.lower() for name in OF_EVENTS} | {SESSION_ID, TS, VALUE}


class Taking(Protocol):
    """``Intake`` or ``FunctionIntake``."""

    def submit(self, record: AnyRecord, size: int = 0) -> Awaitable[Outcome]: ...


class Open(Protocol):
    """``shops.Opened``."""

    @property
    def intake(self) -> Taking: ...


class Groups(Protocol):
    """``shops.Shops``, or whoever else opens a group by the ARN of its dataset group."""

    async def get(self, group: str) -> Open: ...


async def put_events(
    shops: Groups, registry: Registry, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    """PutEvents. Durable when it returns; an event whose id came before changes nothing. With a
    user, what the session did anonymously becomes that user's.

    Raises InvalidInput, and what the intake raises.
    """
    target = tracked(registry, given["trackingId"])
    events = tuple(
        _event(each, given, target.columns, f"eventList[{place}]", at)
        for place, each in enumerate(counted(given["eventList"], "eventList"))
    )
    take = (await shops.get(target.group)).intake.submit
    told = [take(EventsPosted(at=at, events=events), _size(given["eventList"]))]
    if given.get("userId"):  # what the session did until now was this user
        told.append(
            take(Linked(at, session=session_user(given["sessionId"]), user_id=given["userId"]))
        )
    await asyncio.gather(*told)
    return {}


async def put_items(
    shops: Groups, registry: Registry, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    """PutItems: an item keeps what the properties do not name. Durable when it returns.

    Raises InvalidInput, NotFound (no_resource), InUse (not_ready), and as the intake.
    """
    target = dataset_of(registry, given["datasetArn"], ITEMS)
    items = tuple(
        Item(*_entity(each, "itemId", target, f"items[{place}]"))
        for place, each in enumerate(counted(given["items"], "items"))
    )
    opened = await shops.get(target.group)
    await opened.intake.submit(ItemsPut(at=at, items=items), _size(given["items"]))
    return {}


async def put_users(
    shops: Groups, registry: Registry, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    """PutUsers: as ``put_items``."""
    target = dataset_of(registry, given["datasetArn"], USERS)
    users = tuple(
        User(*_entity(each, "userId", target, f"users[{place}]"))
        for place, each in enumerate(counted(given["users"], "users"))
    )
    opened = await shops.get(target.group)
    await opened.intake.submit(UsersPut(at=at, users=users), _size(given["users"]))
    return {}


def counted(given: Sequence[Mapping[str, Any]], field: str) -> Sequence[Mapping[str, Any]]:
    """Raises InvalidInput: nothing_put, too_many_put."""
    if not given:
        raise InvalidInput("nothing_put", field=field)
    if len(given) > MOST_PUT:
        raise InvalidInput("too_many_put", field=field, count=len(given), most=MOST_PUT)
    return given


def _size(given: Sequence[Mapping[str, Any]]) -> int:
    """About how many bytes the call had."""
    return sum(200 + len(each.get("properties") or "") for each in given)


def _entity(
    given: Mapping[str, Any], member: str, target: Target, field: str
) -> tuple[str, Attributes]:
    """(id, attributes) of an item or user."""
    row_id, place = check_text(given[member], f"{field}.{member}"), f"{field}.properties"
    values = by_column(read_object(given.get("properties"), place), target.columns, place)
    key = ITEM_ID if member == "itemId" else USER_ID
    values.pop(key, None)
    return row_id, attributes(values, target.columns, place, item=key == ITEM_ID)


def _event(
    given: Mapping[str, Any],
    call: Mapping[str, Any],
    columns: tuple[Column, ...] | None,
    field: str,
    at: int,
) -> Event:
    """One event of a call. ``itemId`` and ``eventValue`` may stand in the properties."""
    place = f"{field}.properties"
    known = None if columns is None else (*_RESERVED, *columns)
    values = by_column(read_object(given.get("properties"), place), known, place)
    session_id = check_text(call["sessionId"], "sessionId")
    user_id = check_text(call["userId"], "userId") if call.get("userId") else None
    owner = session_user(session_id) if user_id is None else user_id
    item_id = _item(given, values, field)
    kind = check_text(event_type_of(given["eventType"]), f"{field}.eventType")
    ts, value = moment(given["sentAt"], f"{field}.sentAt", at), _value(given, values, field)
    if given.get("eventId"):
        event_id = check_text(given["eventId"], f"{field}.eventId")
    else:
        # The same whether the session has a user by then or not.
        event_id = content_id(user_id or session_id, item_id, kind, ts, value)
    said = _attributes(given, values, known, place)
    return Event(owner, item_id, kind, ts, event_id, value, session_id, said or None)


def _item(given: Mapping[str, Any], values: Values, field: str) -> str:
    """Raises InvalidInput: event_without_item, bad_id."""
    found = given.get("itemId")
    if not found:
        found, field = values.get(ITEM_ID), f"{field}.properties"
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if found in (None, ""):
        raise InvalidInput("event_without_item", field=f"{field}.itemId")
    return check_text(found, f"{field}.itemId")


def _value(given: Mapping[str, Any], values: Values, field: str) -> float | None:
    """Raises InvalidInput (property_type)."""
    found, place = given.get("eventValue"), f"{field}.eventValue"
    if found is None:
        found, place = values.get("event_value"), f"{field}.properties.eventValue"
    if isinstance(found, str) and found.lower() in ("true", "false"):
        found = found.lower() == "true"  # as older clients say that something holds
    if isinstance(found, bool):
        return float(found)
    return None if found is None or found == "" else real(found, place)


def moment(given: Any, field: str, at: int) -> int:
    """Seconds since 1970 → µs. Raises InvalidInput (bad_sent_at): more than a day after ``at``."""
    try:
        ts = round(real(given, field) * SECOND_US)
    except (InvalidInput, OverflowError):
        ts = -1
    if not 0 <= ts <= at + DAY_US:
        now = iso(at - at % SECOND_US)
        raise InvalidInput("bad_sent_at", field=field, value=given, now=now)
    return ts


def _attributes(
    given: Mapping[str, Any], values: Values, columns: Sequence[Column] | None, place: str
) -> Attributes:
    """What an event tells beside the members that all events have."""
    own = {name: value for name, value in values.items() if name not in _CANONICAL}
    found = attributes(own, columns, place)
    shown = [
        check_text(each, f"{place[:-11]}.impression") for each in given.get("impression") or ()
    ]
    source = (given.get("metricAttribution") or {}).get("eventAttributionSource")
    said: Attributes = {
        IMPRESSION: shown or None,
        RECOMMENDATION_ID: given.get("recommendationId"),
        ATTRIBUTION: source,
    }
    found.update({name: value for name, value in said.items() if value})
    return {name: value for name, value in found.items() if value is not None}

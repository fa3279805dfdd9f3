"""Routes that tell: each makes one record of its body and answers when that record is durable."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from endcap.app.answers import answer, catch_up
from endcap.app.erasure import erasure, events_known, forget_stored
from endcap.app.explanations import explained
from endcap.domain.errors import InvalidInput
from endcap.domain.records import (
    AnyRecord,
    EventsPosted,
    ItemsPut,
    UsersPut,
)
from endcap.domain.times import iso
from endcap.domain.values import RERANK, Attributes, Item, Query, User
from endcap.serving.attributes import check_attributes
from endcap.serving.bodies import decode_body
from endcap.serving.events import read_events
from endcap.serving.parameters import about_no_item, check_id, filter_of, read_flag
from endcap.serving.requests import Desk, Reply, Request, answer_reply, json_reply
from endcap.serving.shapes import (
    AttributesBody,
    ErasedAnswer,
    EventAnswer,
    EventBody,
    EventsAnswer,
    EventsBody,
    ItemsBody,
    PersonalizedAnswer,
    RerankBody,
    UpsertAnswer,
    UsersBody,
)

SECOND_US = 1_000_000
_STORED = json_reply(EventAnswer(ok=True), 202)


async def post_event(desk: Desk, request: Request) -> Reply:
    raw = await request.body(desk.most_body)
    record = _events_record(desk, request, raw, [decode_body(raw, EventBody)], "")
    await desk.intake.submit(record, len(raw))
    return _STORED


async def post_events(desk: Desk, request: Request) -> Reply:
    raw = await request.body(desk.most_body)
    given = decode_body(raw, EventsBody).events
    check_count(desk, given, "events")
    record = _events_record(desk, request, raw, given, "events[{}].")
    outcome = await desk.intake.submit(record, len(raw))
    told = EventsAnswer(ok=True, accepted=len(given), repeats=outcome.repeats)
    return json_reply(told, 202)


def _events_record(
    desk: Desk, request: Request, raw: bytes, given: Sequence[EventBody], place: str
) -> EventsPosted:
    at = desk.now()
    key, body = request.idempotency(raw)
    return EventsPosted(at=at, key=key, body=body, events=read_events(raw, given, at, key, place))


def check_count(desk: Desk, given: Sequence[Any], field: str) -> None:
    """Raises InvalidInput: empty_list, too_many_entries."""
    most = desk.shop.settings.max_batch
    if not given:
        raise InvalidInput("empty_list", field=field)
    if len(given) > most:
        raise InvalidInput("too_many_entries", field=field, count=len(given), most=most)


async def rerank(desk: Desk, request: Request) -> Reply:
    raw = await request.body(desk.most_body)
    body = decode_body(raw, RerankBody)
    user_id = check_id(body.userId, "userId")
    check_count(desk, body.items, "items")
    ids = tuple(dict.fromkeys(body.items))
    for position, item_id in enumerate(ids):
        check_id(item_id, f"items[{position}]")
    query = Query(
        RERANK,
        at=desk.now(),
        user_id=user_id,
        item_ids=ids,
        k=len(ids) if body.k is None else int(body.k),
        seen=body.seen,
        filter=about_no_item(filter_of(body.filter, body.filterValues)),
    )
    ask = explained if read_flag(request.query, "explain") else answer
    found = ask(desk.shop, query, desk.deadline())
    return answer_reply(PersonalizedAnswer(user_id, found.items), found)


async def put_items(desk: Desk, request: Request) -> Reply:
    raw = await request.body(desk.most_body)
    given = decode_body(raw, ItemsBody).items
    check_count(desk, given, "items")
    items = tuple(
        Item(*_split(entry, "itemId", f"items[{position}]")) for position, entry in enumerate(given)
    )
    key, body = request.idempotency(raw)
    record = ItemsPut(at=desk.now(), key=key, body=body, items=items)
    return await _upsert(desk, record, len(items), len(raw))


async def put_users(desk: Desk, request: Request) -> Reply:
    raw = await request.body(desk.most_body)
    given = decode_body(raw, UsersBody).users
    check_count(desk, given, "users")
    users = tuple(
        User(*_split(entry, "userId", f"users[{position}]")) for position, entry in enumerate(given)
    )
    key, body = request.idempotency(raw)
    record = UsersPut(at=desk.now(), key=key, body=body, users=users)
    return await _upsert(desk, record, len(users), len(raw))


async def put_item(desk: Desk, request: Request) -> Reply:
    raw = await request.body(desk.most_body)
    item = Item(*_of_path(request, "itemId", decode_body(raw, AttributesBody)))
    key, body = request.idempotency(raw)
    record = ItemsPut(at=desk.now(), key=key, body=body, items=(item,))
    return await _upsert(desk, record, 1, len(raw))


async def put_user(desk: Desk, request: Request) -> Reply:
    raw = await request.body(desk.most_body)
    user = User(*_of_path(request, "userId", decode_body(raw, AttributesBody)))
    key, body = request.idempotency(raw)
    record = UsersPut(at=desk.now(), key=key, body=body, users=(user,))
    return await _upsert(desk, record, 1, len(raw))


async def _upsert(desk: Desk, record: AnyRecord, count: int, size: int) -> Reply:
    await desk.intake.submit(record, size)
    return json_reply(UpsertAnswer(ok=True, accepted=count))


def _split(entry: Attributes, member: str, place: str) -> tuple[str, Attributes]:
    """(id, the other members) of one entry of a list."""
    return _member_id(entry, member, f"{place}.{member}"), check_attributes(
        {name: value for name, value in entry.items() if name != member}, place
    )


def _of_path(request: Request, member: str, attributes: Attributes) -> tuple[str, Attributes]:
    """(id in the path, attributes of the body). The body may repeat the id, but not differ."""
    expected = check_id(request.ids[member], member)
    if member in attributes:
        given = _member_id(attributes, member, member)
        if given != expected:
            raise InvalidInput("id_differs", field=member, value=given, expected=expected)
        attributes = {name: value for name, value in attributes.items() if name != member}
    return expected, check_attributes(attributes, "")


def _member_id(entry: Attributes, member: str, field: str) -> str:
    value = entry.get(member)
    if value is None:
        raise InvalidInput("missing_member", field=field)
    if not isinstance(value, str):
        raise InvalidInput("not_a_string", field=field, value=value)
    return check_id(value, field)


async def delete_user(desk: Desk, request: Request) -> Reply:
    user_id = check_id(request.ids["userId"], "userId")
    key, body = request.idempotency(b"")
    catch_up(desk.shop, user_id)
    at, events = desk.now(), events_known(desk.shop, user_id)
    await desk.intake.submit(erasure(user_id, at, key, body))
    receipt = await asyncio.to_thread(forget_stored, desk.shop, user_id, at, events)
    told = ErasedAnswer(
        ok=True,
        userId=user_id,
        erased=True,
        purgeAt=iso(receipt.purge_at - receipt.purge_at % SECOND_US),
        receipt=receipt.receipt,
        forgotten=receipt.forgotten,
        untilPurge=receipt.until_purge,
        pending=receipt.pending,
    )
    return json_reply(told, 202)

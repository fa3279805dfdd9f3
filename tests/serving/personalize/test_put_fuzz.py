"""Thousands of odd bodies: each is taken or refused in the API's own words, none breaks anything,
and what was taken can be read back, from the log as from the lake."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from endcap.app.compaction import settle
from endcap.app.intake import Intake
from endcap.app.putting import put_events, put_items, put_users
from endcap.domain.errors import EndcapError
from endcap.domain.records import EventsPosted, decode
from endcap.serving.personalize.protocol import decoded
from endcap.serving.personalize.shapes import operations
from endcap.serving.personalize.validation import validated

NOW = 1_760_000_000 * 1_000_000
BODIES, AT_ONCE = 4000, 100
CALLS = {"PutEvents": put_events, "PutItems": put_items, "PutUsers": put_users}

TEXTS = (
    "", " ", "\x00", "\x7f", "a\nb", "é" * 200, "😀", "x" * 256, "x" * 257, "x" * 40_000, "null",
    "true", "-0", "1e308", "1e309", "NaN", "٣", "1_000", "a|b", "|", "||", "\u2028", "\ufeffid",
    "session:s1", "' OR 1=1 --", "../..", "%00", '{"a":', "[]", "{}", "\ud800",
)  # fmt: skip
NUMBERS = (
    0, -0.0, -1, 0.5, 1e15, 1e308, 5e-324, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64,
    10**40, 1_759_999_999, 1_759_999_999_999, 253_402_300_800, -62_135_596_801,
)  # fmt: skip
NAMES = (
    "itemId", "ITEM_ID", "itemid", "eventValue", "device", "DEVICE", "numRatings", "price", "Price",
    "categoryL1", "inStock", "creationTimestamp", "age", "userId", "timestamp", "impression", "",
    "unknown", "constructor", "é",
)  # fmt: skip


def odd(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.random()
    if kind < 0.35:
        return draw.choice(TEXTS)
    if kind < 0.65:
        return draw.choice(NUMBERS)
    if kind < 0.8 or depth > 2:
        return draw.choice((None, True, False, float("nan"), float("inf")))
    if kind < 0.9:
        return [odd(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(NAMES): odd(draw, depth + 1) for _ in range(draw.randrange(4))}


def properties(draw: random.Random) -> Any:
    if draw.random() < 0.05:
        return odd(draw)
    likely = {"itemId": "i1", "eventValue": "4", "price": 2, "age": 30, "device": "web"}
    given = {
        name: likely[name] if name in likely and draw.random() < 0.8 else odd(draw)
        for name in draw.sample(NAMES, draw.choice((0, 0, 1, 1, 2)))
    }
    return json.dumps(given, ensure_ascii=draw.random() < 0.5)


def mostly(draw: random.Random, given: dict[str, Any], share: float) -> dict[str, Any]:
    """The members, some of them odd, some not there, some with others beside them."""
    found = {}
    for name, value in given.items():
        if draw.random() >= share / 2:
            found[name] = odd(draw) if draw.random() < share else value
    if draw.random() < share:
        found[draw.choice((*NAMES, "eventId", "datasetArn"))] = odd(draw)
    return found


def event(draw: random.Random) -> dict[str, Any]:
    given = {
        "eventType": draw.choice(("View", "Purchase", "add to cart", "Watch", "ÄÖ")),
        "sentAt": 1_700_000_000 + draw.randrange(10**7),
        "itemId": f"i{draw.randrange(20)}",
        "eventId": f"e{draw.randrange(10**6)}",
        "eventValue": draw.random(),
        "properties": properties(draw),
        "impression": [f"i{n}" for n in range(draw.choice((1, 2, 25, 26)))],
        "recommendationId": "RID-1",
        "metricAttribution": {"eventAttributionSource": "mail"},
    }
    kept = {name: value for name, value in given.items() if draw.random() < 0.8}
    return mostly(draw, kept, 0.02)


def body(draw: random.Random, desk: Any) -> tuple[str, bytes]:
    name = draw.choice(("PutEvents", "PutEvents", "PutItems", "PutUsers"))
    if name == "PutEvents":
        events = [event(draw) for _ in range(draw.choice((1, 1, 1, 2, 11)))]
        given = {"trackingId": "t1", "sessionId": f"s{draw.randrange(4)}", "eventList": events}
        if draw.random() < 0.6:
            given["userId"] = f"u{draw.randrange(4)}"
    else:
        kind = name[3:]
        member = f"{kind[:-1].lower()}Id"
        entries = [
            mostly(draw, {member: f"x{draw.randrange(9)}", "properties": properties(draw)}, 0.02)
            for _ in range(draw.choice((1, 1, 1, 2, 11)))
        ]
        given = {"datasetArn": desk.dataset(kind.upper()), kind.lower(): entries}
    raw = bytearray(json.dumps(mostly(draw, given, 0.03)).encode())
    if draw.random() < 0.05:
        raw[draw.randrange(len(raw))] = draw.randrange(256)
    return name, bytes(raw)


async def put(opener: Any, registry: Any, name: str, raw: bytes) -> str:
    """ "" where it was taken, or the code of why not."""
    try:
        given = validated(operations()[name], decoded(raw))
        assert await CALLS[name](opener, registry, given, NOW) == {}
    except EndcapError as error:
        return error.code if error.status < 500 else f"{error.code}: {raw!r}"
    return ""


class Kept:
    """The one group, opened once."""

    def __init__(self, opened: Any) -> None:
        self.opened = opened

    async def get(self, group: str) -> Any:
        return self.opened


@pytest.mark.server
def test_odd_bodies_are_taken_or_refused(put_desk: ModuleType, tmp_path: Path) -> None:
    desk, draw = put_desk.opened(tmp_path), random.Random(20)
    bodies = [body(draw, desk) for _ in range(BODIES)]

    async def all_of_them() -> list[str]:
        kept = Kept(put_desk.Opened(desk.shop, Intake(desk.shop)))
        told: list[str] = []
        for start in range(0, BODIES, AT_ONCE):
            some = bodies[start : start + AT_ONCE]
            told += await asyncio.gather(*(put(kept, desk.registry, *one) for one in some))
        return told

    codes = asyncio.run(all_of_them())
    assert [code for code in codes if ":" in code] == []
    assert codes.count("") > BODIES / 10
    assert len(set(codes)) > 10, set(codes)

    state = desk.shop.now.state
    assert state.records_skipped == state.events_ignored == 0
    again = put_desk.again(tmp_path).now.state
    users = [name for name in state.users.ids(range(len(state.users))) if name]
    for user in users:
        assert again.history(user).ts.tolist() == state.history(user).ts.tolist()
        assert again.user_attributes(user) == state.user_attributes(user)
    records = (decode(payload) for _, payload in desk.shop.log.read(0))
    taken = [event for r in records if isinstance(r, EventsPosted) for event in r.events]
    ids = [event.event_id for event in taken]
    assert len(set(ids)) == len(ids) > 200
    settle(desk.shop, NOW)  # the lake takes every one of them
    assert desk.stored("count(*)") == [(len(ids),)]
    assert not list(desk.shop.dead.read())

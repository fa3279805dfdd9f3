"""What is put is seen by the next answer: in filters, in metadata, in what a shopper did."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from endcap.app.putting import put_events, put_items, put_users
from endcap.control.registry.arns import DATASET, TRACKER
from endcap.control.registry.trackers import Tracker

PERSONAL = "aws-user-personalization"
NULLABLE = ["null", "string"]


@pytest.fixture
def group(wire: Any) -> str:
    """Its shop is the checkerboard of black and white items."""
    arn: str = wire.group("g")
    for kind, columns in {
        "ITEMS": [("PRICE", "float"), ("DEPARTMENT", NULLABLE), ("BADGE", NULLABLE)],
        "USERS": [("TIER", NULLABLE)],
    }.items():
        fields = [("ITEM_ID" if kind == "ITEMS" else "USER_ID", "string"), *columns]
        wire.dataset("g", kind, *({"name": name, "type": each} for name, each in fields))
    tracker = wire.registry.arn(TRACKER, "g")
    wire.registry.create(Tracker(arn=tracker, name="g", group_arn=arn, tracking_id="t1"))
    return arn


def put(wire: Any, kind: str, entity: str, **properties: Any) -> None:
    member = f"{kind[:-1].lower()}Id"
    entry = {member: entity, "properties": json.dumps(properties)}
    given = {"datasetArn": wire.registry.arn(DATASET, f"g/{kind}"), kind.lower(): [entry]}
    asyncio.run(
        (put_items if kind == "ITEMS" else put_users)(wire.shops, wire.registry, given, wire.at)
    )


def did(wire: Any, item: str, kind: str = "Purchase", **more: Any) -> None:
    event = {"eventType": kind, "itemId": item, "sentAt": wire.at / 1_000_000}
    given = {"trackingId": "t1", "sessionId": "visit", "eventList": [event], **more}
    asyncio.run(put_events(wire.shops, wire.registry, given, wire.at))


def test_an_items_price_is_in_filters_and_metadata(wire: Any, group: str) -> None:
    arn = wire.campaign(group, PERSONAL, enableMetadataWithRecommendations=True)
    cheap = wire.filter(group, "INCLUDE ItemID WHERE Items.PRICE < 0.5")
    asked = {"userId": "s1", "filterArn": cheap, "metadataColumns": {"ITEMS": ["PRICE", "BADGE"]}}
    assert wire.recommend(arn, **asked)["itemList"] == []
    put(wire, "ITEMS", "white-3", price=0.25, badge="new")
    (item,) = wire.recommend(arn, **asked)["itemList"]
    assert (item["itemId"], item["metadata"]) == ("white-3", {"price": "0.25", "badge": "new"})
    put(wire, "ITEMS", "white-3", price=9)
    put(wire, "ITEMS", "never-seen", price=0.4, department="white")
    assert wire.ids(arn, **{**asked, "metadataColumns": {}}) == ["never-seen"]


def test_a_users_attribute_is_in_filters(wire: Any, group: str) -> None:
    arn = wire.campaign(group, PERSONAL)
    whites = 'INCLUDE ItemID WHERE Items.DEPARTMENT IN ("white") IF CurrentUser.TIER IN ("gold")'
    only = wire.filter(group, whites)
    before = wire.ids(arn, userId="s0", filterArn=only)
    put(wire, "USERS", "s0", tier="gold")
    after = wire.ids(arn, userId="s0", filterArn=only)
    assert before[0].startswith("black")
    assert after
    assert all(item.startswith("white") for item in after)


def test_what_a_session_did_is_the_users_in_filters(wire: Any, group: str) -> None:
    arn = wire.campaign(group, PERSONAL)
    bought = wire.filter(group, 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")')
    asked = {"userId": "newcomer", "filterArn": bought}
    did(wire, "black-3")
    assert wire.ids(arn, **asked) == []
    assert wire.ids(arn, userId="visit", filterArn=bought) == ["black-3"]
    did(wire, "black-5", userId="newcomer")
    assert set(wire.ids(arn, **asked)) == {"black-3", "black-5"}
    assert wire.ids(arn, userId="visit", filterArn=bought) == []

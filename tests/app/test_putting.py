"""Events, items and users as clients of the Personalize API put them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from endcap.app.putting import put_events
from endcap.control.registry.arns import DATASET, TRACKER, Place
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.statuses import DELETING, IN_PROGRESS
from endcap.control.registry.trackers import Tracker
from endcap.domain.errors import EndcapError, InUse, InvalidInput, NotFound
from endcap.domain.sessions import session_user

SECOND = 1_000_000
NOW = 1_760_000_000 * SECOND


@pytest.fixture
def desk(put_desk: ModuleType, tmp_path: Path) -> Any:
    return put_desk.opened(tmp_path)


def view(**more: Any) -> dict[str, Any]:
    return {"eventType": "View", "itemId": "i1", "sentAt": NOW // SECOND, **more}


def text(**properties: Any) -> str:
    return json.dumps(properties)


def test_an_event_counts_at_once_under_the_engines_name(desk: Any) -> None:
    desk.events(view(), view(itemId="i2", eventType="add to cart"), userId="u1")
    assert desk.did("u1") == [("i1", "view"), ("i2", "add_to_cart")]
    assert desk.did("s1") == [] == desk.did(session_user("s1"))


def test_without_a_user_it_is_the_sessions(desk: Any) -> None:
    desk.events(view(), sessionId="u1")
    assert desk.did(session_user("u1")) == [("i1", "view")]
    assert desk.did("u1") == []  # a session may be called as somebody's account is


def test_item_and_value_may_stand_in_the_properties(desk: Any) -> None:
    event = {"eventType": "rating", "sentAt": NOW / SECOND}
    desk.events(
        {**event, "properties": text(itemId="i7", eventValue="4", numRatings="13")},
        {**event, "properties": text(itemId="i8", eventValue="true")},
        {**event, "properties": text(ITEM_ID=9, event_value=2.5, NUM_RATINGS=1)},
        {**event, "itemId": "i1", "eventValue": 7, "properties": text(itemId="i2", eventValue=1)},
        userId="u1",
    )
    assert desk.stored("item_id, value, attributes") == [
        ("9", 2.5, '{"num_ratings":1}'),
        ("i1", 7.0, None),
        ("i7", 4.0, '{"num_ratings":13}'),
        ("i8", 1.0, None),
    ]


def test_what_was_shown_and_whence_goes_with_the_event(desk: Any) -> None:
    more = {"impression": ["i1", "i2"], "recommendationId": "RID-1"}
    attribution = {"eventAttributionSource": "mail"}
    desk.events(
        view(**more, metricAttribution=attribution, properties=text(device="web|app")), userId="u1"
    )
    ((told, session, ts),) = desk.stored("attributes, session_id, ts")
    assert (session, ts) == ("s1", NOW)
    assert json.loads(told) == {
        "device": ["web", "app"],
        "event_attribution_source": "mail",
        "impression": ["i1", "i2"],
        "recommendation_id": "RID-1",
    }


def test_an_event_id_that_came_before_changes_nothing(desk: Any) -> None:
    desk.events(view(eventId="e1"), userId="u1")
    desk.events(view(eventId="e1", itemId="i2"), view(eventId="e2", itemId="i3"), userId="u1")
    assert desk.did("u1") == [("i1", "view"), ("i3", "view")]


def test_the_same_event_again_is_one_event(desk: Any) -> None:
    desk.events(view(), view(), userId="u1")
    desk.events(view(), userId="u1")
    desk.events(view(sentAt=NOW // SECOND - 1), userId="u1")
    assert desk.did("u1") == [("i1", "view")] * 2


def test_an_old_event_is_taken_and_one_of_a_fast_clock_happens_now(desk: Any) -> None:
    desk.events(view(sentAt=1_553_631_760), view(sentAt=NOW / SECOND + 3600), userId="u1")
    assert desk.stored("ts") == [(1_553_631_760 * SECOND,), (NOW,)]


def test_an_item_shows_at_once_and_keeps_what_is_not_named(desk: Any) -> None:
    made = 1_700_000_000
    desk.items({"itemId": "i1", "properties": text(price=3, categoryL1="a|b", inStock="true")})
    desk.items({"itemId": "i1", "properties": text(PRICE="2.5", creationTimestamp=made)})
    state = desk.shop.now.state
    assert state.item_attributes(state.items.row("i1")) == {
        "created": made * SECOND,
        "price": 2.5,
        "category_l1": ["a", "b"],
        "in_stock": True,
    }
    desk.items({"itemId": "i1", "properties": text(categoryL1=None)}, {"itemId": "i2"})
    assert "category_l1" not in state.item_attributes(state.items.row("i1"))
    assert state.item_attributes(state.items.row("i2")) == {"created": NOW}


def test_a_user_shows_at_once(desk: Any) -> None:
    desk.users({"userId": "u1", "properties": text(age=41)}, {"userId": "u2"})
    assert desk.shop.now.state.user_attributes("u1") == {"age": 41}
    assert desk.stored("user_id, age", "users") == [("u1", 41), ("u2", None)]


def test_without_a_dataset_every_property_is_kept(desk: Any) -> None:
    desk.registry.documents.delete(DATASET, "123456789012/us-east-1/mine/INTERACTIONS")
    desk.events(view(properties=text(deviceType="web", itemId="i2", depth=2, ok=True)), userId="u1")
    ((item, told),) = desk.stored("item_id, attributes")
    assert item == "i1"
    assert json.loads(told) == {"device_type": "web", "depth": 2, "ok": True}


REFUSED_EVENTS: list[tuple[dict[str, Any], str, str]] = [
    ({"trackingId": "other"}, "unknown_tracker", "trackingId"),
    ({"eventList": []}, "nothing_put", "eventList"),
    ({"eventList": [view()] * 11}, "too_many_put", "eventList"),
    ({"userId": "a\nb"}, "bad_id", "userId"),
    ({"sessionId": "\ud800"}, "bad_id", "sessionId"),
    ({"eventList": [view(itemId="")]}, "event_without_item", "eventList[0].properties.itemId"),
    ({"eventList": [view(), view(itemId="x" * 257)]}, "bad_id", "eventList[1].itemId"),
    ({"eventList": [view(eventType="\x00")]}, "bad_id", "eventList[0].eventType"),
    ({"eventList": [view(eventId="\x7f")]}, "bad_id", "eventList[0].eventId"),
    ({"eventList": [view(impression=["\n"])]}, "bad_id", "eventList[0].impression"),
    ({"eventList": [view(sentAt=-1)]}, "bad_sent_at", "eventList[0].sentAt"),
    ({"eventList": [view(sentAt="soon")]}, "bad_sent_at", "eventList[0].sentAt"),
    ({"eventList": [view(sentAt=1e400)]}, "bad_sent_at", "eventList[0].sentAt"),
    ({"eventList": [view(sentAt=10**400)]}, "bad_sent_at", "eventList[0].sentAt"),
    ({"eventList": [view(sentAt=NOW // 1000)]}, "bad_sent_at", "eventList[0].sentAt"),
    ({"eventList": [view(eventValue=1e400)]}, "property_type", "eventList[0].eventValue"),
]
REFUSED_PROPERTIES: list[tuple[str, str, str]] = [
    ("{", "properties_not_json", ""),
    ("not json", "properties_not_json", ""),
    ('{"device": NaN}', "properties_not_json", ""),
    ("[" * 100_000, "properties_not_json", ""),
    ("[1]", "properties_not_object", ""),
    ("null", "properties_not_object", ""),
    ('{"colour": "red"}', "property_unknown", ""),
    ('{"numRatings": "many"}', "property_type", ".num_ratings"),
    ('{"numRatings": 1.5}', "property_type", ".num_ratings"),
    ('{"numRatings": true}', "property_type", ".num_ratings"),
    ('{"numRatings": 99999999999999999999}', "property_type", ".num_ratings"),
    ('{"numRatings": 1e999}', "properties_not_json", ""),
    ('{"device": {"a": 1}}', "property_type", ".device"),
    ('{"eventValue": "high"}', "property_type", ".eventValue"),
    ('{"itemId": ["i1"]}', "bad_id", ".itemId"),
]


@pytest.mark.parametrize(("call", "code", "field"), REFUSED_EVENTS)
def test_a_bad_call_is_refused(desk: Any, call: dict[str, Any], code: str, field: str) -> None:
    call = {"eventList": [view()], "userId": "u1", **call}
    with pytest.raises(InvalidInput) as refused:
        desk.events(*call.pop("eventList"), **call)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert len(desk.shop.now.state.users) == 0


@pytest.mark.parametrize(("properties", "code", "member"), REFUSED_PROPERTIES)
def test_bad_properties_are_refused(desk: Any, properties: str, code: str, member: str) -> None:
    event = {"eventType": "View", "sentAt": 1, "properties": properties}
    if "itemId" not in properties:
        event["itemId"] = "i1"
    with pytest.raises(InvalidInput) as refused:
        desk.events(event)
    assert refused.value.code == code
    assert refused.value.field == f"eventList[0].properties{member}"


def test_only_an_active_dataset_of_the_right_type_takes_entries(desk: Any) -> None:
    cases: list[tuple[str, type[EndcapError], str]] = [
        ("USERS", InvalidInput, "dataset_of_other_type"),
        ("ACTIONS", NotFound, "no_resource"),
    ]
    for kind, error, code in cases:
        with pytest.raises(error) as refused:
            desk.items({"itemId": "i1"}, kind=kind)
        assert refused.value.code == code
    desk.registry.move(Dataset, desk.dataset("ITEMS"), NOW, IN_PROGRESS)
    with pytest.raises(InUse):
        desk.items({"itemId": "i1"})


def test_a_tracker_that_goes_takes_nothing(desk: Any) -> None:
    desk.events(view())
    desk.registry.move(Tracker, desk.registry.arn(TRACKER, "mine"), NOW, DELETING)
    with pytest.raises(InvalidInput, match="no event tracker"):
        desk.events(view())


def test_a_tracker_is_of_one_region(desk: Any) -> None:
    elsewhere = desk.registry.elsewhere(Place("eu-west-1"))
    given = {"trackingId": "t1", "sessionId": "s1", "eventList": [view()]}
    with pytest.raises(InvalidInput, match="eu-west-1"):
        asyncio.run(put_events(desk, elsewhere, given, NOW))

"""``POST /recommend`` and ``GET /v1/offers`` as the contract words them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from endcap.engagement import interests
from endcap.engagement.interests import CUSTOMER_INTEREST, forget, history, remember

ASKED = {"customer_id": "12345", "interest": "organic_food", "location": "Cape Town"}
RECORDED = b'{"message":"Customer preference recorded."}'


def records(ask: Any, customer: str) -> list[Any]:
    return history(ask.shop.documents, customer, 10_000)


@pytest.mark.parametrize("root", ["/v1", ""])
def test_the_contract(ask: Any, root: str) -> None:
    told = ask("POST", f"{root}/recommend", ASKED | {"customer_id": f"by{root}"})
    assert (told.status, told.raw) == (200, RECORDED)
    (record,) = ask.shop.documents.query(CUSTOMER_INTEREST, f"by{root}/".replace("/v1", "%2Fv1"))
    assert list(record.body) == ["customer_id", "timestamp", "interest", "location"]
    assert isinstance(record.body["timestamp"], int)
    assert abs(record.body["timestamp"] - ask.api._desk.now() // 10**6) < 60
    assert (record.body["interest"], record.body["location"]) == ("organic_food", "Cape Town")


def test_offers_with_the_preference_and_alone(ask: Any) -> None:
    items = [{"itemId": "o1", "name": "Organic Rice"}, {"itemId": "o2", "name": "Chair"}]
    assert ask("PUT", "/v1/items", {"items": items}).status == 200
    told = ask("POST", "/recommend?offers=true&k=1", ASKED)
    assert told.status == 200
    assert list(told.body) == ["message", "offers"]
    assert told.body["message"] == "Customer preference recorded."
    (offer,) = told.body["offers"]
    assert list(offer) == ["id", "name", "score", "reason"]
    assert (offer["id"], offer["name"]) == ("o1", "Organic Rice")
    assert told.headers["endcap-strategy"] == "interest"
    told = ask("GET", "/v1/offers?customer_id=12345&k=1")
    assert told.body == {"customer_id": "12345", "offers": [offer]}
    assert ask("POST", "/recommend?offers=false", ASKED).raw == RECORDED


def test_two_of_one_second_and_of_one_instant_both_stay(ask: Any) -> None:
    documents, at = ask.shop.documents, 1_750_000_000_000_000
    for place, interest in enumerate(("a", "b", "c", "d")):
        remember(documents, "busy", interest, "x", at + (place == 3))
    remember(documents, "busy2", "other", "x", at)
    found = records(ask, "busy")
    assert [record.interest for record in found] == ["d", "c", "b", "a"]
    assert {record.timestamp for record in found} == {1_750_000_000}


def test_one_customers_records_are_nobody_elses(ask: Any) -> None:
    names = ["a", "a/", "ab", "a%2F", "a b", "é", "A"]
    for name in names:
        assert ask("POST", "/recommend", ASKED | {"customer_id": name}).raw == RECORDED
    assert [[r.customer_id for r in records(ask, name)] for name in names] == [[n] for n in names]


def test_long_histories_are_kept_whole(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interests, "PAGE", 4)
    for place in range(11):
        remember(ask.shop.documents, "fan", f"{place}", "x", 1_750_000_000_000_000 + place)
    assert [r.interest for r in history(ask.shop.documents, "fan", 2)] == ["10", "9"]
    assert forget(ask.shop.documents, "fan") == 11
    assert records(ask, "fan") == []


def test_erasure_forgets_what_a_customer_said(ask: Any) -> None:
    for customer in ("leaver", "stayer"):
        ask("POST", "/recommend", ASKED | {"customer_id": customer})
    assert ask("DELETE", "/v1/users/leaver").status == 202
    assert [len(records(ask, customer)) for customer in ("leaver", "stayer")] == [0, 1]
    told = ask("GET", "/v1/offers?customer_id=leaver")
    assert told.headers["endcap-strategy"] != "interest"


def counted(ask: Any) -> tuple[float, float]:
    counters = ask.shop.telemetry.counters
    return counters.get(("InsertSuccess", ()), 0), counters.get(("InsertError", ()), 0)


def test_success_is_counted(ask: Any) -> None:
    before = counted(ask)
    ask("POST", "/recommend", ASKED)
    assert counted(ask) == (before[0] + 1, before[1])
    assert b"endcap_InsertSuccess" in ask("GET", "/metrics").raw
    assert b"endcap_InsertError" in ask("GET", "/metrics").raw


def spoil(path: Path) -> None:
    """Take the table away under the running server."""
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("DROP TABLE documents")


def test_a_store_failure_is_500_and_counts(own: Any) -> None:
    (path,) = own.shop.settings.home.rglob("documents.sqlite")
    spoil(path)
    told = own("POST", "/recommend", ASKED)
    assert told.status == 500
    assert list(told.body) == ["error"]
    assert "could not be stored" in told.body["error"]
    assert str(path) not in told.body["error"]
    assert told.headers["endcap-error-code"] == "preference_not_stored"
    assert counted(own) == (0, 1)
    assert b"endcap_InsertError 1\n" in own("GET", "/metrics").raw
    assert own("POST", "/recommend?offers=true", ASKED).status == 500
    # What does not need that store goes on.
    asked = {"user_id": "1", "event": "get_recommendations"}
    assert own("POST", "/submit", asked).status == 200


def test_the_store_is_not_asked_on_the_event_loop(ask: Any) -> None:
    """A slow disk must not hold other requests: the loop turns while a record is written."""
    seen = []
    put = ask.shop.documents.put

    def slow(*given: Any, **named: Any) -> int:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            seen.append("thread")
        return int(put(*given, **named))

    ask.shop.documents.put = slow
    try:
        assert ask("POST", "/recommend", ASKED).status == 200
    finally:
        del ask.shop.documents.put
    assert seen == ["thread"]

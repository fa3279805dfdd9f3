"""The contract's rows, asserted literally against the real application over a real shop."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from endcap.app.batch import STORED
from endcap.domain.records import EventsPosted, ItemsPut, content_id, decode, digest

TWINS = ["/v1", ""]
EVENT = {"userId": "U1", "itemId": "I1", "event_type": "view", "ts": "2025-08-16T18:30:00Z"}
AT = 1_755_369_000_000_000


def records(ask: Any, since: int) -> list[Any]:
    return [decode(payload) for _, payload in ask.shop.log.read(since)]


def post(ask: Any, body: Any, key: str | None = None, path: str = "/v1/events") -> Any:
    return ask("POST", path, body, [("Idempotency-Key", key)] if key else [])


def fresh(ask: Any, **changes: Any) -> dict[str, Any]:
    """An event no test has posted before."""
    return {**EVENT, "userId": f"U{ask.shop.log.end()}", **changes}


def sell(ask: Any, *items: str) -> None:
    """Put items into the catalogue: a shop that has one recommends nothing else."""
    assert ask("PUT", "/v1/items", {"items": [{"itemId": item} for item in items]}).status == 200


@pytest.mark.parametrize("root", TWINS)
def test_health(ask: Any, root: str) -> None:
    told = ask("GET", f"{root}/health")
    assert (told.status, told.raw) == (200, b'{"ok":true,"version":"1.0.0"}')


@pytest.mark.parametrize("root", TWINS)
def test_an_event_counts_at_once_and_the_answers_have_the_contracts_shape(
    ask: Any, root: str
) -> None:
    items = ("I1", "I2", "I3", "I4", "I5", "I6")
    sell(ask, *items[:3])
    sell(ask, *items[3:])
    for item in items:
        told = post(ask, fresh(ask, itemId=item), path=f"{root}/events")
        assert (told.status, told.raw) == (202, b'{"ok":true}')
    told = ask("GET", f"{root}/recommendations/personalized?userId=new&k=3")
    assert told.status == 200
    assert list(told.body) == ["userId", "items"]
    assert told.body["userId"] == "new"
    assert [list(item) for item in told.body["items"]] == [["id", "score"]] * 3
    assert all(isinstance(item["score"], float) for item in told.body["items"])
    assert told.headers["endcap-strategy"] == "popular"
    assert told.headers["endcap-model-version"] == "none"
    assert float(told.headers["endcap-newest-event-age"]) > 0
    told = ask("GET", f"{root}/recommendations/personalized?userId=new")
    assert len(told.body["items"]) == 5

    told = ask("GET", f"{root}/recommendations/related?itemId=I1&k=3")
    assert told.status == 200
    assert list(told.body) == ["itemId", "related"]
    assert told.body["itemId"] == "I1"
    assert len(told.body["related"]) == 3
    assert "I1" not in [item["id"] for item in told.body["related"]]


def test_ids_come_back_as_they_were_sent(ask: Any) -> None:
    told = ask("GET", "/v1/recommendations/personalized?userId=a%2Fb+c%26%C3%A9")
    assert told.body["userId"] == "a/b c&é"


@pytest.mark.parametrize("surface", ["popular", "trending"])
def test_lists(ask: Any, surface: str) -> None:
    sell(ask, "bought")
    ask("POST", "/v1/events", fresh(ask, event_type="purchase", itemId="bought", ts=None))
    told = ask("GET", f"/v1/recommendations/{surface}?k=100&eventType=purchase")
    assert told.status == 200
    assert list(told.body) == ["items"]
    assert "bought" in [item["id"] for item in told.body["items"]]


def test_rerank_orders_the_list_and_puts_unknown_ids_last(ask: Any) -> None:
    sell(ask, "R1", "R2")
    for item in ("R1", "R2"):
        post(ask, fresh(ask, itemId=item))
    body = {"userId": "U1", "items": ["R2", "unknown", "R1", "R2"]}
    told = ask("POST", "/v1/recommendations/rerank", body)
    assert told.status == 200
    assert list(told.body) == ["userId", "items"]
    *known, last = [item["id"] for item in told.body["items"]]
    assert (sorted(known), last) == (["R1", "R2"], "unknown")
    told = ask("POST", "/v1/recommendations/rerank", {**body, "k": 1.0})
    assert len(told.body["items"]) == 1


def test_what_an_event_becomes(ask: Any) -> None:
    since = ask.shop.log.end()
    body = fresh(ask, value=2, session_id="s", attributes={"page": "home", "n": 2**70})
    post(ask, body)
    (record,) = records(ask, since)
    (event,) = record.events
    assert (record.key, record.body) == (b"", b"")
    assert (event.user_id, event.item_id, event.event_type) == (body["userId"], "I1", "view")
    assert (event.ts, event.value, event.session_id) == (AT, 2.0, "s")
    assert event.attributes == {"page": "home", "n": float(2**70)}
    assert event.event_id == content_id(body["userId"], "I1", "view", AT, 2.0)


def test_the_time_of_arrival_stands_in(ask: Any) -> None:
    since = ask.shop.log.end()
    post(ask, fresh(ask, ts=None))
    (record,) = records(ask, since)
    assert record.events[0].ts == record.at


def test_the_event_id_is_the_clients_else_the_keys(ask: Any) -> None:
    since = ask.shop.log.end()
    post(ask, fresh(ask, event_id="mine"), "key-1")
    post(ask, fresh(ask), "key-2")
    mine, keyed = records(ask, since)
    assert mine.events[0].event_id == "mine"
    assert keyed.key == digest("POST", "/v1/events", "key-2")
    assert keyed.events[0].event_id == digest(keyed.key, "0").hex()


def test_a_retry_gets_the_same_answer_and_changes_nothing(ask: Any) -> None:
    body = fresh(ask)
    first = post(ask, body, "retried")
    end = ask.shop.log.end()
    for path in ("/v1/events", "/events"):  # the twin is the same resource
        again = post(ask, body, "retried", path)
        assert (again.status, again.raw) == (first.status, first.raw)
    assert ask.shop.log.end() == end


def test_a_key_with_another_body_is_refused(ask: Any) -> None:
    post(ask, fresh(ask), "taken")
    end = ask.shop.log.end()
    told = post(ask, fresh(ask, itemId="I9"), "taken")
    assert told.status == 422
    assert list(told.body) == ["error"]
    assert told.headers["endcap-error-code"] == "key_reused"
    assert ask.shop.log.end() == end


def test_a_batch_counts_what_is_new(ask: Any) -> None:
    one, two = fresh(ask, itemId="B1"), fresh(ask, itemId="B2")
    told = ask("POST", "/v1/events/batch", {"events": [one, two, one]})
    assert (told.status, told.body) == (202, {"ok": True, "accepted": 3, "repeats": 1})
    told = ask("POST", "/v1/events/batch", {"events": [one, two]})
    assert told.body == {"ok": True, "accepted": 2, "repeats": 2}


def test_events_of_a_batch_without_times_keep_their_order(ask: Any) -> None:
    since = ask.shop.log.end()
    batch = [fresh(ask, itemId=f"O{i}", ts=None) for i in range(3)]
    ask("POST", "/v1/events/batch", {"events": batch})
    (record,) = records(ask, since)
    assert isinstance(record, EventsPosted)
    assert [event.ts - record.at for event in record.events] == [-2, -1, 0]
    assert len({event.event_id for event in record.events}) == 3


def test_upserts_keep_what_they_do_not_name(ask: Any) -> None:
    since = ask.shop.log.end()
    told = ask("PUT", "/v1/items", {"items": [{"itemId": "P1", "price": 2, "tags": ["a"]}]})
    assert (told.status, told.body) == (200, {"ok": True, "accepted": 1})
    told = ask("PUT", "/v1/items/P1", {"itemId": "P1", "name": "Pear"})
    assert (told.status, told.body) == (200, {"ok": True, "accepted": 1})
    first, _ = records(ask, since)
    assert isinstance(first, ItemsPut)
    state = ask.shop.now.state
    found = state.item_attributes(state.items.row("P1"))
    assert {name: found[name] for name in ("price", "tags", "name")} == {
        "price": 2, "tags": ["a"], "name": "Pear",
    }  # fmt: skip
    told = ask("PUT", "/v1/users", {"users": [{"userId": "V1", "age": 30}, {"userId": "V2"}]})
    assert told.body == {"ok": True, "accepted": 2}
    assert ask("PUT", "/v1/users/V%2F1", {"age": 31}).status == 200
    assert state.user_attributes("V1") == {"age": 30}
    assert state.user_attributes("V/1") == {"age": 31}


def test_a_deleted_user_is_forgotten(ask: Any) -> None:
    body = fresh(ask)
    user = body["userId"]
    post(ask, body)
    ask.shop.documents.put(STORED, user, {"user_id": user, "recommendations": ["I1"]})
    assert len(ask.shop.now.state.history(user).items) == 1
    told = ask("DELETE", f"/v1/users/{user}")
    body = told.body
    purge_at = body.pop("purgeAt")
    assert user not in body.pop("receipt")
    assert body.pop("forgotten")["stored recommendations"] == 1
    assert body.pop("untilPurge")["log records not in the lake"] >= 1
    assert "events in the lake" in body.pop("pending")
    assert 86_000 < datetime.fromisoformat(purge_at).timestamp() - time.time() <= 86_400
    assert (told.status, body) == (202, {"ok": True, "userId": user, "erased": True})
    assert len(ask.shop.now.state.history(user).items) == 0
    assert ask("GET", f"/v1/users/{user}/recommendations").status == 404


def test_stored_recommendations(ask: Any) -> None:
    told = ask("GET", "/v1/users/U1/recommendations")
    assert (told.status, told.raw) == (404, b'{"error":"No stored recommendations"}')
    stored = {"user_id": "a/b", "recommendations": ["home workout", "fitness bands"]}
    ask.shop.documents.put(STORED, "a/b", stored)
    told = ask("GET", "/v1/users/a%2Fb/recommendations")
    assert (told.status, told.body) == (200, stored)


def test_head_answers_like_get(ask: Any) -> None:
    assert ask("HEAD", "/v1/health").status == 200


def test_a_stage_prefix_is_taken_off(ask: Any) -> None:
    staged = type(ask)(ask.shop, "/prod")
    assert staged("GET", "/prod/v1/health").status == 200
    assert staged("GET", "/prod/health").status == 200
    assert staged("GET", "/v1/health").status == 200
    assert staged("GET", "/production/health").status == 404


def test_a_defect_is_a_500_that_gives_nothing_away(
    ask: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("secret-user")

    monkeypatch.setattr("endcap.serving.reads.answer", fail)
    # Tools that set up logging for themselves switch off the loggers that exist.
    monkeypatch.setattr(logging.getLogger("endcap.serving"), "disabled", False)
    told = ask("GET", "/v1/recommendations/personalized?userId=secret-user")
    assert told.status == 500
    assert told.body == {"error": "The server failed; the reason is in its log"}
    (line,) = caplog.records
    assert line.__dict__["facts"]["kind"] == "KeyError"
    assert "secret-user" not in str(line.__dict__)


def test_a_body_in_parts_is_one_body(ask: Any) -> None:
    parts = [b'{"userId":"U1","it', b'emId":"I1",', b'"event_type":"view"}', b""]
    assert ask("POST", "/v1/events", parts=parts).status == 202


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_json_is_taken_under_these_names(ask: Any, kind: str) -> None:
    assert ask("POST", "/v1/events", fresh(ask), [("Content-Type", kind)]).status == 202


def test_the_pages_need_no_network(ask: Any) -> None:
    page = ask("GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = page.raw.decode()
    assert "Recs API" in text
    assert "__DOCUMENT__" not in text
    assert "http://" not in text.replace("http://127", "")
    assert "https://" not in text
    assert ask("GET", "/openapi.json").body["info"]["title"] == "Recs API"


def test_metrics_count_requests(ask: Any, tmp_path: Path) -> None:
    ask("GET", "/v1/health")
    text = ask("GET", "/metrics").raw.decode()
    assert 'endcap_requests_total{route="health",status="200"}' in text
    assert 'endcap_request_seconds_bucket{route="health",le="+Inf"}' in text

"""Explanations, why-not, answer ids, replay and fallbacks as HTTP shows them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from endcap.engine.state import LiveState

V1 = "/v1/recommendations"
LISTS = {
    "personalized": {"userId": "U1", "k": 3},
    "related": {"itemId": "I1", "k": 3},
    "trending": {"k": 3},
    "popular": {"k": 3, "department": "a"},
}
RERANK = {"userId": "U1", "items": ["I4", "I1", "?"]}


@pytest.fixture(autouse=True, scope="module")
def _stock(ask: Any) -> None:
    items = [{"itemId": f"I{n}", "department": "ab"[n % 2]} for n in range(5)]
    assert ask("PUT", "/v1/items", {"items": items}).status == 200
    for n in range(3):
        tell(ask, f"U{n}", f"I{n}")


def tell(ask: Any, user: str, item: str) -> None:
    body = {"userId": user, "itemId": item, "event_type": "view"}
    assert ask("POST", "/v1/events", body).status == 202


def get(ask: Any, path: str, **query: Any) -> Any:
    return ask("GET", f"{path}?{urlencode(query)}")


@pytest.mark.parametrize("name", LISTS)
def test_explain_adds_a_member_to_each_item_and_nothing_else(ask: Any, name: str) -> None:
    plain = get(ask, f"{V1}/{name}", **LISTS[name])
    assert plain.raw == get(ask, f"{V1}/{name}", **LISTS[name], explain="false").raw
    told = get(ask, f"{V1}/{name}", **LISTS[name], explain="true")
    assert (told.status, told.headers["endcap-strategy"]) == (200, plain.headers["endcap-strategy"])
    member = "related" if name == "related" else "items"
    body = told.body
    reasons = [item.pop("explanation") for item in body[member]]
    assert body == plain.body
    assert all({"source", "score"} <= set(reason) for reason in reasons)


def test_rerank_explains_as_well(ask: Any) -> None:
    told = ask("POST", f"{V1}/rerank?explain=true", RERANK).body
    assert [item["explanation"]["source"] for item in told["items"]][-1] == "unknown"
    assert "explanation" not in ask("POST", f"{V1}/rerank", RERANK).raw.decode()


def test_affinity_names_the_event(ask: Any) -> None:
    tell(ask, "A", "I1")
    told = get(ask, f"{V1}/personalized", userId="A", k=1, explain="true").body
    (cause,) = told["items"][0]["explanation"]["because"]
    assert (cause["itemId"], cause["eventType"], cause["share"]) == ("I1", "view", 1.0)


def test_explain_is_true_or_false(ask: Any) -> None:
    told = get(ask, f"{V1}/popular", explain="yes")
    assert (told.status, told.headers["endcap-error-code"]) == (400, "bad_choice")


def test_why_not(ask: Any) -> None:
    verdicts = {
        item: get(ask, "/v1/why-not", userId="U1", itemId=item, k=1).body["verdict"]
        for item in ("I0", "I1", "I2", "I3", "I4", "?")
    }
    assert sorted(v for v in verdicts.values() if v == "in_list") == ["in_list"]
    assert verdicts["?"] == "unknown_item"
    assert get(ask, "/v1/why-not", userId="U1").headers["endcap-error-field"] == "itemId"


@pytest.mark.parametrize("name", LISTS)
def test_an_answer_is_given_again(ask: Any, name: str) -> None:
    then = get(ask, f"{V1}/{name}", **LISTS[name])
    answer_id = then.headers["endcap-answer-id"]
    tell(ask, "U1", "I4")
    again = get(ask, "/v1/replay", answerId=answer_id, surface=name, **LISTS[name])
    member = "related" if name == "related" else "items"
    assert again.body["items"] == then.body[member]
    assert again.headers["endcap-answer-id"] == answer_id == again.body["answerId"]
    assert again.headers["endcap-strategy"] == then.headers["endcap-strategy"]


def test_a_reranked_list_is_given_again(ask: Any) -> None:
    then = ask("POST", f"{V1}/rerank", RERANK)
    asked = {"surface": "rerank", "userId": "U1", "items": json.dumps(RERANK["items"])}
    again = get(ask, "/v1/replay", answerId=then.headers["endcap-answer-id"], **asked)
    assert again.body["items"] == then.body["items"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "missing_member"),
        ({"answerId": "AAAA", "userId": "U1"}, "bad_answer_id"),
        ({"answerId": "A" * 121, "userId": "U1"}, "bad_answer_id"),
        ({"userId": "U2"}, "answer_query_differs"),
        ({"userId": "U1", "k": 4}, "answer_query_differs"),
        ({"surface": "rerank", "userId": "U1", "items": "I1"}, "not_a_list"),
        ({"surface": "rerank", "userId": "U1"}, "missing_member"),
    ],
)
def test_what_cannot_be_replayed_says_why(ask: Any, query: dict[str, Any], code: str) -> None:
    then = get(ask, f"{V1}/personalized", userId="U1", k=3)
    if query and "answerId" not in query:
        query = {"answerId": then.headers["endcap-answer-id"], "k": 3, **query}
    told = get(ask, "/v1/replay", **query)
    assert (told.status, told.headers["endcap-error-code"]) == (400, code)


def test_a_failing_stage_is_marked_and_counted(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("for a test")

    with monkeypatch.context() as patch:
        patch.setattr(LiveState, "history", broken)
        told = get(ask, f"{V1}/personalized", userId="U1", k=3)
    assert told.status == 200
    assert told.headers["endcap-strategy"] == "popular"
    assert told.headers["endcap-fallback"] == "observe:error"
    assert len(told.body["items"]) == 3
    assert 'endcap_fallbacks_total{reason="error",stage="observe"} 1' in (
        ask("GET", "/metrics").raw.decode()
    )
    assert "endcap-fallback" not in get(ask, f"{V1}/personalized", userId="U1", k=3).headers


@pytest.mark.server
def test_headers_replay_and_deadline_of_a_real_server(serve: Any, endcap: Any) -> None:
    server = serve(workers=2)
    with server.client() as client:
        items = [{"itemId": f"I{n}", "department": "ab"[n % 2]} for n in range(5)]
        assert client.put("/v1/items", json={"items": items}).status_code == 200
        body = {"userId": "U1", "itemId": "I1", "event_type": "view"}
        assert client.post("/v1/events", json=body).status_code == 202
        asked = {"userId": "U1", "k": 3}
        then = client.get(f"{V1}/personalized", params=asked)
        answer_id = then.headers["Endcap-Answer-Id"]
        assert client.post("/v1/events", json={**body, "itemId": "I4"}).status_code == 202
        again = client.get("/v1/replay", params={**asked, "answerId": answer_id})
        assert again.json()["items"] == then.json()["items"]
    assert server.stop() == 0
    said = endcap("replay", answer_id, "--user", "U1", "--k", "3", "--json", home=server.home)
    assert json.loads(said.stdout)["items"] == then.json()["items"]
    late = serve(home=server.home, workers=1, ENDCAP_DEADLINE_MS="1")
    with late.client() as client:
        told = [client.get(f"{V1}/personalized", params=asked) for _ in range(3)]
    assert {answer.status_code for answer in told} == {200}

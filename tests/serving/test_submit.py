"""``POST /submit`` as the contract words it, and what it leaves on the log."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app.submit import submissions
from endcap.domain.records import Submitted, decode

ASKED = {"user_id": "123", "event": "get_recommendations"}
MEMBERS = ["product_id", "probability", "product_name", "department", "aisle"]
BANANAS = {
    "itemId": "b1", "name": "Organic Bananas", "department": "produce", "aisle": "fresh fruits",
}  # fmt: skip


def event(user: str, item: str, kind: str = "view") -> dict[str, str]:
    return {"userId": user, "itemId": item, "event_type": kind}


@pytest.fixture(scope="module")
def stocked(ask: Any) -> Any:
    return stock(ask)


def stock(ask: Any) -> Any:
    """One product with everything, one without a name, four plain ones."""
    items = [BANANAS, {"itemId": "nameless", "price": 2}]
    assert ask("PUT", "/v1/items", {"items": items}).status == 200
    plain = [{"itemId": f"p{i}", "name": f"Product {i}"} for i in range(4)]
    assert ask("PUT", "/v1/items", {"items": plain}).status == 200
    for kind in ("view", "purchase"):
        assert ask("POST", "/events", event("someone", "b1", kind)).status == 202
    assert ask("POST", "/events", event("someone", "nameless")).status == 202
    return ask


@pytest.mark.parametrize("root", ["/v1", ""])
def test_the_contract(stocked: Any, root: str) -> None:
    told = stocked("POST", f"{root}/submit", ASKED)
    assert told.status == 200
    assert list(told.body) == ["message", "recommendations"]
    assert told.body["message"] == "Recommendations generated successfully"
    found = told.body["recommendations"]
    assert len(found) == 5
    assert all(list(product) == MEMBERS for product in found)
    assert found[0] | {"probability": 0} == {
        "product_id": "b1", "probability": 0, "product_name": "Organic Bananas",
        "department": "produce", "aisle": "fresh fruits",
    }  # fmt: skip
    assert found[1] | {"probability": 0} == {
        "product_id": "nameless", "probability": 0, "product_name": "nameless",
        "department": "", "aisle": "",
    }  # fmt: skip
    assert told.headers["endcap-strategy"] == "popular"
    assert told.headers["endcap-probability"] == "popularity"


def test_a_popular_answer_states_shares_of_demand(own: Any) -> None:
    """b1 has 1 view + 1 purchase = 6 of 7; six items and something else add one each."""
    found = stock(own)("POST", "/submit", ASKED | {"k": 6}).body["recommendations"]
    values = [product["probability"] for product in found]
    assert values == pytest.approx([7 / 14, 2 / 14, *[1 / 14] * 4], rel=1e-3)


@pytest.mark.parametrize("k", [1, 3, 5.0])
def test_k(stocked: Any, k: float) -> None:
    assert len(stocked("POST", "/submit", ASKED | {"k": k}).body["recommendations"]) == int(k)


def test_a_click_changes_the_next_answer(stocked: Any) -> None:
    asked = ASKED | {"user_id": "clicker"}
    before = stocked("POST", "/submit", asked)
    stocked("POST", "/events", event("clicker", "b1", "purchase"))
    after = stocked("POST", "/submit", asked)
    assert "b1" in [p["product_id"] for p in before.body["recommendations"]]
    assert "b1" not in [p["product_id"] for p in after.body["recommendations"]]


def test_the_submission_is_on_the_log_and_counts_nothing(stocked: Any) -> None:
    shop = stocked.shop
    start, demand = shop.log.end(), shop.now.state.demand(shop.now.state.newest_ts)
    assert stocked("POST", "/submit", ASKED | {"user_id": "logged"}).status == 200
    (record,) = [decode(payload) for _, payload in shop.log.read(start)]
    assert isinstance(record, Submitted)
    assert (record.user_id, record.at > 0) == ("logged", True)
    assert len(shop.now.state.history("logged").items) == 0
    assert shop.now.state.users.row("logged") == -1
    assert shop.now.state.demand(shop.now.state.newest_ts) == demand


def test_a_retry_with_its_key_is_recorded_once(stocked: Any) -> None:
    start = stocked.shop.log.end()
    key = [("Idempotency-Key", "one")]
    assert stocked("POST", "/submit", ASKED, key).status == 200
    assert stocked("POST", "/v1/submit", ASKED, key).status == 200
    assert stocked("POST", "/submit", ASKED | {"k": 2}, key).status == 422
    assert len(list(submissions(stocked.shop, start))) == 1


def test_an_erased_user_is_gone_from_the_submissions(stocked: Any) -> None:
    start = stocked.shop.log.end()
    for user in ("kept", "erased"):
        stocked("POST", "/submit", ASKED | {"user_id": user})
    assert stocked("DELETE", "/v1/users/erased").status == 202
    assert [s.user_id for s in submissions(stocked.shop, start)] == ["kept"]
    stocked("POST", "/submit", ASKED | {"user_id": "erased"})  # back again, of their own will
    assert [s.user_id for s in submissions(stocked.shop, start)] == ["kept", "erased"]


def test_what_the_catalogue_says(stocked: Any) -> None:
    told = stocked("GET", "/v1/items/b1")
    assert told.status == 200
    assert list(told.body) == ["itemId", "attributes"]
    assert told.body["attributes"]["department"] == "produce"

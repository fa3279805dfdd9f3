"""Filters over HTTP and at the command line: every route that takes one, and what is refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

V1 = "/v1/recommendations"


@pytest.fixture(scope="module")
def shop(ask: Any) -> Any:
    for number in range(6):
        department = "dairy" if number % 2 else "bakery"
        body = {"department": department, "price": number, "name": f"thing {number}"}
        assert ask("PUT", f"/v1/items/I{number}", body).status == 200
    assert ask("PUT", "/v1/users/U1", {"country": "DE", "budget": 2}).status == 200
    for number in (1, 2, 3):
        event = {"userId": "U1", "itemId": f"I{number}", "event_type": "view"}
        assert ask("POST", "/v1/events", event).status == 202
    return ask


def get(ask: Any, path: str, **query: Any) -> Any:
    return ask("GET", f"{path}?{urlencode(query)}")


def ids(told: Any) -> set[str]:
    assert told.status == 200, told.raw
    return {item["id"] for item in told.body.get("items", told.body.get("related"))}


ROUTES = {
    "personalized": {"userId": "U1"},
    "related": {"itemId": "I0"},
    "popular": {},
    "trending": {},
}


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize("prefix", ["/v1", ""])
def test_each_list_takes_a_filter(shop: Any, name: str, prefix: str) -> None:
    if not prefix and name in ("popular", "trending"):
        return
    path = f"{prefix}/recommendations/{name}"
    dairy = get(shop, path, filter='department = "dairy"', k=9, **ROUTES[name])
    assert ids(dairy) <= {"I1", "I3", "I5"}
    assert ids(dairy)
    values = json.dumps({"d": ["dairy", "x"], "most": 3})
    asked = "Items.department IN ($d) AND price <= $most"
    both = get(shop, path, filter=asked, filterValues=values, k=9, **ROUTES[name])
    assert ids(both) <= {"I1", "I3"}
    strict = 'EXCLUDE itemId WHERE ITEMS.department in ("dairy")'
    assert ids(get(shop, path, filter=strict, k=9, **ROUTES[name])) <= {"I0", "I2", "I4"}


def test_reranking_takes_a_filter_in_its_body(shop: Any) -> None:
    body = {"userId": "U1", "items": ["I5", "I4", "I3", "?"], "filter": "price > $p",
            "filterValues": {"p": 3}}  # fmt: skip
    assert ids(shop("POST", f"{V1}/rerank", body)) == {"I5", "I4"}
    body["filterValues"] = {"p": "4"}
    assert ids(shop("POST", f"{V1}/rerank", body)) == {"I5"}


def test_the_shopper_that_a_filter_speaks_of(shop: Any) -> None:
    unseen = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
    for name in ("popular", "related"):
        path, more = f"{V1}/{name}", ROUTES[name]
        mine = ids(get(shop, path, filter=unseen, userId="U1", k=9, **more))
        assert mine.isdisjoint({"I1", "I2", "I3"})
        assert ids(get(shop, path, filter=unseen, k=9, **more)) > mine
        cheap = get(shop, path, filter="price <= CurrentUser.budget", userId="U1", k=9, **more)
        assert ids(cheap) <= {"I0", "I1", "I2"}
        plain = get(shop, path, k=9, **more).body
        assert get(shop, path, k=9, userId="U1", **more).body == plain


def test_related_items_may_be_compared_with_the_item(shop: Any) -> None:
    told = get(shop, f"{V1}/related", itemId="I2", filter="price > CurrentItem.price", k=9)
    assert ids(told) == {"I3", "I4", "I5"}


def test_a_change_counts_in_the_next_answer(own: Any) -> None:
    asked = {"filter": "stock > 0", "k": 9}
    own("PUT", "/v1/items/A", {"name": "a"})
    assert ids(get(own, f"{V1}/popular", **asked)) == set()
    own("PUT", "/v1/items/A", {"stock": 1})
    assert ids(get(own, f"{V1}/popular", **asked)) == {"A"}
    own("PUT", "/v1/items/A", {"stock": 0})
    assert ids(get(own, f"{V1}/popular", **asked)) == set()


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ({"filter": ""}, "filter_syntax", "filter"),
        ({"filter": "price <"}, "filter_syntax", "filter"),
        ({"filter": "price < 'x"}, "filter_unclosed", "filter"),
        ({"filter": "x" * 4097}, "filter_too_long", "filter"),
        ({"filter": "EXCLUDE UserID WHERE Users.a = 1"}, "filter_of_users", "filter"),
        ({"filter": "price < CurrentItem.price"}, "filter_needs_item", "filter"),
        ({"filter": "price < $p"}, "filter_value_missing", "p"),
        ({"filter": "price < 3", "filterValues": '{"p":1}'}, "filter_value_unknown", "p"),
        ({"filter": "price < $p", "filterValues": '{"p":null}'}, "filter_value", "p"),
        ({"filter": "price < $p", "filterValues": "[1]"}, "filter_values_json", "filterValues"),
        ({"filter": "price < $p", "filterValues": ""}, "filter_values_json", "filterValues"),
        ({"filterValues": "{}"}, "filter_without_text", "filterValues"),
    ],
)
def test_what_is_refused(shop: Any, query: dict[str, str], code: str, field: str) -> None:
    for path, more in ((f"{V1}/personalized", {"userId": "U1"}), (f"{V1}/popular", {}),
                       ("/v1/why-not", {"userId": "U1", "itemId": "I1"})):  # fmt: skip
        told = get(shop, path, **query, **more)
        assert told.status == 400
        assert (told.headers["endcap-error-code"], told.headers["endcap-error-field"]) == (
            code, field,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"filter": "price <"}, "filter_syntax"),
        ({"filter": 3}, "not_a_string"),
        ({"filterValues": {}}, "filter_without_text"),
        ({"filter": "price < $p", "filterValues": {"p": {}}}, "bad_attribute"),
        ({"filter": "price < $p", "filterValues": 3}, "not_an_object"),
        ({"filter": "price < CurrentItem.price"}, "filter_needs_item"),
    ],
)
def test_what_a_body_is_refused_for(shop: Any, more: dict[str, Any], code: str) -> None:
    told = shop("POST", f"{V1}/rerank", {"userId": "U1", "items": ["I1"], **more})
    assert (told.status, told.headers["endcap-error-code"]) == (400, code)


def test_the_place_of_an_error_is_told(shop: Any) -> None:
    told = get(shop, f"{V1}/popular", filter="price <\n AND stock = 1")
    assert "line 2, column 2" in told.body["error"]


@pytest.mark.parametrize("name", ROUTES)
def test_a_filtered_answer_is_given_again(shop: Any, name: str) -> None:
    asked = {"filter": "price > $p OR CurrentUser.budget < 1", "filterValues": '{"p":1}',
             "userId": "U1", **ROUTES[name]}  # fmt: skip
    then = get(shop, f"{V1}/{name}", **asked)
    answer_id = then.headers["endcap-answer-id"]
    again = get(shop, "/v1/replay", answerId=answer_id, surface=name, **asked)
    assert again.body["items"] == then.body.get("items", then.body.get("related"))
    asked["filterValues"] = '{"p":2}'
    other = get(shop, "/v1/replay", answerId=answer_id, surface=name, **asked)
    assert other.headers["endcap-error-code"] == "answer_query_differs"


def test_a_reranked_answer_is_given_again(shop: Any) -> None:
    items = ["I1", "I4", "I5"]
    filtered = {"filter": "price > $p", "filterValues": {"p": 1}}
    then = shop("POST", f"{V1}/rerank", {"userId": "U1", "items": items, **filtered})
    assert ids(then) == {"I4", "I5"}
    again = get(
        shop, "/v1/replay", answerId=then.headers["endcap-answer-id"], surface="rerank",
        userId="U1", items=json.dumps(items), filter="price > $p", filterValues='{"p":1}',
    )  # fmt: skip
    assert again.body["items"] == then.body["items"]


def test_reasons_and_why_not_name_the_filter(shop: Any) -> None:
    told = get(shop, f"{V1}/personalized", userId="U1", filter="price > 3", explain="true")
    assert all("filter:price > 3" in i["explanation"]["rules"] for i in told.body["items"])
    told = get(shop, "/v1/why-not", userId="U1", itemId="I1", filter="price > 3")
    assert told.body["verdict"] == "filtered_out"
    assert told.body["lacks"] == "filtered out by INCLUDE ItemID WHERE Items.price > 3"

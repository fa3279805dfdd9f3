"""Filters in every surface: inside the search, at once after a change, told in reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from endcap.app.answer_ids import query_hash
from endcap.app.answers import answer
from endcap.app.explanations import explained, why_not
from endcap.app.replaying import replay
from endcap.domain.errors import InvalidInput
from endcap.domain.filter_parser import parse
from endcap.domain.filter_values import filtering, read_filtering
from endcap.domain.filters import Filtering
from endcap.domain.records import EventsPosted, ItemsPut, UserErased, UsersPut
from endcap.domain.values import Event, Item, Query, User
from endcap.engine import answer as engine
from endcap.engine.filter_masks import Permitted
from endcap.engine.filtered_users import matching_users
from endcap.engine.moment import live
from endcap.engine.serving import UNTRAINED
from endcap.engine.state import LiveState, StateLimits

NOW = 1_750_000_000_000_000
DAY_US = 86_400_000_000
SURFACES: dict[str, dict[str, Any]] = {
    "personal": {"user_id": "newcomer"},
    "popular": {},
    "trending": {},
    "related": {"item_id": "black-3"},
}


def given(text: str, **values: Any) -> Filtering:
    return read_filtering(text, values)


@pytest.fixture
def shopper(board: Any) -> Any:
    board.post(("newcomer", "black-3", "view"))
    return board


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('department = "white"', {f"white-{n}" for n in range(12)}),
        ('name = "white thing 7" OR name ENDSWITH "black thing 5"', {"white-7", "black-5"}),
        ('department = "green"', set()),
    ],
)
def test_every_surface_holds_what_is_permitted_and_all_of_it(
    shopper: Any, surface: str, text: str, kept: set[str]
) -> None:
    found = shopper.answer(surface, k=24, filter=given(text), **SURFACES[surface])
    ids = [item.id for item in found.items]
    if surface != "trending":
        assert set(ids) == kept
    assert set(ids) <= kept
    assert len(ids) == len(set(ids))
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)


def test_a_filter_keeps_the_order_of_what_it_leaves(shopper: Any) -> None:
    asked = given('name CONTAINS "1" OR name CONTAINS "4"')
    for surface in ("popular", "personal"):
        whole = shopper.ids(surface, k=24, **SURFACES[surface])
        kept = [item for item in whole if "1" in item or "4" in item]
        found = shopper.ids(surface, k=24, filter=asked, **SURFACES[surface])
        assert found[: len(kept)] == kept[: len(found)] or surface == "personal"
        assert set(found) == set(kept)


def test_a_filter_that_permits_everything_changes_no_answer(shopper: Any) -> None:
    for surface, more in SURFACES.items():
        plain = shopper.answer(surface, k=10, **more)
        assert shopper.answer(surface, k=10, filter=given("name IS NOT NULL"), **more) == plain


def test_reranking_leaves_out_what_is_not_permitted(shopper: Any) -> None:
    items = ("white-1", "black-2", "?", "white-3", "black-1")
    more: dict[str, Any] = {"user_id": "newcomer", "item_ids": items, "k": 5}
    assert set(shopper.ids("rerank", filter=given('department = "black"'), **more)) == {
        "black-2", "black-1",
    }  # fmt: skip
    whole = shopper.ids("rerank", **more)
    left = shopper.ids("rerank", filter=given('NOT department = "white"'), **more)
    assert left == [item for item in whole if not item.startswith("white")]


def test_attributes_and_events_count_at_once(shopper: Any) -> None:
    asked = given("stock > 0 AND price <= $most", most=5)
    assert shopper.ids("popular", filter=asked) == []
    shopper.put("white-1", stock=3, price=4)
    shopper.put("white-2", stock=3, price=6)
    shopper.put("new", stock=1, price="1.5")
    assert set(shopper.ids("popular", filter=asked)) == {"white-1", "new"}
    shopper.put("white-1", stock=0)
    shopper.put("white-2", price=5)
    assert set(shopper.ids("popular", filter=asked)) == {"white-2", "new"}
    shopper.put("new", stock=None)
    assert shopper.ids("popular", filter=asked) == ["white-2"]
    shopper.put("white-2", available=False)
    assert shopper.ids("popular", filter=asked) == []
    unseen = given('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")')
    before = shopper.ids(user_id="newcomer", k=3, filter=unseen)
    shopper.post(("newcomer", before[0], "view"))
    after = shopper.ids(user_id="newcomer", k=24, filter=unseen)
    assert before[0] not in after
    assert before[1] in after
    assert before[0] in shopper.ids(user_id="somebody", k=24, filter=unseen)


def test_another_process_sees_the_same(shopper: Any) -> None:
    asked = given("price < 3 AND NOT on_sale")
    for number in range(12):
        shopper.put(f"black-{number}", price=number / 2, on_sale=number % 2 == 0)
    wanted = {"black-1", "black-3", "black-5"}
    assert set(shopper.ids("popular", filter=asked)) == wanted
    shopper.reopen()
    assert set(shopper.ids("popular", filter=asked)) == wanted
    assert shopper.ids(user_id="newcomer", k=1, filter=asked)[0] in wanted


def test_cold_items_and_newcomers_are_filtered_too(shopper: Any) -> None:
    shopper.put("black-new", department="black", name="black thing 99", price=1)
    asked = given("price = 1")
    assert shopper.ids(user_id="newcomer", filter=asked) == ["black-new"]
    assert shopper.ids("related", item_id="black-3", filter=asked) == ["black-new"]
    hidden = given("NOT price = 1")
    assert "black-new" not in shopper.ids(user_id="newcomer", k=30, filter=hidden)
    assert "black-new" not in shopper.ids(user_id="nobody", k=30, filter=hidden)
    beside = given('department = "white"')
    assert set(shopper.ids("related", item_id="black-new", k=5, filter=beside)) <= {
        f"white-{n}" for n in range(12)
    }


def test_a_filter_holds_when_stages_fail(shopper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = given('department = "white"')

    def broken(*_: Any) -> Any:
        raise OSError("for a test")

    with monkeypatch.context() as patch:
        patch.setattr(LiveState, "popular", broken)
        found = shopper.answer("popular", k=24, filter=asked)
        assert found.fallback
        assert {item.id for item in found.items} == {f"white-{n}" for n in range(12)}
    with monkeypatch.context() as patch:
        patch.setattr(Permitted, "by_row", property(broken))
        patch.setattr(Permitted, "by_model", property(broken))
        found = shopper.answer(user_id="newcomer", k=24, filter=asked)
        assert (found.items, found.fallback) == ((), "candidates:error")


def test_one_item_in_ten_thousand_still_fills_the_list() -> None:
    """Before a training; the popular items, what is near, and the newest are all others."""
    state = LiveState(None, StateLimits())
    draw = np.random.default_rng(1)
    stock = np.zeros(50_000, int)
    stock[draw.choice(50_000, 5, replace=False)] = 1
    items = tuple(
        Item(f"i{n}", {"department": f"d{n % 20}", "stock": int(stock[n])}) for n in range(50_000)
    )
    events = tuple(
        Event(f"u{n % 50}", f"i{int(draw.zipf(1.3)) % 50_000}", "view", NOW - n, f"e{n}")
        for n in range(5000)
    )
    state.apply(ItemsPut(NOW, items=items), 1)
    state.apply(EventsPosted(NOW, events=events), 2)
    now, wanted = live(state, UNTRAINED), {f"i{n}" for n in np.flatnonzero(stock)}
    for surface, more in (
        ("popular", {}), ("personal", {"user_id": "u1"}), ("personal", {"user_id": "?"}),
        ("related", {"item_id": "i7"}),
    ):  # fmt: skip
        query = Query(surface, NOW, k=5, filter=given("stock > 0"), **more)
        assert {item.id for item in engine.answer(now, query).items} == wanted


def test_reasons_name_the_filter(shopper: Any) -> None:
    asked = given('department = "white" | EXCLUDE ItemID WHERE name = "white thing 2"')
    query = Query("personal", shopper.at, user_id="newcomer", filter=asked)
    found = explained(shopper.shop, query)
    assert all(f"filter:{asked.text}" in item.explanation.rules for item in found.items)  # type: ignore[union-attr]
    told = why_not(shopper.shop, query, "white-2")
    assert (told.verdict, told.lacks) == (
        "filtered_out", 'filtered out by EXCLUDE ItemID WHERE Items.name = "white thing 2"',
    )  # fmt: skip
    told = why_not(shopper.shop, query, "black-5")
    assert told.lacks == 'filtered out by INCLUDE ItemID WHERE Items.department = "white"'
    for number in range(12):
        told = why_not(shopper.shop, query, f"white-{number}")
        assert told.verdict in ("in_list", "outranked", "filtered_out")
        assert (told.verdict == "filtered_out") == (number == 2)


def test_a_filtered_answer_is_given_again(shopper: Any) -> None:
    shopper.put("white-2", price=1)
    shopper.put("white-3", price=2)
    asked = given("price < $p", p=3)
    query = Query("personal", shopper.at, user_id="newcomer", filter=asked)
    then = answer(shopper.shop, query)
    assert {item.id for item in then.items} == {"white-2", "white-3"}
    shopper.put("white-2", price=9)
    assert {item.id for item in answer(shopper.shop, query).items} == {"white-3"}
    assert replay(shopper.shop, then.answer_id, query).answer.items == then.items
    for other in (None, given("price < $p", p=4), given("price < 3")):
        changed = Query("personal", shopper.at, user_id="newcomer", filter=other)
        with pytest.raises(InvalidInput) as refused:
            replay(shopper.shop, then.answer_id, changed)
        assert refused.value.code == "answer_query_differs"


def test_the_id_of_an_answer_without_a_filter_stays_as_it_was() -> None:
    assert query_hash("default", Query("popular", 0)).hex() == "c20d494d48c6aeb5"


def users(state: LiveState, text: str, **values: Any) -> set[str]:
    asked = filtering(parse(text, extended=True), values)
    marks = matching_users(state, asked, NOW)
    return {state.users.id(row) for row in np.flatnonzero(marks).tolist()}


def test_users_that_a_filter_chooses() -> None:
    state = LiveState(None, StateLimits())
    people: dict[str, dict[str, Any]] = {
        "ann": {"country": "DE", "age": 30, "likes": ["tea", "milk"]},
        "bob": {"country": "FR", "age": "19"},
        "cid": {"country": "DE", "age": 50},
    }
    put = tuple(User(name, attributes) for name, attributes in people.items())
    state.apply(UsersPut(NOW, users=put), 1)
    done = [("ann", "view", 1), ("ann", "purchase", 40), ("bob", "view", 9), ("dan", "purchase", 2)]
    events = tuple(
        Event(user, "x", kind, NOW - days * DAY_US, f"{user} {kind}") for user, kind, days in done
    )
    state.apply(EventsPosted(NOW, events=events), 2)
    select = "INCLUDE UserID WHERE "
    table: dict[str, set[str]] = {
        'Users.country IN ("DE")': {"ann", "cid"},
        'Users.COUNTRY NOT IN ("DE")': {"bob", "dan"},
        "Users.age < 40": {"ann", "bob"},
        'Users.likes = "tea"': {"ann"},
        'Interactions.EVENT_TYPE IN ("Purchase")': {"ann", "dan"},
        'Interactions.EVENT_TYPE IN ("*")': {"ann", "bob", "dan"},
        'Interactions.EVENT_TYPE NOT IN ("view")': {"cid", "dan"},
        'Interactions.EVENT_TYPE IN ("purchase") WITHIN 7 days': {"dan"},
        'Interactions.EVENT_TYPE IN ("view") AND age > 20': {"ann"},
        "age IS NULL": {"dan"},
        "age > 20 | EXCLUDE UserID WHERE likes IS NOT NULL": {"cid"},
    }
    for text, wanted in table.items():
        assert users(state, select + text) == wanted, text
    assert users(state, select + "age > $a", a=45) == {"cid"}
    state.apply(UserErased(NOW, user_id="cid"), 3)
    assert users(state, "EXCLUDE UserID WHERE age < 40") == {"dan"}
    with pytest.raises(InvalidInput) as refused:
        users(state, "age > 20")
    assert refused.value.code == "filter_of_items"


def test_users_of_a_snapshot(board: Any) -> None:
    from endcap.app.compaction import settle

    board.post(("late", "black-1", "purchase"))
    before = users(board.shop.now.state, 'INCLUDE UserID WHERE Interactions.EVENT_TYPE = "view"')
    assert before == {f"s{n}" for n in range(60)}
    settle(board.shop, board.at)
    board.reopen()
    state = board.shop.now.state
    assert len(state.base.users) > 60
    assert users(state, 'INCLUDE UserID WHERE Interactions.EVENT_TYPE = "view"') == before
    assert "late" in users(state, 'INCLUDE UserID WHERE Interactions.EVENT_TYPE = "purchase"')
    far = 'INCLUDE UserID WHERE Interactions.EVENT_TYPE = "view" WITHIN 0 seconds'
    assert users(state, far) == before  # the board's clock is ahead of this moment

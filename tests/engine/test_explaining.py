"""Explanations add up to scores; every item has exactly one verdict."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.app.explanations import explained, why_not
from endcap.domain.explanations import (
    AFFINITY,
    COLD,
    CONTENT,
    MODEL,
    NEWCOMER,
    SOURCES,
    VERDICTS,
    Explanation,
)
from endcap.domain.values import SEEN_POLICIES, Query

ITEMS = [f"{colour}-{n}" for colour in ("black", "white") for n in range(12)]
ANY_ITEM = st.sampled_from([*ITEMS, "new-0", "new-1", "strange-0"])
USERS = st.sampled_from(["s0", "s1", "p", "q"])
KINDS = st.sampled_from(["view", "add_to_cart", "purchase", "wish"])
CHANGES = st.one_of(
    st.tuples(st.just("post"), USERS, ANY_ITEM, KINDS),
    st.tuples(st.just("post"), USERS, ANY_ITEM, KINDS),
    st.tuples(st.just("withdraw"), st.sampled_from([*ITEMS, "new-0"]), st.booleans()),
    st.tuples(st.just("add"), st.sampled_from(["new-0", "new-1"]), st.sampled_from(ITEMS)),
    st.tuples(st.just("erase"), USERS),
)
CONTEXTS = st.sampled_from([{}, {}, {"department": "white"}])
SEEN = st.sampled_from([*SEEN_POLICIES, None])
ADDED = (MODEL, COLD, CONTENT, AFFINITY, NEWCOMER)
SHOPS = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def change(board: Any, what: tuple[Any, ...]) -> None:
    if what[0] == "post":
        board.post(what[1:])
    elif what[0] == "withdraw":
        board.put(what[1], available=what[2])
    elif what[0] == "add":
        colour, number = what[2].split("-")
        board.put(what[1], department=colour, name=f"{colour} thing {number}")
    else:
        board.erase(what[1])


def summed(told: Explanation) -> float:
    return told.prior + sum(cause.amount for cause in told.because) + told.others


def check_sum(told: Explanation) -> None:
    assert told.source in SOURCES
    if told.source in ADDED:
        assert summed(told) == pytest.approx(told.score, abs=1e-4)
        assert len(told.because) <= 5
        assert sum(cause.share for cause in told.because) <= 1 + 1e-6
    if told.components is not None:
        amounts = sum(c.amount for c in told.because) + told.others
        assert sum(told.components.values()) == pytest.approx(amounts, abs=1e-4)


def ask(board: Any, surface: str, **more: Any) -> Any:
    return explained(board.shop, Query(surface, at=board.at, **more))


QUERIES = st.tuples(
    st.sampled_from(["personal", "related", "popular", "trending", "rerank"]),
    USERS, ANY_ITEM, st.lists(ANY_ITEM, max_size=6, unique=True), st.integers(1, 40), SEEN,
    CONTEXTS,
)  # fmt: skip


def check_answer(board: Any, query: tuple[Any, ...]) -> None:
    surface, user, item, ids, k, seen, context = query
    asked = {"user_id": user, "item_id": item, "item_ids": tuple(ids), "k": k, "seen": seen}
    plain = board.answer(surface, context=context, **asked)
    told = ask(board, surface, context=context, **asked)
    assert [(i.id, i.score) for i in told.items] == [(i.id, i.score) for i in plain.items]
    for listed in told.items:
        assert listed.explanation is not None
        check_sum(listed.explanation)
        if listed.explanation.source in ADDED and surface != "rerank":
            assert listed.explanation.score == pytest.approx(listed.score, abs=1e-4)


@SHOPS
@given(changes=st.lists(CHANGES, max_size=8), queries=st.lists(QUERIES, min_size=3, max_size=6))
def test_what_pulled_an_item_up_sums_to_its_score(
    board: Any, changes: list[Any], queries: list[Any]
) -> None:
    for what in changes:
        change(board, what)
    for query in queries:
        check_answer(board, query)


@settings(parent=SHOPS, max_examples=8)
@given(changes=st.lists(CHANGES, max_size=8), queries=st.lists(QUERIES, min_size=2, max_size=4))
def test_before_training_the_sums_hold_as_well(
    empty_board: Any, changes: list[Any], queries: list[Any]
) -> None:
    for what in changes:
        change(empty_board, what)
    for query in queries:
        check_answer(empty_board, query)


@SHOPS
@given(
    changes=st.lists(CHANGES, max_size=8), user=USERS, k=st.integers(1, 30), seen=SEEN,
    context=CONTEXTS,
)  # fmt: skip
def test_every_item_has_one_verdict_and_in_list_means_in_the_list(
    board: Any, changes: list[Any], user: str, k: int, seen: str | None, context: Any
) -> None:
    for what in changes:
        change(board, what)
    query = Query("personal", board.at, k, user_id=user, seen=seen, context=context)
    ids = board.ids(user_id=user, k=k, seen=seen, context=context)
    for item in [*ITEMS, "new-0", "new-1", "strange-0", "never heard of"]:
        told = why_not(board.shop, query, item)
        assert told.verdict in VERDICTS
        assert (told.verdict == "in_list") == (item in ids)
        if told.verdict == "in_list":
            assert ids[told.rank - 1] == item
        if told.verdict == "outranked":
            assert told.rank > len(ids)
            assert told.gap == pytest.approx(told.last_score - told.score)
            assert told.gap >= 0 or context


def verdict(board: Any, item: str, user: str = "fan", **more: Any) -> Any:
    return why_not(board.shop, Query("personal", board.at, user_id=user, **more), item)


def test_the_history_is_named_with_its_age_and_share(board: Any) -> None:
    board.post(("fan", "black-3", "view"))
    board.post(("fan", "black-4", "add_to_cart"))
    board.at += 60_000_000
    (first, *_) = ask(board, "personal", user_id="fan", k=3).items
    told = first.explanation
    assert (told.source, told.model_version) == ("model", "v0001")
    assert {cause.item_id for cause in told.because} <= {"black-3", "black-4"}
    ages = {"black-3": 61.0, "black-4": 60.0}
    kinds = {"black-3": "view", "black-4": "add_to_cart"}
    for cause in told.because:
        assert cause.age_seconds == ages[cause.item_id]
        assert cause.event_type == kinds[cause.item_id]
    assert sum(cause.share for cause in told.because) == pytest.approx(1)
    assert told.rules == (f"seen:{board.shop.now.serving.seen_policy}", "available")
    assert told.data_version.log_offset > 0


def test_a_new_item_is_explained_by_its_neighbours(board: Any) -> None:
    board.post(("fan", "black-3", "view"))
    board.put("brand-new", department="black", name="black thing 5")
    items = {i.id: i.explanation for i in ask(board, "personal", user_id="fan", k=24).items}
    told = items["brand-new"]
    assert told.source == "cold"
    assert "black-5" in told.neighbours
    assert told.because[0].item_id == "black-3"


def test_an_event_with_a_new_item_speaks_through_a_known_one(board: Any) -> None:
    board.put("brand-new", department="black", name="black thing 5")
    board.post(("fan", "brand-new", "view"))
    (first, *_) = ask(board, "personal", user_id="fan", k=3).items
    assert [(c.item_id, c.through) for c in first.explanation.because] == [("brand-new", "black-5")]


def test_what_fills_a_list_is_popular(board: Any) -> None:
    assert {i.explanation.source for i in ask(board, "personal", user_id="x").items} == {"popular"}
    assert {i.explanation.source for i in ask(board, "popular").items} == {"popular"}
    odd = ask(board, "rerank", user_id="x", item_ids=("black-1", "?"), k=2).items
    assert [i.explanation.source for i in odd] == ["popular", "unknown"]


def test_each_verdict(board: Any) -> None:
    board.post(("fan", "black-3", "view"), ("fan", "black-1", "purchase"))
    board.post(("fan", "only-an-event", "view"))
    board.put("black-2", available=False)
    board.put("alien", department="", name="")
    told = {
        name: verdict(board, name, k=1, seen="exclude_purchased")
        for name in ("?", "only-an-event", "black-2", "black-1", "alien", "white-7")
    }
    assert {name: v.verdict for name, v in told.items()} == {
        "?": "unknown_item",
        "only-an-event": "not_in_catalogue",
        "black-2": "unavailable",
        "black-1": "excluded_by_seen_policy",
        "alien": "no_score",
        "white-7": "outranked",
    }
    assert (told["black-1"].event_type, told["black-1"].event_age_seconds) == ("purchase", 3.0)
    assert told["white-7"].rank > 1
    assert verdict(board, board.ids(user_id="fan", k=1)[0], k=1).rank == 1


def test_an_item_that_nothing_leads_to_says_so(board: Any) -> None:
    board.post(("fan", "black-3", "view"))
    told = verdict(board, "white-9", k=3)
    assert told.verdict == "outranked"
    assert not told.explanation.because
    assert "prior alone" in told.lacks


def test_a_visitor_is_told_of_popularity(board: Any) -> None:
    last = board.ids(user_id="nobody", k=24)[-1]
    told = verdict(board, last, "nobody", k=3)
    assert (told.verdict, told.rank) == ("outranked", 24)

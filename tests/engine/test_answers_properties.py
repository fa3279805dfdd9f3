"""Properties of every answer, whatever a shop has been through."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.app.compaction import settle
from endcap.app.reloading import reload
from endcap.domain.values import SEEN_POLICIES, Answer
from endcap.engine.answer import STRATEGIES

ITEMS = [f"{colour}-{n}" for colour in ("black", "white") for n in range(12)]
ANY_ITEM = st.sampled_from([*ITEMS, "new-0", "new-1", "strange-0", "strange-1"])
USERS = st.sampled_from(["s0", "s1", "p", "q"])
KINDS = st.sampled_from(["view", "add_to_cart", "purchase", "wish"])

CHANGES = st.one_of(
    st.tuples(st.just("post"), USERS, ANY_ITEM, KINDS),
    st.tuples(st.just("post"), USERS, ANY_ITEM, KINDS),
    st.tuples(st.just("withdraw"), st.sampled_from([*ITEMS, "new-0"]), st.booleans()),
    st.tuples(st.just("add"), st.sampled_from(["new-0", "new-1"]), st.sampled_from(ITEMS)),
    st.tuples(st.just("erase"), USERS),
    st.tuples(st.sampled_from(["settle", "reload"])),
)
QUERIES = st.tuples(
    st.sampled_from(["personal", "related", "popular", "trending", "rerank"]),
    USERS,
    ANY_ITEM,
    st.lists(st.one_of(ANY_ITEM, st.sampled_from(["?", "??"])), max_size=8, unique=True),
    st.integers(1, 40),
    st.sampled_from([*SEEN_POLICIES, None]),
    st.sampled_from([{}, {"department": "white"}]),
)


def change(board: Any, what: tuple[Any, ...]) -> None:
    if what[0] == "post":
        board.post(what[1:])
    elif what[0] == "withdraw":
        board.put(what[1], available=what[2])
    elif what[0] == "add":
        colour, number = what[2].split("-")
        board.put(what[1], department=colour, name=f"{colour} thing {number}")
    elif what[0] == "erase":
        board.erase(what[1])
    elif what[0] == "settle":
        settle(board.shop, board.at)
    else:
        reload(board.shop)


def check_list(told: Answer, k: int) -> None:
    ids = [item.id for item in told.items]
    scores = [item.score for item in told.items]
    assert len(ids) <= k
    assert len(set(ids)) == len(ids)
    assert all(map(math.isfinite, scores))
    assert scores == sorted(scores, reverse=True)
    assert told.strategy in STRATEGIES
    assert (told.strategy == "none") == (not ids)


def check_sold(board: Any, told: Answer) -> None:
    state = board.shop.now.state
    for item in told.items:
        attributes = state.item_attributes(state.items.row(item.id))
        assert attributes
        assert attributes.get("available") is not False


def check_seen(board: Any, told: Answer, user: str, policy: str) -> None:
    state = board.shop.now.state
    history = state.history(user)
    seen = set(state.items.ids(history.items))
    bought = set(state.items.ids(history.items[history.types == 2]))
    gone = {"none": set(), "exclude_seen": seen, "exclude_purchased": bought}[policy]
    assert gone.isdisjoint(item.id for item in told.items)


@pytest.mark.parametrize("part", range(2))  # two shops of their own: state grows over examples
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(changes=st.lists(CHANGES, max_size=8), queries=st.lists(QUERIES, min_size=4, max_size=8))
def test_every_answer_keeps_its_promises(
    board: Any, part: int, changes: list[Any], queries: list[Any]
) -> None:
    for what in changes:
        change(board, what)
    for surface, user, item, given_ids, k, seen, context in queries:
        told = board.answer(
            surface, user_id=user, item_id=item, item_ids=tuple(given_ids), k=k, seen=seen,
            context=context,
        )  # fmt: skip
        check_list(told, k)
        policy = seen or board.shop.now.serving.seen_policy
        if surface == "rerank":
            ids = [item.id for item in told.items]
            assert set(ids) <= set(given_ids)
            if seen is None:
                assert len(ids) == min(k, len(given_ids))
            else:
                check_seen(board, told, user, policy)
            known = [board.shop.now.state.items.row(i) >= 0 for i in ids]
            assert known == sorted(known, reverse=True)
            continue
        check_sold(board, told)
        check_seen(board, told, user, policy)
        if surface == "related":
            assert item not in [i.id for i in told.items]
        elif surface in ("personal", "popular"):
            sellable = board.shop.now.sellable.mask()
            state = board.shop.now.state
            rows = set(state.history(user).items.tolist())
            assert len(told.items) >= min(k, int(sellable.sum()) - len(rows))

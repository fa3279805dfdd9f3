"""A ranker that fails or comes too late costs its order, and the answer says so."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest

from endcap.app.answers import answer
from endcap.app.explanations import explained
from endcap.app.replaying import replay
from endcap.app.submit import submission
from endcap.app.warmth import warm
from endcap.domain.values import Query
from endcap.engine import rank
from endcap.engine.guarding import Deadline
from endcap.engine.probability import RANKER
from endcap.models.ranker import BY_RANKER, BY_RECIPE
from endcap.models.trees import Trees


class Broken(Exception):
    """What a test raises inside the ranker."""


def broken(*_: Any, **__: Any) -> Any:
    raise Broken


@pytest.fixture
def board_of_two_orders(board: Any, ranked: Any) -> tuple[Any, Any, Any]:
    """(the shop with a ranker, the recipe's answer, the ranker's answer)."""
    board.post(*[("fan", f"black-{i}", "view") for i in (1, 2)])
    board.post(*[("fan", "black-7", "view")] * 6)
    board.at += 1
    by_recipe = board.answer(user_id="fan", k=5)
    reopened = ranked("pair_views", BY_RANKER)
    by_ranker = reopened.answer(user_id="fan", k=5)
    assert by_ranker.items != by_recipe.items
    return reopened, by_recipe, by_ranker


def fallbacks(board: Any) -> dict[tuple[str, str], float]:
    counters = board.shop.telemetry.counters.items()
    named = {labels: n for (name, labels), n in counters if name == "fallbacks_total"}
    return {(dict(labels)["stage"], dict(labels)["reason"]): n for labels, n in named.items()}


FAILURES = {
    "features": lambda patch: patch.setattr(rank, "feature_rows", broken),
    "trees": lambda patch: patch.setattr(Trees, "margins", broken),
    "not a number": lambda patch: patch.setattr(
        Trees, "margins", lambda self, rows: np.full(len(rows), np.nan, np.float32)
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_the_recipes_order_is_served_and_marked(
    board_of_two_orders: Any, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, by_recipe, by_ranker = board_of_two_orders
    with monkeypatch.context() as patch:
        FAILURES[failure](patch)
        told = board.answer(user_id="fan", k=5)
    assert told.items == by_recipe.items
    assert (told.strategy, told.fallback) == ("personal", "rank:error")
    assert fallbacks(board) == {("rank", "error"): 1}
    again = board.answer(user_id="fan", k=5)
    assert (again.items, again.fallback) == (by_ranker.items, "")


def test_a_list_to_order_keeps_the_recipes_order(
    board_of_two_orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, _, _ = board_of_two_orders
    asked = tuple(f"black-{i}" for i in (4, 5, 7, 9))
    by_ranker = board.answer("rerank", user_id="fan", item_ids=asked, k=4)
    monkeypatch.setattr(Trees, "margins", broken)
    told = board.answer("rerank", user_id="fan", item_ids=asked, k=4)
    assert (told.strategy, told.fallback) == ("personal", "rank:error")
    assert {item.id for item in told.items} == set(asked)
    assert told.items != by_ranker.items


# looks at the clock: entering the candidates, then the ranker, then leaving it
@pytest.mark.parametrize("looks", [1, 2])
def test_a_ranker_that_comes_too_late_is_not_waited_for(
    board_of_two_orders: Any, looks: int
) -> None:
    board, by_recipe, _ = board_of_two_orders
    board.put("brand-new", department="black", name="black thing 5")
    ticks = count()
    deadline = Deadline(lambda: float(next(ticks)), looks - 0.5)
    told = answer(board.shop, Query("personal", board.at, user_id="fan"), deadline)
    assert (told.strategy, told.fallback) == ("personal", "rank:deadline")
    assert [item.id for item in told.items] == [item.id for item in by_recipe.items]
    assert fallbacks(board) == {("rank", "deadline"): 1}


def test_such_an_answer_is_replayed_and_explained_as_it_was(
    board_of_two_orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, by_recipe, _ = board_of_two_orders
    query = Query("personal", board.at, user_id="fan")
    with monkeypatch.context() as patch:
        patch.setattr(Trees, "margins", broken)
        told = explained(board.shop, query)
    assert {item.explanation.source for item in told.items} == {"model"}
    assert all(item.explanation.features is None for item in told.items)
    again = replay(board.shop, told.answer_id, query)
    assert again.answer.items == by_recipe.items
    late = Deadline(lambda: 1.0, 2.0)
    assert answer(board.shop, query, late).answer_id != told.answer_id


def test_submissions_go_on_with_held_out_figures(
    board_of_two_orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, _, _ = board_of_two_orders
    assert submission(board.shop, "fan", 3, board.at).source == RANKER
    monkeypatch.setattr(Trees, "margins", broken)
    told = submission(board.shop, "fan", 3, board.at)
    assert told.source != RANKER
    assert told.answer.fallback == "rank:error"
    assert len(told.products) == 3


def test_probabilities_do_not_depend_on_whose_order_is_served(board: Any, ranked: Any) -> None:
    board.post(*[("fan", "black-7", "view")] * 6, ("fan", "black-1", "view"))
    board.at += 1
    reopened = ranked("pair_views", BY_RECIPE)
    told = submission(reopened.shop, "fan", 24, board.at)
    assert told.source == RANKER
    likely = {product.product_id: product.probability for product in told.products}
    assert likely["black-7"] > 0.9 > likely["black-1"]


@pytest.mark.parametrize("order", [BY_RANKER, BY_RECIPE])
def test_taking_up_a_version_warms_its_ranker_even_without_shoppers(
    board: Any, ranked: Any, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []
    for name in ("margins", "contributions"):
        whole = getattr(Trees, name)
        monkeypatch.setattr(
            Trees, name, lambda self, rows, w=whole, n=name: called.append(n) or w(self, rows)
        )
    now = ranked("pair_views", order).shop.now
    called.clear()
    with monkeypatch.context() as patch:
        patch.setattr(type(now.state), "history", broken)  # whatever else is warmed
        warm(now, board.at)
    assert set(called) == {"margins", "contributions"}

"""The ranker's stage: whose order is served, and what happens without a sound ranker."""

from __future__ import annotations

from typing import Any

import numpy as np

from endcap.app.rankers import RANKERS
from endcap.app.submit import submission
from endcap.domain.values import Query
from endcap.engine import rank
from endcap.engine.moment import observe
from endcap.engine.probability import RANKER
from endcap.engine.surfaces import scores_of
from endcap.models.ranker import BY_RANKER, BY_RECIPE, COLUMNS

COLOUR = "black"


def shopper(board: Any, name: str = "fan") -> None:
    board.post(*[(name, f"{COLOUR}-{i}", "view") for i in (1, 2)])
    board.post(*[(name, f"{COLOUR}-7", "view")] * 6)
    board.at += 1  # features look at what was before the moment


def test_the_order_is_the_rankers_where_it_won(ranked: Any) -> None:
    board = ranked("pair_views", BY_RANKER)
    shopper(board)
    told = board.answer(user_id="fan", k=5)
    assert told.items[0].id == f"{COLOUR}-7"
    assert told.strategy == "personal"
    scores = [item.score for item in told.items]
    assert scores == sorted(scores, reverse=True)


def test_the_order_is_the_recipes_where_the_ranker_did_not_win(board: Any, ranked: Any) -> None:
    shopper(board)
    before = board.answer(user_id="fan", k=5)
    reopened = ranked("pair_views", BY_RECIPE, -1)
    assert reopened.shop.now.serving.ranker is not None
    assert reopened.answer(user_id="fan", k=5).items == before.items


def test_rerank_follows_the_ranker_and_keeps_every_item(ranked: Any) -> None:
    board = ranked("pair_views", BY_RANKER)
    shopper(board)
    asked = tuple(f"{COLOUR}-{i}" for i in (4, 5, 7, 9))
    told = board.answer("rerank", user_id="fan", item_ids=asked, k=4)
    assert told.items[0].id == f"{COLOUR}-7"
    assert {item.id for item in told.items} == set(asked)
    scores = [item.score for item in told.items]
    assert scores == sorted(scores, reverse=True)


def test_a_click_changes_the_rankers_answer_at_once(ranked: Any) -> None:
    board = ranked("pair_views", BY_RANKER)
    board.post(("fan", f"{COLOUR}-1", "view"), ("fan", f"{COLOUR}-2", "view"))
    last = board.ids(user_id="fan", k=10)[-1]
    board.post(*[("fan", last, "view")] * 6)
    board.at += 1
    assert board.ids(user_id="fan", k=1) == [last]


def test_probabilities_and_contributions_are_of_the_row_that_was_ranked(ranked: Any) -> None:
    board = ranked("pair_views", BY_RANKER)
    shopper(board)
    state = board.shop.now.state
    rows = np.array([state.items.row(f"{COLOUR}-{i}") for i in (7, 4)], np.int32)
    moment = observe(board.shop.now, Query("personal", at=board.at, user_id="fan"))
    scores = scores_of(moment, rows)
    likely = rank.probabilities(moment, rows, scores)
    assert likely is not None
    assert likely[0] > 0.9
    assert likely[1] < 0.1
    parts = rank.contributions(moment, rows, scores)
    assert parts is not None
    assert np.abs(parts[0, :-1]).argmax() == COLUMNS.index("pair_views")
    nobody = observe(board.shop.now, Query("personal", at=board.at, user_id="nobody"))
    assert rank.probabilities(nobody, rows, scores) is None


def test_submissions_say_the_rankers_probabilities(ranked: Any) -> None:
    board = ranked("pair_views", BY_RANKER)
    shopper(board)
    told = submission(board.shop, "fan", 3, board.at)
    assert told.source == RANKER
    assert told.products[0].product_id == f"{COLOUR}-7"
    assert told.products[0].probability > 0.9 > told.products[1].probability


def test_a_damaged_ranker_costs_the_order_and_is_counted(
    board: Any, ranked: Any, damage: Any
) -> None:
    shopper(board)
    before = board.answer(user_id="fan", k=5)
    reopened = ranked("pair_views", BY_RANKER)
    assert reopened.answer(user_id="fan", k=5).items != before.items
    damage(board, RANKERS, "v0001")
    board.reopen()
    assert board.shop.now.serving.ranker is None
    assert board.answer(user_id="fan", k=5).items == before.items
    assert board.answer(user_id="fan", k=5).model_version == "v0001"
    counted = board.shop.telemetry.counters
    assert counted[("load_failures_total", (("code", "artifact_damaged"),))] == 1


def test_training_says_why_a_small_shop_has_no_ranker(board: Any) -> None:
    from endcap.control import solution_versions

    info = solution_versions.version(board.shop.documents, "v0001").info
    assert info["ranker"]["status"] == "skipped"
    assert "fewer than 500" in info["ranker"]["reason"]

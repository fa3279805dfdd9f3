"""What a ranker's answer says of itself: scores, probabilities, features, and who was moved out."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app.explanations import explained, why_not
from endcap.domain.values import Query
from endcap.models.ranker import BY_RANKER, BY_RECIPE


@pytest.fixture
def fan(board: Any, ranked: Any) -> Any:
    """(a shop with a ranker of one feature, the recipe's list of the shopper ``fan``)."""

    def publish(order: str) -> Any:
        board.post(*[("fan", f"black-{i}", "view") for i in (1, 2)])
        board.post(*[("fan", "black-7", "view")] * 6)
        board.at += 1
        ids = board.ids(user_id="fan", k=12)
        return ranked("pair_views", order), ids

    return publish


def told_of(board: Any, surface: str = "personal", **more: Any) -> Any:
    return explained(board.shop, Query(surface, board.at, user_id="fan", **more))


def check(item: Any) -> None:
    told = item.explanation
    assert told.score == pytest.approx(item.score, abs=1e-5)
    own = told.prior + sum(cause.amount for cause in told.because) + told.others
    assert own == pytest.approx(told.ranker.recipe_score, abs=1e-4)
    parts = told.ranker.average + sum(told.features.values()) + told.ranker.other_features
    assert parts == pytest.approx(told.ranker.log_odds, abs=1e-4)
    assert abs(told.ranker.other_features) < 1.0
    assert set(told.ranker.values) == set(told.features)
    assert 0 < told.ranker.probability < 1


@pytest.mark.parametrize("order", [BY_RANKER, BY_RECIPE])
def test_features_sum_to_the_log_odds_and_events_to_the_recipes_score(fan: Any, order: str) -> None:
    board, by_recipe = fan(order)
    plain = board.answer(user_id="fan", k=6)
    told = told_of(board, k=6)
    assert [(i.id, i.score) for i in told.items] == [(i.id, i.score) for i in plain.items]
    for item in told.items:
        check(item)
        assert item.explanation.ranker.order == order
        assert by_recipe[item.explanation.ranker.recipe_rank - 1] == item.id
    seven = next(i.explanation for i in told_of(board, k=12).items if i.id == "black-7")
    assert next(iter(seven.features)) == "pair_views"
    assert seven.ranker.values["pair_views"] == 6
    assert seven.ranker.probability > 0.9


def test_a_list_to_order_is_explained_too(fan: Any) -> None:
    board, _ = fan(BY_RANKER)
    told = told_of(board, "rerank", item_ids=("black-4", "black-7", "black-9"), k=3)
    assert told.items[0].id == "black-7"
    for item in told.items:
        check(item)


def test_the_ranker_is_named_where_it_moved_an_item_out(fan: Any) -> None:
    board, by_recipe = fan(BY_RANKER)
    k = 3
    served = board.ids(user_id="fan", k=12)
    moved_out = [item for item in by_recipe[:k] if item not in served[:k]]
    assert moved_out
    for item in by_recipe:
        told = why_not(board.shop, Query("personal", board.at, k, user_id="fan"), item)
        if item in served[:k]:
            assert told.verdict == "in_list"
            continue
        assert told.verdict == "outranked"
        assert told.stage == ("rank" if item in moved_out else "candidates")
        if item in moved_out:
            assert "the ranker moved it from place" in told.lacks
            assert told.explanation.ranker.recipe_rank == by_recipe.index(item) + 1
        assert told.rank == served.index(item) + 1
        assert told.gap == pytest.approx(told.last_score - told.score)
        assert told.gap >= 0

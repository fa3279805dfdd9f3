"""Probabilities are what was measured on held-out shoppers, else shares of demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.data.interactions import from_sequences
from endcap.engine.probability import HELD_OUT, POPULARITY, probabilities
from endcap.models.blending import never_rising
from endcap.models.recipe import Recipe


def test_each_rank_has_the_share_of_held_out_queries_that_it_answers() -> None:
    """Sessions around a circle: the next item is nearly always certain, so rank 1 takes all."""
    draw = np.random.default_rng(3)
    walks = [[int(b + step) % 30 for step in range(4)] for b in draw.integers(0, 30, 400)]
    info = Recipe.fit(from_sequences(walks, 30, ordered=True)).info
    shares = info["hit_share_by_rank"]
    assert shares[0] > 0.9
    assert shares == sorted(shares, reverse=True)
    # One target for each query: the shares of the first 20 ranks make up recall@20, but for
    # the half hit that each rank is given.
    given_away = 20 * 0.5 / info["held_out_queries"]
    assert sum(shares[:20]) == pytest.approx(info["held_out"]["recall@20"], abs=given_away + 0.01)


def test_a_personal_answer_has_the_shares_of_its_ranks(board: Any) -> None:
    board.post(("newcomer", "black-3", "view"))
    board.shop.now.serving.recipe.info["hit_share_by_rank"] = [0.5, 0.25, 0.125]
    told = board.answer(user_id="newcomer", k=5)
    rows = np.array([board.shop.now.state.items.row(i.id) for i in told.items], np.int32)
    found = probabilities(board.shop.now, board.at, rows, told.strategy)
    assert found.source == HELD_OUT
    assert found.values.tolist() == [0.5, 0.25, 0.125, 0.125, 0.125]


def test_any_other_answer_has_shares_of_demand(board: Any) -> None:
    rows = np.arange(len(board.shop.now.state.items), dtype=np.int32)
    found = probabilities(board.shop.now, board.at, rows, "popular")
    assert found.source == POPULARITY
    assert found.values.min() > 0
    assert found.values.sum() < 1
    assert found.values.sum() == pytest.approx(1, abs=0.01)  # what is missing: one view


@given(st.lists(st.floats(0, 1), max_size=30))
def test_what_never_rises_keeps_its_sum_and_its_order(values: list[float]) -> None:
    found = never_rising(np.array(values))
    assert len(found) == len(values)
    assert found == sorted(found, reverse=True)
    assert sum(found) == pytest.approx(sum(values), abs=1e-4)
    if values == sorted(values, reverse=True):
        assert found == pytest.approx(values, abs=1e-6)

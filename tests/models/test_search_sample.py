"""Choosing settings on a part of the users, and within a bounded amount of work."""

import numpy as np
import pytest

from endcap.data.interactions import Interactions, from_sequences
from endcap.models import holdout
from endcap.models.choosing import Budget
from endcap.models.recipe import Recipe


def circles(seed: int = 0) -> Interactions:
    """Sessions that walk i → i + 1 around a circle of 30 items."""
    begins = np.random.default_rng(seed).integers(0, 30, 600)
    return from_sequences(
        [[int(b + step) % 30 for step in range(4)] for b in begins], 30, ordered=True
    )


def test_the_sample_is_whole_histories_and_the_same_for_a_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = circles()
    assert holdout.for_search(data, 0) is data  # everything, while it is not large
    monkeypatch.setattr(holdout, "SEARCH_EVENTS", 1000)
    part = holdout.for_search(data, 0)
    assert len(part) == 1000
    assert part.n_items == 30
    assert part.n_users == 600  # rows stay what they were
    assert set(np.diff(part.starts())) == {0, 4}
    np.testing.assert_array_equal(part.user, holdout.for_search(data, 0).user)
    assert set(part.user) != set(holdout.for_search(data, 1).user)


def test_a_catalogue_that_needs_more_events_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdout, "SEARCH_EVENTS", 100)
    assert len(holdout.for_search(circles(), 0)) == 300


def test_a_recipe_searched_on_a_part_is_fitted_on_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holdout, "SEARCH_EVENTS", 1000)
    first, again = (Recipe.fit(circles(), budget_s=2.0) for _ in range(2))
    assert first.info == again.info
    assert first.info["searched_events"] == 1000
    assert first.info["events"] == 2400
    np.testing.assert_array_equal(first.mixture.stack.weights, again.mixture.stack.weights)
    assert first.related(5, 1).rows[0] == 6


def test_each_family_gets_its_share_of_what_is_left() -> None:
    whole = Budget(12.0)
    first = whole.part(3)
    assert first.spend(3.0)
    assert not first.spend(2.0)  # 4 for each of three
    assert whole.left == 9.0
    second = whole.part(2)
    assert second.spend(4.5)
    assert whole.part(1).left == 4.5

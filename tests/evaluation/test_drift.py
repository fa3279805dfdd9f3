"""Drift of what shoppers choose: nothing where nothing changes, much where other items are."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.evaluation.drift import BINS, LEAST_EVENTS, binned, item_drift

SPLIT = 1_000_000


def chosen(before: list[int], after: list[int], n_items: int = 20) -> Interactions:
    """One shopper's events on items, up to ``SPLIT`` and later."""
    item = np.array([*before, *after], np.int32)
    late = np.arange(len(item)) >= len(before)
    return Interactions(
        user=np.zeros(len(item), np.int32), item=item, type=np.zeros(len(item), np.uint8),
        ts=np.where(late, SPLIT + 1, SPLIT).astype(np.int64), user_ids=["u"],
        item_ids=[f"i{n}" for n in range(n_items)],
    )  # fmt: skip


def draws(seed: int, size: int, weights: list[float]) -> list[int]:
    shares = np.array(weights) / sum(weights)
    found: list[int] = np.random.default_rng(seed).choice(len(weights), size, p=shares).tolist()
    return found


USUAL = [20.0 - n for n in range(15)] + [0.0] * 5


def test_the_same_habits_are_no_drift() -> None:
    found = item_drift(chosen(draws(1, 4000, USUAL), draws(2, 4000, USUAL)), SPLIT)
    assert found is not None
    assert 0 <= found < 0.02


def test_other_habits_are() -> None:
    found = item_drift(chosen(draws(1, 4000, USUAL), draws(2, 4000, USUAL[::-1])), SPLIT)
    assert found is not None
    assert found > 0.25


def test_by_hand() -> None:
    data = chosen([0] * 100 + [1] * 100, [0] * 50 + [1] * 150, n_items=2)
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert item_drift(data, SPLIT) == pytest.approx(expected)


def test_new_items_count() -> None:
    found = item_drift(chosen([0] * 200, [0] * 100 + [1] * 100, n_items=2), SPLIT)
    assert found is not None
    assert found > 1


@pytest.mark.parametrize("short", [0, 1])
def test_too_few_events_say_nothing(short: int) -> None:
    sides = [[0] * LEAST_EVENTS, [0] * LEAST_EVENTS]
    assert item_drift(chosen(*sides), SPLIT) == pytest.approx(0)
    sides[short].pop()
    assert item_drift(chosen(*sides), SPLIT) is None


def test_bins_hold_a_tenth_of_the_events_each() -> None:
    bins = binned(np.full(100, 3))
    assert np.bincount(bins).tolist() == [10] * BINS
    assert binned(np.array([0, 7, 0])).tolist() == [BINS, 0, BINS]

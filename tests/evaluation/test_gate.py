"""The gate on shops whose best version is known."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.evaluation import gate as gates
from endcap.evaluation.gate import against_baseline, against_current, gate, verdict
from endcap.evaluation.results import NOT_JUDGED, PASSED, REFUSED, Verdict
from endcap.models.recipe import Recipe

DAY_US = 86_400_000_000
ITEMS = 30


def circle(shoppers: int, noise: float = 0.0, seed: int = 0) -> Interactions:
    """Everybody walks i → i + 1 around ``ITEMS`` items, a step a day, for twelve days;
    ``noise``: the share of steps that lead anywhere instead."""
    draw = np.random.default_rng(seed)
    begins = draw.integers(0, ITEMS, shoppers)
    item = (begins[:, None] + np.arange(12)) % ITEMS
    lost = draw.random(item.shape) < noise
    item[lost] = draw.integers(0, ITEMS, int(lost.sum()))
    n = item.size
    return Interactions(
        user=np.repeat(np.arange(shoppers, dtype="i4"), 12),
        item=item.astype("i4").ravel(),
        type=np.zeros(n, "u1"),
        ts=np.tile(np.arange(12, dtype="i8") * DAY_US, shoppers),
        user_ids=[f"u{i}" for i in range(shoppers)],
        item_ids=[f"i{i}" for i in range(ITEMS)],
    )


def ask(new: Recipe, current: Recipe | None, data: Interactions) -> Verdict:
    return gate(new, current, data, name="v0001", seed=0, threads=1, memory_mb=1024)


@pytest.fixture(scope="module")
def walk() -> Interactions:
    return circle(200, noise=0.3)


@pytest.fixture(scope="module")
def good(walk: Interactions) -> Recipe:
    return Recipe.fit(walk, budget_s=5.0)


@pytest.fixture(scope="module")
def poor(walk: Interactions) -> Recipe:
    """No budget to choose by: co-occurrence alone, that counts who took both."""
    return Recipe.fit(walk, budget_s=0.0)


def test_a_first_version_needs_to_beat_the_baselines(walk: Interactions, good: Recipe) -> None:
    found = ask(good, None, walk)
    assert (found.outcome, found.metric, found.queries) == (PASSED, "ndcg@20", 200)
    assert [rival.name for rival in found.rivals] == ["popularity", "recent"]
    assert all(rival.low > 0 for rival in found.rivals)


def test_the_same_choices_on_more_data_pass(walk: Interactions, good: Recipe) -> None:
    found = ask(Recipe.fit(walk, budget_s=5.0), good, walk)
    rival = found.rivals[-1]
    assert (found.outcome, rival.name, rival.passed) == (PASSED, "v0001", True)
    assert (rival.difference, rival.low, rival.high) == (0.0, 0.0, 0.0)


def test_a_worse_version_is_refused_and_told_by_whom(
    walk: Interactions, good: Recipe, poor: Recipe
) -> None:
    found = ask(poor, good, walk)
    assert (found.outcome, found.refused) == (REFUSED, True)
    assert [rival.name for rival in found.rivals if not rival.passed] == ["v0001"]
    assert "of v0001" in found.reason
    assert found.rivals[-1].high < 0
    assert ask(good, poor, walk).outcome == PASSED  # the other way round


def test_where_there_is_nothing_to_learn_a_baseline_refuses() -> None:
    noise = circle(200, noise=1.0)
    found = ask(Recipe.fit(noise, budget_s=5.0), None, noise)
    assert found.outcome == REFUSED
    assert "popularity" in found.reason


def test_too_few_shoppers_are_not_judged() -> None:
    few = circle(gates.LEAST_QUERIES - 1)
    recipe = Recipe.fit(few, budget_s=1.0)
    found = ask(recipe, recipe, few)
    assert (found.outcome, found.rivals, found.refused) == (NOT_JUDGED, (), False)
    assert "99" in found.reason


def test_nobody_learns_from_the_tail(
    walk: Interactions, good: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    whole = Recipe.refitted

    def note(recipe: Recipe, data: Interactions, **named: int) -> Recipe:
        seen.append(int(data.ts.max()))
        return whole(recipe, data, **named)

    monkeypatch.setattr(Recipe, "refitted", note)
    ask(good, good, walk)
    assert len(seen) == 2
    assert all(newest < walk.ts.max() for newest in seen)


def test_a_small_sure_loss_passes_and_a_larger_does_not() -> None:
    old = np.full(400, 0.5)
    assert against_current("v1", old * 0.99, old, 0).passed  # 1 % less, surely
    assert not against_current("v1", old * 0.97, old, 0).passed
    assert not against_baseline("popularity", old, old, 0).passed  # as good is not better


def test_an_unsure_loss_does_not_pass_and_an_unsure_gain_does() -> None:
    draw = np.random.default_rng(0)
    old = draw.random(400)
    change = draw.normal(size=400)
    change -= change.mean()
    assert not against_current("v1", old + change - 0.005, old, 0).passed
    assert against_current("v1", old + change + 0.005, old, 0).passed


def test_one_lost_rival_refuses() -> None:
    new, worse = np.linspace(0.4, 0.6, 200), np.linspace(0.1, 0.3, 200)
    won, lost = against_baseline("a", new, worse, 0), against_baseline("b", worse, new, 0)
    assert verdict(200, (won, won)).outcome == PASSED
    found = verdict(200, (won, lost))
    assert found.outcome == REFUSED
    assert " of b:" in found.reason
    assert " of a:" not in found.reason

"""The best recall that is stated, against plain simulation of the step function."""

import numpy as np
import pytest

from endcap.data.synthetic.demand import Shop, open_shop
from endcap.data.synthetic.plan import Plan
from endcap.data.synthetic.shoppers import Shoppers, make_shoppers
from endcap.data.synthetic.truth import (
    CUTS,
    best_lists,
    inclusion,
    pick_shares,
    recalls,
    state_truth,
)
from endcap.data.synthetic.visits import sample_sessions, sample_visits

SMALL = Plan(users=40, items=150, events=4_000, days=30, seed=7)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return open_shop(SMALL)


@pytest.fixture(scope="module")
def shoppers(shop: Shop) -> Shoppers:
    return make_shoppers(shop, np.arange(SMALL.users))


def futures(shop: Shop, shoppers: Shoppers, worlds: range) -> list[list[set[int]]]:
    """For each world and shopper the items looked at from the split on, by sampling alone."""
    result = []
    for world in worlds:
        sessions = sample_sessions(shop, shoppers, SMALL.split_day, SMALL.days, world)
        visits = sample_visits(shop, shoppers, sessions)
        later: list[set[int]] = [set() for _ in range(len(shoppers))]
        owners = sessions.shopper[visits.session].tolist()
        for shopper, item in zip(owners, visits.item.tolist(), strict=True):
            later[shopper].add(item)
        result.append(later)
    return result


def mean_recall(lists: np.ndarray, worlds: list[list[set[int]]], k: int) -> tuple[float, float]:
    """Over shoppers and worlds with later items; and its standard error over worlds."""
    tops = [set(ranked[:k].tolist()) for ranked in lists]
    sums = np.array(
        [
            [sum(len(top & s) / len(s) for top, s in zip(tops, later, strict=True) if s),
             sum(1 for s in later if s)]
            for later in worlds
        ]
    )  # fmt: skip
    value = sums[:, 0].sum() / sums[:, 1].sum()
    rest = sums[:, 0] - value * sums[:, 1]
    return value, np.sqrt((rest**2).sum()) / sums[:, 1].sum()


def test_simulation_reproduces_the_stated_best_recall(shop: Shop, shoppers: Shoppers) -> None:
    """Lists made from sampled futures alone, best for them in hindsight, bound the figure from
    above; the same lists on futures they were not made from bound it from below."""
    learnt = futures(shop, shoppers, range(10_000, 10_500))
    fresh = futures(shop, shoppers, range(20_000, 20_300))
    gain = np.zeros((len(shoppers), SMALL.items))
    for later in learnt:
        for shopper, items in enumerate(later):
            for item in items:
                gain[shopper, item] += 1 / len(items)
    lists = np.argsort(-gain, axis=1, kind="stable")[:, : max(CUTS)]
    truth = state_truth(shop, np.ones(SMALL.items, np.int64), lambda _: None)
    for k in CUTS:
        stated = truth.best[f"recall@{k}"]
        above, above_error = mean_recall(lists, learnt, k)
        below, below_error = mean_recall(lists, fresh, k)
        assert above - below < 0.05
        assert stated.value <= above + 3 * np.hypot(above_error, stated.standard_error)
        assert stated.value >= below - 3 * np.hypot(below_error, stated.standard_error)


def test_inclusion_is_the_share_of_futures_that_hold_the_item(
    shop: Shop, shoppers: Shoppers
) -> None:
    worlds = 400
    held = np.zeros((len(shoppers), SMALL.items))
    for later in futures(shop, shoppers, range(30_000, 30_000 + worlds)):
        for shopper, items in enumerate(later):
            held[shopper, list(items)] += 1
    exact = inclusion(shop, shoppers)
    error = np.sqrt(np.maximum(exact * (1 - exact), 1e-4) / worlds)
    z = (held / worlds - exact) / error
    assert np.abs(z).max() < 6
    likely = exact > 0.02
    assert z[likely].std() == pytest.approx(1.0, abs=0.15)
    assert abs(z[likely].mean()) < 0.1


def test_first_picks_are_a_distribution_over_what_is_sold(shop: Shop, shoppers: Shoppers) -> None:
    for period in range(shop.periods):
        shares = pick_shares(shop, shoppers, period)
        np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-9)
        assert (shares[:, ~shop.available(period)] == 0).all()
        assert shares.min() >= 0


def test_no_list_of_popular_items_comes_near_the_best(shop: Shop) -> None:
    plan = Plan(users=500, items=1_000, events=25_000)
    shop = open_shop(plan)
    earlier = np.zeros(plan.items, np.int64)
    shoppers = make_shoppers(shop, np.arange(plan.users))
    sessions = sample_sessions(shop, shoppers, 0, plan.split_day)
    np.add.at(earlier, sample_visits(shop, shoppers, sessions).item, 1)
    truth = state_truth(shop, earlier, lambda _: None)
    assert 0.25 < truth.best["recall@20"].value < 0.65
    assert truth.popularity["recall@20"].value < 0.4 * truth.best["recall@20"].value
    assert truth.best["recall@5"].value < truth.best["recall@10"].value


def test_recall_counts_distinct_items_of_the_list(shop: Shop, shoppers: Shoppers) -> None:
    lists = best_lists(shop, shoppers, 20)
    values, asked = recalls(shop, shoppers, lists, 5)
    later = futures(shop, shoppers, range(5, 6))[0]
    for shopper, items in enumerate(later):
        assert asked[shopper] == bool(items)
        for cut, k in enumerate(CUTS):
            hits = len(items & set(lists[shopper, :k].tolist()))
            assert values[shopper, cut] == pytest.approx(hits / max(len(items), 1))


def test_a_shop_with_nobody_later_says_so() -> None:
    plan = Plan(users=1, items=100, events=1, days=2, seed=1)
    truth = state_truth(open_shop(plan), np.zeros(100, np.int64), lambda _: None)
    assert truth.best["recall@20"].realised is None or truth.shoppers == 1

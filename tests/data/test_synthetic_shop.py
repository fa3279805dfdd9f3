"""The synthetic shop: the same for ever, believable, and with something to learn."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.data.synthetic.behaviour import RING
from endcap.data.synthetic.catalogue import aisle_words, describe
from endcap.data.synthetic.demand import Shop, cumulative, open_shop
from endcap.data.synthetic.draws import Purpose, poisson, root, uniforms
from endcap.data.synthetic.events import Events, sample_events
from endcap.data.synthetic.plan import DAY_S, Plan
from endcap.data.synthetic.shoppers import make_shoppers
from endcap.data.synthetic.visits import sample_sessions, sample_visits

SMALL = Plan(users=300, items=400, events=15_000, days=56, seed=3)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return open_shop(SMALL)


@pytest.fixture(scope="module")
def events(shop: Shop) -> Events:
    return sample_events(shop, make_shoppers(shop, np.arange(SMALL.users)))


def columns(events: Events) -> dict[str, np.ndarray]:
    return {field.name: getattr(events, field.name) for field in fields(events)}


def test_the_same_seed_gives_the_same_events(events: Events) -> None:
    again = open_shop(SMALL)
    repeated = sample_events(again, make_shoppers(again, np.arange(SMALL.users)))
    for name, values in columns(events).items():
        np.testing.assert_array_equal(values, getattr(repeated, name), err_msg=name)


def test_another_seed_gives_other_events(events: Events) -> None:
    other = open_shop(Plan(users=300, items=400, events=15_000, days=56, seed=4))
    drawn = sample_events(other, make_shoppers(other, np.arange(SMALL.users)))
    assert len(drawn.item) != len(events.item) or (drawn.item != events.item).mean() > 0.9


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, SMALL.users - 1), max_size=5))
def test_chunks_do_not_matter(cuts: list[int]) -> None:
    shop = open_shop(SMALL)
    edges = [0, *sorted(cuts), SMALL.users]
    whole = sample_events(shop, make_shoppers(shop, np.arange(SMALL.users)))
    parts = [
        sample_events(shop, make_shoppers(shop, np.arange(first, last)))
        for first, last in pairwise(edges)
        if last > first
    ]
    for name, values in columns(whole).items():
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(values, joined, err_msg=name)


def test_events_number_about_what_was_asked_for() -> None:
    plan = Plan(users=20_000, items=500, events=200_000, days=30)
    shop = open_shop(plan)
    drawn = sample_events(shop, make_shoppers(shop, np.arange(plan.users)))
    assert len(drawn.item) == pytest.approx(plan.events, rel=0.03)


def test_a_session_stays_within_its_day_and_goes_from_view_to_purchase(events: Events) -> None:
    day = (events.ts_s - SMALL.start_s) // DAY_S
    key = events.shopper * 100_000 + events.session
    for session in np.unique(key)[:500]:
        rows = key == session
        assert len(np.unique(day[rows])) == 1
        viewed, carted = set(), set()
        for item, kind in zip(events.item[rows], events.type[rows], strict=True):
            assert kind == 0 or item in viewed
            assert kind != 2 or item in carted
            (viewed if kind == 0 else carted).add(item)
    assert day.min() >= 0
    assert day.max() < SMALL.days


def test_rates_fall_from_view_to_purchase(events: Events) -> None:
    views, carts, purchases = np.bincount(events.type, minlength=3)
    assert 0.2 < carts / views < 0.45
    assert 0.5 < purchases / carts < 0.8
    assert np.isnan(events.value[events.type < 2]).all()
    assert (events.value[events.type == 2] > 0).all()


def test_no_two_events_are_the_same(events: Events) -> None:
    rows = np.stack([events.shopper, events.item, events.type, events.ts_s])
    assert np.unique(rows, axis=1).shape[1] == rows.shape[1]


def test_times_rise_within_a_shopper(events: Events) -> None:
    same = np.diff(events.shopper) == 0
    assert (np.diff(events.ts_s)[same] >= 0).all()
    assert (np.diff(events.shopper) >= 0).all()


def test_what_lasts_is_bought_once_and_what_is_eaten_again(shop: Shop, events: Events) -> None:
    bought = events.type == 2
    lasting = bought & ~shop.catalogue.consumable[events.item]
    pairs = events.shopper[lasting] * SMALL.items + events.item[lasting]
    assert len(pairs) > 20
    assert len(np.unique(pairs)) == len(pairs)
    eaten = bought & ~lasting
    pairs = events.shopper[eaten] * SMALL.items + events.item[eaten]
    assert len(np.unique(pairs)) < 0.8 * len(pairs)


def test_nothing_is_seen_before_it_is_created(shop: Shop, events: Events) -> None:
    created = shop.catalogue.created_s[events.item]
    assert (events.ts_s >= created).all()
    assert (shop.catalogue.created_s > SMALL.start_s).sum() > 5
    assert (created > SMALL.start_s).any()


def test_shoppers_who_join_have_no_events_before(shop: Shop, events: Events) -> None:
    shoppers = make_shoppers(shop, np.arange(SMALL.users))
    joined_s = SMALL.start_s + shoppers.joined_day * DAY_S
    assert (shoppers.joined_day > 0).sum() > 10
    assert (events.ts_s >= joined_s[events.shopper]).all()


def test_a_ring_step_leads_through_items_of_one_occasion(shop: Shop) -> None:
    goods, items = shop.catalogue, np.arange(SMALL.items, dtype=np.int32)
    assert goods.ring_size.min() >= RING
    np.testing.assert_array_equal(np.sort(goods.after(items, np.asarray(1))), items)
    np.testing.assert_array_equal(
        goods.after(goods.after(items, np.asarray(2)), np.asarray(-2)), items
    )
    occasions = np.array([words.occasion for words in aisle_words()])[goods.aisle]
    assert (occasions == occasions[goods.after(items, np.asarray(1))]).mean() > 0.85


def test_products_have_names_of_their_own(shop: Shop) -> None:
    told = [describe(shop.catalogue, row) for row in range(SMALL.items)]
    assert len({(one["name"], one["brand"]) for one in told}) == SMALL.items
    assert all(one["brand"] in one["description"] for one in told)
    assert len({one["department"] for one in told}) == 13
    assert (shop.catalogue.price > 0.1).all()


def test_a_tier_holds_dearer_products_than_the_one_below(shop: Shop) -> None:
    goods = shop.catalogue
    for aisle in range(3):
        rows = goods.aisle == aisle
        for tier in (0, 1):
            below, above = (goods.price[rows & (goods.tier == tier + up)] for up in (0, 1))
            assert below.max() <= above.min()


def test_seasons_move_what_is_popular() -> None:
    shop = open_shop(Plan(days=365, items=2_000))
    ice = np.flatnonzero([words.name == "ice cream" for words in aisle_words()])[0]
    share = [shop.popular(p)[shop.catalogue.aisle == ice].sum() for p in range(shop.periods)]
    assert share[shop.periods // 2] > 2 * share[0]


def test_what_others_look_at_together_beats_what_is_popular(shop: Shop, events: Events) -> None:
    """Counts of pairs within a session, from the past, foretell the later items."""
    late = events.ts_s >= SMALL.split_s
    seen = np.zeros((SMALL.users, SMALL.items))
    np.add.at(seen, (events.shopper[~late], events.item[~late]), 1.0)
    key = (events.shopper * 100_000 + events.session)[~late]
    session = np.unique(key, return_inverse=True)[1]
    baskets = np.zeros((session.max() + 1, SMALL.items))
    baskets[session, events.item[~late]] = 1.0
    together = baskets.T @ baskets
    popular = seen.sum(axis=0)
    scores = seen @ (together / np.sqrt(np.outer(popular + 1, popular + 1)))
    hits = {"together": [], "popular": []}
    for user in np.unique(events.shopper[late]):
        wanted = set(events.item[late & (events.shopper == user)])
        for name, ranking in (("together", scores[user]), ("popular", popular)):
            top = set(np.argsort(-ranking, kind="stable")[:20])
            hits[name].append(len(wanted & top) / len(wanted))
    assert np.mean(hits["together"]) > 2 * np.mean(hits["popular"]) > 0


def test_worlds_are_other_futures_of_the_same_shoppers(shop: Shop) -> None:
    shoppers = make_shoppers(shop, np.arange(50))
    worlds = [
        sample_visits(shop, shoppers, sample_sessions(shop, shoppers, 50, 56, world)).item
        for world in (1, 2, 1)
    ]
    assert worlds[0].tolist() == worlds[2].tolist()
    assert worlds[0].tolist() != worlds[1].tolist()


@pytest.mark.parametrize("mean", [1e-9, 0.3, 4.0, 900.0])
def test_poisson_counts_have_their_mean_and_variance(mean: float) -> None:
    u = uniforms(root(1, 0), Purpose.GAP, np.arange(40_000))
    counts = poisson(u, np.full(len(u), mean))
    error = 5 * np.sqrt(mean / len(u)) + 1e-6
    assert counts.mean() == pytest.approx(mean, abs=error)
    assert counts.var() == pytest.approx(mean, rel=0.05, abs=1e-3)


def test_draws_are_uniform_and_independent_between_purposes() -> None:
    first = uniforms(root(5, 0), Purpose.GAP, np.arange(50_000))
    second = uniforms(root(5, 0), Purpose.ADD, np.arange(50_000))
    for drawn in (first, second):
        counts = np.histogram(drawn, 50, (0, 1))[0]
        assert ((counts - 1000) ** 2 / 1000).sum() < 95  # χ² with 49 degrees: p ≈ 1e-4
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.02


def test_cumulative_shares_end_at_the_next_group_and_skip_what_has_no_weight() -> None:
    sums = cumulative(np.array([1.0, 3.0, 0.0, 2.0, 0.0]), np.array([0, 0, 0, 1, 1]))
    assert sums.tolist() == [0.25, 1.0, 1.0, 2.0, 2.0]
    assert np.searchsorted(sums, [0.2, 0.9999999, 1.5]).tolist() == [0, 1, 3]

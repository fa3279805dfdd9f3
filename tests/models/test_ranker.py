"""The ranker on a shop where it must win and on one where there is nothing to learn."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.domain.errors import Damaged
from endcap.domain.times import DAY_US
from endcap.models import ranker_samples, ranker_training
from endcap.models.ranker import BY_BLEND, BY_RANKER, BY_RECIPE, COLUMNS, Ranker, arranged
from endcap.models.ranker_training import fit_ranker
from endcap.models.recipe import Recipe

PURCHASED = 2
ITEMS, USERS, DAYS = 30, 160, 100


def shop(users, items, ts, timed=True):
    order = np.lexsort((ts, users))
    return Interactions(
        user=np.asarray(users, np.int32)[order],
        item=np.asarray(items, np.int32)[order],
        type=np.full(len(order), PURCHASED, np.uint8),
        ts=np.asarray(ts, np.int64)[order],
        user_ids=[f"u{i:03}" for i in range(USERS)],
        item_ids=[f"i{i:03}" for i in range(ITEMS)],
        timed=timed,
    )


def pantry(seed=0):
    """Every shopper buys each of eight products again after its own number of days."""
    draw = np.random.default_rng(seed)
    users, items, times = [], [], []
    for user in range(USERS):
        for item in draw.choice(ITEMS, 8, replace=False):
            gap = 5 + 3 * (item % 5)
            days = np.arange(draw.random() * gap, DAYS, gap)
            users += [user] * len(days)
            items += [item] * len(days)
            times += ((days + draw.random(len(days)) * 0.3) * DAY_US).astype(int).tolist()
    return shop(users, items, times)


def noise(seed=0, n=8000):
    draw = np.random.default_rng(seed)
    times = (draw.random(n) * DAYS * DAY_US).astype(np.int64)
    return shop(draw.integers(0, USERS, n), draw.integers(0, ITEMS, n), times)


def trained(data, **given):
    recipe = Recipe.fit(data, budget_s=0.5)
    options = {"seed": 0, "threads": 1, "budget_s": 2.0, "progress": lambda stage, share: None}
    return fit_ranker(data, None, recipe, **{**options, **given})


@pytest.fixture(scope="module")
def winner():
    return trained(pantry())


def test_it_re_orders_where_the_gaps_between_purchases_tell_what_is_due(winner):
    info = winner.info
    assert info["order"] in (BY_RANKER, BY_BLEND)
    assert winner.ranker.reorders
    assert info["low"] > 0
    assert info["ndcg@20"][info["order"]] > info["ndcg@20"]["recipe"] + 0.02
    strongest = {entry["feature"] for entry in info["importance"][:6]}
    assert strongest & {"pair_due", "pair_since_purchase_hours", "pair_events_since"}
    assert info["calibration_error"] < 0.03
    assert info["brier"] < info["brier_of_share"]


def test_it_leaves_the_order_alone_where_there_is_only_noise():
    outcome = trained(noise())
    assert outcome.info["status"] == "trained"
    assert outcome.info["order"] == BY_RECIPE
    assert not outcome.ranker.reorders
    assert outcome.info["low"] <= 0


def test_same_data_and_seed_give_the_same_ranker(winner):
    again = trained(pantry())
    np.testing.assert_array_equal(again.ranker.trees.leaves, winner.ranker.trees.leaves)
    np.testing.assert_array_equal(again.ranker.trees.features, winner.ranker.trees.features)
    assert again.info == winner.info


def test_saved_and_loaded_it_is_the_same(winner, tmp_path):
    winner.ranker.save(tmp_path)
    loaded = Ranker.load(tmp_path)
    rows = np.random.default_rng(0).normal(size=(50, len(COLUMNS))).astype(np.float32)
    np.testing.assert_array_equal(loaded.probabilities(rows), winner.ranker.probabilities(rows))
    assert loaded.order == winner.ranker.order
    assert loaded.info["low"] == winner.info["low"]
    np.testing.assert_array_equal(loaded.products.values, winner.ranker.products.values)


def test_a_ranker_of_other_features_is_refused(winner, tmp_path):
    winner.ranker.save(tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("recipe_place", "another_feature"))
    with pytest.raises(Damaged) as raised:
        Ranker.load(tmp_path)
    assert raised.value.code == "model_unreadable"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (noise(n=300), "fewer than 500 events to learn from"),
        (shop([0], [0], [0], timed=False), "the events have no times"),
    ],
)
def test_too_little_to_learn_from_is_said(data, reason):
    outcome = trained(data)
    assert outcome.ranker is None
    assert outcome.info == {"status": "skipped", "reason": reason}


def test_no_sample_knows_its_future():
    data = pantry()
    plan = ranker_samples.plan(data)
    drawn, part = ranker_samples.draw(data, plan, 2000, seed=0)
    assert (np.diff(drawn.at) >= 0).all()
    assert (np.diff(part.astype(int)) >= 0).all()
    assert (drawn.at >= plan.begin).all()
    assert (drawn.at + plan.horizon <= np.asarray(plan.bounds)[part]).all()
    for user, at, start, stop in zip(*drawn, strict=True):
        assert (data.user[start:stop] == user).all()
        assert (data.ts[start:stop] < at).all()
        assert stop > start


def test_labels_are_what_was_bought_within_the_horizon():
    data = pantry()
    plan = ranker_samples.plan(data)
    mixture = Recipe.fit(data, budget_s=0.0).mixture
    samples = ranker_samples.sample(data, mixture, plan, "none", 300, seed=0)
    assert samples.labels.any()
    for m, (user, at, *_) in enumerate(zip(*samples.moments, strict=True)):
        ahead = (data.user == user) & (data.ts >= at) & (data.ts < at + plan.horizon)
        bought = set(data.item[ahead].tolist())
        span = slice(samples.starts[m], samples.starts[m + 1])
        hit = set(samples.rows[span][samples.labels[span]].tolist())
        assert hit == bought & set(samples.rows[span].tolist())
        assert samples.targets[m] == len(bought)


def test_orders():
    margins = np.array([0.0, 3.0, 1.0, 2.0], np.float32)
    assert arranged(margins, BY_RECIPE).tolist() == [0, 1, 2, 3]
    assert arranged(margins, BY_RANKER).tolist() == [1, 3, 2, 0]
    # sums of places: 0 + 3, 1 + 0, 2 + 2, 3 + 1; equal sums go by the ranker
    assert arranged(margins, BY_BLEND).tolist() == [1, 0, 3, 2]


def test_ndcg_counts_what_no_candidate_list_held():
    data = pantry()
    plan = ranker_samples.plan(data)
    mixture = Recipe.fit(data, budget_s=0.0).mixture
    samples = ranker_samples.sample(data, mixture, plan, "none", 200, seed=0)
    perfect = samples.labels.astype(np.float32)
    whole = ranker_training.ndcg_by_user(samples, perfect, BY_RANKER)
    assert np.allclose(whole, 1)
    doubled = samples._replace(targets=samples.targets + 5)
    assert (ranker_training.ndcg_by_user(doubled, perfect, BY_RANKER) < 1).all()

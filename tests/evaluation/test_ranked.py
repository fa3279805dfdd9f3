"""A recipe with a ranker behind it in evaluation, and what reports say of it."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost

from endcap.cli.tables import print_evaluation
from endcap.data.interactions import Interactions
from endcap.domain.values import EXCLUDE_NONE
from endcap.evaluation.estimates import Draws
from endcap.evaluation.evaluate import evaluate
from endcap.evaluation.protocols import temporal_split
from endcap.evaluation.ranked import RankedRecipe, ranker_recommender
from endcap.evaluation.recommenders import recipe_recommender
from endcap.evaluation.report import Report, render_report
from endcap.evaluation.tables import pair_sentences, ranker_sentence
from endcap.features.products import product_table
from endcap.models.calibration import isotonic, quality
from endcap.models.ranker import BY_RANKER, BY_RECIPE, COLUMNS, Ranker
from endcap.models.recipe import Recipe
from endcap.models.trees import read_xgboost

USERS, ITEMS, DAY = 80, 30, 86_400_000_000


def favourites() -> Interactions:
    """Each user has one favourite, viewed each day among much else, and again in the end."""
    draw = np.random.default_rng(0)
    user, item, ts = [], [], []
    for u in range(USERS):
        for day in range(10):
            user += [u] * 4
            item += [u % ITEMS, *draw.integers(0, ITEMS, 3).tolist()]
            ts += [day * DAY + second for second in range(4)]
        user.append(u)
        item.append(u % ITEMS)
        ts.append(20 * DAY)
    order = np.lexsort((ts, user))
    return Interactions(
        np.array(user, np.int32)[order],
        np.array(item, np.int32)[order],
        np.zeros(len(user), np.uint8),
        np.array(ts, np.int64)[order],
        [f"u{i}" for i in range(USERS)],
        [f"i{i}" for i in range(ITEMS)],
    )


SPLIT = temporal_split(favourites(), at=15 * DAY)
INFO = {
    "status": "trained", "order": "ranker", "rival": "ranker", "difference": 0.02, "low": 0.01,
    "high": 0.03, "p_value": 0.01, "shoppers": 1234,
    "importance": [{"feature": "pair_due", "gain": 0.8}, {"feature": "hour_utc", "gain": 0.2}],
    "shap": [
        {"feature": "pair_views", "size": 1.0, "direction": 0.9},
        {"feature": "aisle_share", "size": 0.5, "direction": -0.9},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.fit(SPLIT.train, budget_s=0.0)


@pytest.fixture(scope="module")
def by_views() -> Ranker:
    """The more often a shopper viewed an item, the likelier."""
    draw = np.random.default_rng(0)
    rows = np.zeros((4000, len(COLUMNS)), np.float32)
    views = rows[:, COLUMNS.index("pair_views")] = draw.integers(0, 14, len(rows))
    label = draw.random(len(rows)) < views / 14
    model = xgboost.train(
        {"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(rows, label), 20
    )
    trees = read_xgboost(bytes(model.save_raw("json")))
    table = product_table(SPLIT.train, None, 15 * DAY)
    return Ranker(trees, isotonic(trees.margins(rows), label), table, BY_RANKER, {})


def test_the_ranker_orders_the_recipes_candidates(recipe: Recipe, by_views: Ranker) -> None:
    ranked = ranker_recommender(
        RankedRecipe(recipe, by_views, BY_RANKER), SPLIT.train, EXCLUDE_NONE
    )
    plain = recipe_recommender(recipe, SPLIT.train, EXCLUDE_NONE)
    found = evaluate(
        {"endcap": plain, "endcap + ranker": ranked},
        SPLIT,
        5,
        draws=Draws(resamples=200),
        pairs=[("endcap + ranker", "endcap"), ("endcap", "endcap")],
    )
    assert found.row("endcap + ranker").figures["mrr"].mean == 1.0
    won, same = found.pairs
    assert won.differences["mrr"].low > 0
    gain = won.differences["mrr"].mean
    assert gain == pytest.approx(1 - found.row("endcap").figures["mrr"].mean)
    assert same.differences["ndcg"].mean == 0
    better, equal = pair_sentences(found)
    assert better.startswith("endcap + ranker against endcap: better by NDCG (Recall@5 ")
    assert "not distinguishable" in equal


def test_in_the_recipes_order_it_is_the_recipe(recipe: Recipe, by_views: Ranker) -> None:
    ranked = ranker_recommender(
        RankedRecipe(recipe, by_views, BY_RECIPE), SPLIT.train, EXCLUDE_NONE
    )
    plain = recipe_recommender(recipe, SPLIT.train, EXCLUDE_NONE)
    for batch in SPLIT.batches(7, 32):
        np.testing.assert_array_equal(ranked(batch), plain(batch))


def test_the_sentence_says_whether_it_re_orders() -> None:
    assert "re-orders (ranker): it won beyond chance" in ranker_sentence(INFO)
    assert "+0.0200 [+0.0100, +0.0300]" in ranker_sentence(INFO)
    lost = {**INFO, "order": "recipe", "low": -0.01}
    assert "does not re-order: it did not win beyond chance" in ranker_sentence(lost)
    assert ranker_sentence({"status": "skipped", "reason": "no times"}).endswith("no times.")
    assert ranker_sentence({}) == ""


def test_the_report_draws_reliability_importance_and_shap(
    recipe: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(0)
    likely = (draw.random(3000) ** 4).astype(np.float32)
    info = {**INFO, **quality(likely, draw.random(3000) < likely)}
    page = render_report(Report("Training", 0, ranker=info))
    assert ranker_sentence(INFO) in page.replace("&#39;", "'")
    for name in (
        "Are its probabilities true?",
        "What its trees split by",
        "What moves its answers",
    ):
        assert name in page
    for text in ("foretold probability", "share of gain", "mean |SHAP|", "pair_due", "aisle_share",
                 "less likely"):  # fmt: skip
        assert text in page
    assert "Ranker" not in render_report(Report("Training", 0))
    plain = recipe_recommender(recipe, SPLIT.train, EXCLUDE_NONE)
    found = evaluate({"endcap": plain}, SPLIT, 5, draws=Draws(resamples=50))
    print_evaluation(found)
    assert "ranker" not in capsys.readouterr().out

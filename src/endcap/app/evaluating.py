"""Evaluation of a shop: train on its past, measure on what came after. Serves nothing."""

from __future__ import annotations

from endcap.app.compaction import settle
from endcap.app.shop import Shop
from endcap.app.training import Progress
from endcap.data.training import load_catalogue, load_interactions
from endcap.domain.errors import InvalidInput
from endcap.evaluation.evaluate import evaluate
from endcap.evaluation.protocols import temporal_split
from endcap.evaluation.recommenders import Reading, recipe_recommender
from endcap.evaluation.results import Evaluation
from endcap.models.recipe import Recipe


def evaluate_shop(
    shop: Shop,
    now: int,
    *,
    k: int,
    split_at: int | None,
    share: float,
    budget_s: float | None,
    progress: Progress,
) -> Evaluation:
    """The default recipe and the baselines on the newest events, all items ranked.

    ``split_at`` (µs): the test begins there; None: at the newest ``share`` of the events.
    Raises InvalidInput (nothing_to_evaluate, and what the split refuses).
    """
    settle(shop, now)
    data = load_interactions(shop.lake)
    if not len(data):
        raise InvalidInput("nothing_to_evaluate", field="events", value=0)
    split = temporal_split(data, at=split_at, fraction=1 - share)
    catalogue = load_catalogue(shop.lake, data.item_ids)
    recipe = Recipe.fit(
        split.train,
        catalogue,
        seed=shop.settings.seed,
        threads=shop.settings.cores,
        budget_s=budget_s,
        progress=lambda what, done: progress(f"training: {what}", 0.7 * done),
        memory_mb=shop.settings.memory_mb,
    )
    seen = str(recipe.info["seen_policy"])
    reading = Reading(shop.settings.history_events, shop.settings.popular_half_life_days)
    return evaluate(
        {"endcap": recipe_recommender(recipe, split.train, seen, reading)},
        split,
        k,
        seen=seen,
        catalogue=catalogue if any(catalogue) else None,
        progress=lambda what, done: progress(what, 0.7 + 0.3 * done),
    )

"""Evaluation of a shop: train on its past, measure on what came after. Serves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from endcap.app.compaction import settle
from endcap.app.newcomers import train_newcomers
from endcap.app.rankers import ranker_budget
from endcap.app.shop import Shop
from endcap.app.training import Progress
from endcap.data.interactions import Interactions
from endcap.data.training import load_catalogue, load_interactions, load_people
from endcap.domain.errors import InvalidInput
from endcap.domain.values import Attributes
from endcap.evaluation.baselines import ALS, EASE, ITEM_KNN
from endcap.evaluation.evaluate import evaluate
from endcap.evaluation.newcomers import Arrivals
from endcap.evaluation.protocols import Split, temporal_split
from endcap.evaluation.ranked import RankedRecipe, ranker_recommender
from endcap.evaluation.recommenders import Reading, recipe_recommender
from endcap.evaluation.results import Evaluation
from endcap.models.ranker_training import fit_ranker
from endcap.models.recipe import Recipe

RECIPE, RANKED = "endcap", "endcap + ranker"


def evaluate_shop(
    shop: Shop,
    now: int,
    *,
    k: int,
    split_at: int | None,
    share: float,
    budget_s: float | None,
    progress: Progress,
    ranker: bool = True,
) -> Evaluation:
    """The default recipe, alone and in its ranker's order, and the baselines on the newest
    events, all items ranked. Both learn from the events before these alone.

    ``ranker``: False saves the time of its training. ``split_at`` (µs): the test begins there;
    None: at the newest ``share`` of the events. Raises InvalidInput (nothing_to_evaluate, and
    what the split refuses).
    """
    settle(shop, now)
    data = load_interactions(shop.lake)
    if not len(data):
        raise InvalidInput("nothing_to_evaluate", field="events", value=0)
    split = temporal_split(data, at=split_at, fraction=1 - share)
    catalogue = load_catalogue(shop.lake, data.item_ids)
    known = catalogue if any(catalogue) else None
    recipe = fitted(shop, split.train, catalogue, budget_s, progress)
    seen = str(recipe.info["seen_policy"])
    reading = Reading(shop.settings.history_events, shop.settings.popular_half_life_days)
    arrivals, of_newcomers = newcomers_of(shop, split, part_of(progress, 0.6, 0.6))
    named = {RECIPE: recipe_recommender(recipe, split.train, seen, reading, arrivals)}
    told: dict[str, Any] = {}
    if ranker:
        found, told = ranked(shop, split.train, known, recipe, budget_s, progress)
        if found is not None:
            named[RANKED] = ranker_recommender(found, split.train, seen, reading, arrivals)
    pairs = [(RANKED, RECIPE)] if RANKED in named else []
    pairs += [(RECIPE, baseline) for baseline in (ITEM_KNN, EASE, ALS)]
    last = part_of(progress, 0.8, 1.0)
    result = evaluate(named, split, k, seen=seen, catalogue=known, pairs=pairs, progress=last)
    return replace(result, ranker=told, newcomers=of_newcomers)


def fitted(
    shop: Shop,
    train: Interactions,
    catalogue: Sequence[Attributes],
    budget_s: float | None,
    progress: Progress,
) -> Recipe:
    told = part_of(progress, 0.0, 0.6)
    return Recipe.fit(
        train,
        catalogue,
        seed=shop.settings.seed,
        threads=shop.settings.cores,
        budget_s=budget_s,
        progress=lambda what, done: told(f"training: {what}", done),
        memory_mb=shop.settings.memory_mb,
    )


def newcomers_of(
    shop: Shop, split: Split, progress: Progress
) -> tuple[Arrivals | None, dict[str, Any]]:
    """(what serves shoppers without a history, where it is worth having; what was found out)."""
    found, info = train_newcomers(shop, split.train, progress)
    if found is None:
        return None, info
    rows = split.users.tolist()
    known = load_people(shop.lake, [split.train.user_ids[row] for row in rows])
    by_row = dict(zip(rows, known, strict=True))
    return Arrivals(found, by_row.__getitem__), info


def ranked(
    shop: Shop,
    train: Interactions,
    catalogue: Sequence[Attributes] | None,
    recipe: Recipe,
    budget_s: float | None,
    progress: Progress,
) -> tuple[RankedRecipe | None, dict[str, Any]]:
    """(the recipe in the better of the ranker's orders, what its training found out). Whether a
    shop would be served that order is in the second: here it is measured in any case."""
    outcome = fit_ranker(
        train,
        catalogue,
        recipe,
        seed=shop.settings.seed,
        threads=shop.settings.cores,
        budget_s=ranker_budget(budget_s),
        progress=part_of(progress, 0.6, 0.8),
        memory_mb=shop.settings.memory_mb,
    )
    if outcome.ranker is None:
        return None, outcome.info
    return RankedRecipe(recipe, outcome.ranker, str(outcome.info["rival"])), outcome.info


def part_of(progress: Progress, begin: float, end: float) -> Progress:
    """Progress of a part: its 0 and 1 are ``begin`` and ``end`` of the whole."""
    return lambda what, done: progress(what, begin + (end - begin) * done)

"""A recipe with a ranker behind it as a recommender that can be evaluated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Int32s
from endcap.evaluation.newcomers import Arrivals
from endcap.evaluation.protocols import Recommend, UserBatch
from endcap.evaluation.recommenders import READING, Reading, match_ids, recipe_recommender
from endcap.features.rows import context_of, feature_rows
from endcap.models.queries import ModelQuery
from endcap.models.ranker import CANDIDATES, COLUMNS, Ranker, arranged
from endcap.models.recipe import Recipe


class RankedRecipe(NamedTuple):
    """``order``: see ``models.ranker.arranged``; it need not be the one that would serve."""

    recipe: Recipe
    ranker: Ranker
    order: str


def ranker_recommender(
    model: RankedRecipe,
    train: Interactions,
    seen: str,
    reading: Reading = READING,
    arrivals: Arrivals | None = None,
) -> Recommend:
    """The recipe's ``CANDIDATES`` best of each user, and of these the best k in the model's
    order. The recipe's item rows are the ranker's."""
    recipe, ranker, order = model
    best = recipe_recommender(recipe, train, seen, reading, arrivals)
    to_model, _ = match_ids(train.item_ids, recipe.item_ids)

    def recommend(batch: UserBatch) -> Int32s:
        found = best(batch._replace(k=max(CANDIDATES, batch.k)))
        lists = found[:, : batch.k].copy()
        for b in range(len(batch.users)):
            rows = found[b][found[b] >= 0]
            if batch.starts[b] == batch.starts[b + 1] or len(rows) < 2:
                continue  # nothing is known of the user: popular items, not the recipe's
            asked = _rows(model, batch, b, rows, to_model, reading.history_events)
            margins = ranker.trees.margins(asked)
            lists[b, : len(rows)] = rows[arranged(margins, order)][: batch.k]
        return lists

    return recommend


def _rows(
    model: RankedRecipe, batch: UserBatch, b: int, items: Int32s, to_model: Int32s, newest: int
) -> Float32s:
    """(n, len(COLUMNS)) of the user at position ``b`` and item rows (n,), as the engine asks."""
    first, stop, at = int(batch.starts[b]), int(batch.starts[b + 1]), int(batch.at[b])
    span = slice(max(first, stop - newest), stop)
    history, asked = to_model[batch.items[span]], to_model[items]
    rows = np.empty((len(items), len(COLUMNS)), np.float32)
    feature_rows(
        history,
        batch.types[span],
        batch.ts[span],
        asked,
        model.ranker.products,
        at,
        context_of(at, {}),
        rows,
    )
    known = history >= 0
    ages = np.maximum(at - batch.ts[span][known], 0) / 1e6
    query = ModelQuery(history[known], batch.types[span][known], ages.astype(np.float32))
    rows[:, -2], rows[:, -1] = model.recipe.score(query, asked), np.arange(len(items))
    return rows

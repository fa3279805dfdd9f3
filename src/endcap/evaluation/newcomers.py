"""What newcomers want as a recommender that can be evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float64s, Int32s
from endcap.domain.values import Attributes
from endcap.evaluation.protocols import Recommend, UserBatch
from endcap.models.newcomers import Newcomers
from endcap.models.popularity import popularity

KEPT = 1000  # most popular items beside the pool


class Arrivals(NamedTuple):
    """The map, and what is known of a user by row of the interactions."""

    newcomers: Newcomers
    known: Callable[[int], Attributes]


def newcomer_recommender(
    arrivals: Arrivals, train: Interactions, half_life_days: float
) -> Recommend:
    """Lists as for users without a history, whoever asks; as in the engine, of what is popular at
    the newest event of ``train``. Empty for whom nothing is known. The map's rows are
    ``train``'s."""
    newcomers, known = arrivals
    counts = np.log1p(popularity_of(train, half_life_days))
    popular = np.argsort(-counts, kind="stable")[:KEPT]
    items = np.union1d(newcomers.pool, popular).astype(np.int32)
    items = items[counts[items] > 0]
    base = counts[items]
    place = np.searchsorted(newcomers.pool, items)
    inside = place < len(newcomers.pool)
    inside[inside] = newcomers.pool[place[inside]] == items[inside]

    def recommend(batch: UserBatch) -> Int32s:
        lists = np.full((len(batch.users), batch.k), -1, np.int32)
        for row, (user, at) in enumerate(zip(batch.users.tolist(), batch.at.tolist(), strict=True)):
            told = newcomers.told(known(user), at)
            if told:
                scores = base.copy()
                scores[inside] += newcomers.lift(told)[place[inside]]
                best = items[np.argsort(-scores, kind="stable")[: batch.k]]
                lists[row, : len(best)] = best
        return lists

    return recommend


def popularity_of(train: Interactions, half_life_days: float) -> Float64s:
    """(items,) at the newest event."""
    newest = int(train.ts.max()) if len(train) else 0
    return popularity(train, newest, half_life_days if train.timed else None)

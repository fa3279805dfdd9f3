"""What every recommender has to beat: random, popularity, and what was popular lately.

Baselines keep to the same seen policy as the recommenders they are held against.
"""

from __future__ import annotations

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s
from endcap.domain.values import EXCLUDE_NONE, EXCLUDE_SEEN, PURCHASE
from endcap.evaluation.protocols import Recommend, UserBatch

POPULARITY, RECENT, RANDOM = "popularity", "recent", "random"
ITEM_KNN, EASE, ALS = "item-knn", "ease", "als"  # see learnt_baselines.py
BASELINE_NAMES = POPULARITY, RECENT, RANDOM, ITEM_KNN, EASE, ALS
_DAY = 86_400_000_000


def baselines(
    train: Interactions, *, seen: str, seed: int, half_life_days: float = 7.0
) -> dict[str, Recommend]:
    """The baselines by name, learnt from ``train`` under the seen policy ``seen``.

    popularity: items by number of events. recent: the same, where an event counts half for each
    ``half_life_days`` of age (left out when events have no times). random: a seeded permutation
    of the catalogue that each user enters at another place, so every item is equally likely.
    """
    counts = np.bincount(train.item, minlength=train.n_items).astype(np.float64)
    found = {POPULARITY: ranked_list(best_first(counts), train, seen)}
    if train.timed and len(train):
        found[RECENT] = decayed_popularity(train, seen, half_life_days)
    shuffled = np.random.default_rng(seed).permutation(train.n_items).astype(np.int32)
    offsets = np.random.default_rng((seed, 1)).integers(0, max(train.n_items, 1), train.n_users)
    found[RANDOM] = ranked_list(shuffled, train, seen, offsets)
    return found


def decayed_popularity(train: Interactions, seen: str, half_life_days: float) -> Recommend:
    """Items by the number of their events, each counted ½ to the power of age / half-life at the
    newest event; by plain number where events have no times."""
    age_days = np.zeros(len(train))  # (n,)
    if train.timed and len(train):
        age_days = (train.ts.max() - train.ts) / _DAY
    weights = 0.5 ** (age_days / half_life_days)
    scores = np.bincount(train.item, weights, train.n_items).astype(np.float64)
    return ranked_list(best_first(scores), train, seen)


def best_first(scores: Float64s) -> Int32s:
    """Item rows by falling score, equal scores by rising row: (n_items,)."""
    return np.argsort(-scores, kind="stable").astype(np.int32)


def ranked_list(
    order: Int32s, train: Interactions, seen: str, offsets: Int64s | None = None
) -> Recommend:
    """Everybody gets ``order`` (n_items,) from the top, less what the seen policy leaves out.

    offsets: (n_users,) where in the order, taken as a circle, each user begins.
    """
    n_items = len(order)
    rank = np.empty(n_items, np.int64)
    rank[order] = np.arange(n_items)

    def recommend(batch: UserBatch) -> Int32s:
        b = len(batch.users)
        begin = np.zeros(b, np.int64) if offsets is None else offsets[batch.users]
        owner, item = excluded_pairs(batch, train, seen)
        most = int(np.bincount(owner, minlength=1).max()) if len(owner) else 0
        width = min(n_items, batch.k + most)  # no list needs to look further down than this
        out = np.zeros((b, width), np.bool_)
        place = (rank[item] - begin[owner]) % n_items
        near = place < width
        out[owner[near], place[near]] = True
        window = order[(begin[:, None] + np.arange(width)) % n_items]  # (b, width)
        return _first_kept(window, ~out, batch.k)

    return recommend


def excluded_pairs(batch: UserBatch, train: Interactions, seen: str) -> tuple[Int64s, Int32s]:
    """(position in the batch, item) of every history event whose item must not be recommended."""
    owner = np.repeat(np.arange(len(batch.users)), np.diff(batch.starts))
    if seen == EXCLUDE_NONE:
        return owner[:0], batch.items[:0]
    if seen == EXCLUDE_SEEN:
        return owner, batch.items
    bought = np.zeros(len(owner), np.bool_)
    if PURCHASE in train.event_types:
        bought = batch.types == train.event_types.index(PURCHASE)
    return owner[bought], batch.items[bought]


def _first_kept(rows: Int32s, kept: Bools, k: int) -> Int32s:
    """The first k kept rows of each line, padded with −1. rows, kept: (b, width) → (b, k)"""
    place = np.cumsum(kept, axis=1) - 1
    taken = kept & (place < k)
    lists = np.full((len(rows), k), -1, np.int32)
    lists[np.nonzero(taken)[0], place[taken]] = rows[taken]
    return lists

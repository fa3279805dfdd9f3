"""Well-known recommenders as baselines, with one setting each: item-kNN, EASE, ALS.

They learn from who had what, as their authors wrote them: no order, times, types or counts. Users
without a history, and places they leave empty, get what is popular, as from the other baselines.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.evaluation.als import Factors, factorise, folded
from endcap.evaluation.baselines import ALS, EASE, ITEM_KNN, excluded_pairs
from endcap.evaluation.protocols import Recommend, UserBatch
from endcap.models import item_item
from endcap.models.item_item import COOCCURRENCE, Family, Room
from endcap.models.mixture import Component, Mixture, Reading
from endcap.models.neighbours import layered
from endcap.models.queries import Queries
from endcap.models.training import TIE_BREAK, prior_of

MOST_EVENTS = 5_000_000  # of more, users are drawn at random
KNN_NEIGHBOURS, EASE_NEIGHBOURS = 100, 500
EASE_PENALTY = 2.0  # λ in mean users of an item: about 500 on MovieLens-1M
MEMORY_BYTES = 4 << 30

Progress = Callable[[str], None]


def learnt_baselines(
    train: Interactions, *, seen: str, seed: int, progress: Progress = lambda _: None
) -> dict[str, Recommend]:
    """By name, fitted on ``train`` (at most ``MOST_EVENTS`` of its events, whole users drawn),
    under the seen policy ``seen``."""
    part, prior = drawn(train, seed), prior_of(train, None)
    found = {}
    for name, (family, keep) in {
        ITEM_KNN: (Family(COOCCURRENCE, penalty=0.0, target_exponent=0.5), KNN_NEIGHBOURS),
        EASE: (Family(item_item.EASE, penalty=EASE_PENALTY), EASE_NEIGHBOURS),
    }.items():
        progress(f"baseline: {name}")
        fitted = item_item.fit(family, part, Room(MEMORY_BYTES, 1, keep, seed))
        component = Component(family.name, 1.0, Reading())
        stack, _ = layered([fitted], part.n_items)
        mixture = Mixture(stack, [component], behind(prior))
        found[name] = neighbour_recommender(mixture, train, seen)
    progress(f"baseline: {ALS}")
    found[ALS] = factor_recommender(factorise(had(part), seed), train, seen)
    return found


def behind(prior: Float32s) -> Float32s:
    """Popularity too small to change an order, NaN for what nobody had: (items,)."""
    return np.where(prior > 0, prior * np.float32(TIE_BREAK), np.float32(np.nan))


def drawn(train: Interactions, seed: int) -> Interactions:
    """Whole users, drawn at random, with about ``MOST_EVENTS`` events, or all."""
    if len(train) <= MOST_EVENTS:
        return train
    kept = np.random.default_rng(seed).random(train.n_users) < MOST_EVENTS / len(train)
    return train.where(kept[train.user])


def had(data: Interactions) -> sparse.csr_matrix:
    """1 where a user had an item: (users, items)."""
    ones = np.ones(len(data), np.float32)
    matrix = sparse.csr_matrix((ones, (data.user, data.item)), (data.n_users, data.n_items))
    matrix.sum_duplicates()
    return matrix


def neighbour_recommender(mixture: Mixture, train: Interactions, seen: str) -> Recommend:
    """The sum of the neighbours of the distinct items of a history."""

    def recommend(batch: UserBatch) -> Int32s:
        starts, items = distinct(batch, train.n_items)
        nothing = np.zeros(len(items))
        queries = Queries(starts, items, nothing.astype(np.uint8), nothing.astype(np.float32))
        owner, left_out = excluded_pairs(batch, train, seen)
        rows, _ = mixture.top(queries, batch.k, None, bounds(owner, len(batch.users)), left_out)
        return np.pad(rows, ((0, 0), (0, batch.k - rows.shape[1])), constant_values=-1)

    return recommend


def factor_recommender(factors: Factors, train: Interactions, seen: str) -> Recommend:
    """The items with the greatest products with the factors of a history; popular ones for
    whoever has none."""
    prior = prior_of(train, None)  # (items,)
    never = prior <= 0

    def recommend(batch: UserBatch) -> Int32s:
        starts, items = distinct(batch, train.n_items)
        scores = folded(starts, items, factors) @ factors.items.T  # (b, items)
        scores[np.diff(starts) == 0] = prior
        scores[:, never] = -np.inf
        owner, left_out = excluded_pairs(batch, train, seen)
        scores[owner, left_out] = -np.inf
        order = best_of(scores, batch.k)
        order[np.take_along_axis(scores, order, axis=1) == -np.inf] = -1
        return np.pad(order, ((0, 0), (0, batch.k - order.shape[1])), constant_values=-1)

    return recommend


def best_of(scores: Float32s, k: int) -> Int32s:
    """(b, ≤ k) the columns of the greatest scores (b, items), greatest first; of equal ones the
    lower column first."""
    if k >= scores.shape[1]:
        return np.argsort(-scores, axis=1, kind="stable").astype(np.int32)
    chosen = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(scores, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1).astype(np.int32)


def distinct(batch: UserBatch, n_items: int) -> tuple[Int64s, Int32s]:
    """The distinct items of each history: (starts (b + 1,), items)."""
    width, users = max(n_items, 1), len(batch.users)
    owner = np.repeat(np.arange(users, dtype=np.int64), np.diff(batch.starts))
    keys = np.unique(owner * width + batch.items)
    return bounds(keys // width, users), (keys % width).astype(np.int32)


def bounds(owner: Int64s, users: int) -> Int64s:
    """Where each user's part begins and ends, for owners in rising order: (users + 1,)."""
    counts = np.bincount(owner, minlength=users)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)

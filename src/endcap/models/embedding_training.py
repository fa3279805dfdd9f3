"""How embeddings are fitted: hold out a tail, choose exponents and reading on it, refit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.errors import InvalidInput
from endcap.models import spectral
from endcap.models.embeddings import SHORTEST, Embeddings, folded
from endcap.models.holdout import Holdout, excluded, hold_out, seen_policy
from endcap.models.judging import Judge, K, Quality
from endcap.models.nearest import Nearest
from endcap.models.pairs import user_items
from endcap.models.reading import Reading
from endcap.models.spectral import Exponents

QUERIES = 1500  # held-out queries that exponents are judged on
CELLS = 60_000_000  # scores computed for one setting: fewer queries on large catalogues
LEAST_QUERIES = 20
ITEMS_FOR_EACH = 4  # items at least for each dimension
MOST_SEARCHED = 3_000_000  # events; of more the usual exponents are taken without a search

_USER, _ITEM = (0.25, 0.5), (0.2, 0.35, 0.5)
_LIFT_AND_SPECTRUM = ((0.0, 1.0), (0.0, 0.5), (0.25, 0.0), (0.25, 0.5), (0.5, 0.0))
_DECAYS = (0.95, 0.85, 0.7)  # beside 1

Progress = Callable[[str, float], None]


def fit(data: Interactions, dimensions: int, seed: int, progress: Progress) -> Embeddings:
    if not len(data):
        raise InvalidInput("nothing_to_train_on", field="events", value=0)
    # With as many directions as items each item stands alone: nothing would be near anything.
    dimensions = min(dimensions, max(2, data.n_items // ITEMS_FOR_EACH))
    _, policy = seen_policy(data)
    most = max(LEAST_QUERIES, min(QUERIES, CELLS // max(data.n_items, 1)))
    progress("holding out", 0.0)
    held = hold_out(data, most, seed)
    exponents, reading = Exponents(), Reading()
    tried: list[dict[str, Any]] = []
    if held.queries.size >= LEAST_QUERIES and len(data) <= MOST_SEARCHED:
        judge = Judge(held, excluded(held.queries, policy, data.event_types))
        exponents, reading, tried = _chosen(judge, dimensions, seed, progress)
    progress("fitting", 0.8)
    matrix = _had(data)
    counts = spectral.counts_of(matrix)
    found = spectral.spectrum(matrix, dimensions, exponents, seed)
    left, right = spectral.factors(found, counts, exponents)
    known = np.bincount(matrix.indices, minlength=data.n_items) > 0
    left[~known], right[~known] = 0, 0
    info = {
        "exponents": exponents._asdict(),
        "held_out": max((t["quality"] for t in tried), key=_worth, default={}),
        "search": tried,
        "seed": seed,
    }
    index = Nearest.build(right, seed=seed, queries=_asked(left, held, reading))
    return Embeddings(data.item_ids, left, index, reading, known, info)


def _asked(left: Float32s, held: Holdout, reading: Reading) -> Float32s | None:
    """Vectors of the held-out shoppers: what the index will be asked."""
    vectors = folded(left, held.queries, reading)
    told = vectors[np.abs(vectors).max(axis=1, initial=0) > SHORTEST]
    return told if len(told) >= LEAST_QUERIES else None


def _chosen(
    judge: Judge, dimensions: int, seed: int, progress: Progress
) -> tuple[Exponents, Reading, list[dict[str, Any]]]:
    """The exponents, then the decay, of the greatest recall@20 + NDCG@20."""
    matrix = _had(judge.held.fitting)
    counts = spectral.counts_of(matrix)
    tried: list[dict[str, Any]] = []
    best, worth = Exponents(), -1.0
    kept: tuple[Float32s, Float32s] | None = None
    pairs = list(product(_USER, _ITEM))
    for at, (user, item) in enumerate(pairs):
        progress("choosing", 0.1 + 0.6 * at / len(pairs))
        found = spectral.spectrum(matrix, dimensions, Exponents(user, item), seed)
        for lift, power in _LIFT_AND_SPECTRUM:
            exponents = Exponents(user, item, lift, power)
            both = spectral.factors(found, counts, exponents)
            quality = _quality(judge, both, Reading())
            tried.append({**exponents._asdict(), "decay": 1.0, "quality": quality._asdict()})
            if quality.worth > worth:
                best, worth, kept = exponents, quality.worth, both
    reading = Reading()
    for decay in _DECAYS if kept is not None and judge.held.fitting.ordered else ():
        quality = _quality(judge, kept or both, Reading(decay=decay))
        tried.append({**best._asdict(), "decay": decay, "quality": quality._asdict()})
        if quality.worth > worth:
            worth, reading = quality.worth, Reading(decay=decay)
    return best, reading, tried


def _quality(judge: Judge, both: tuple[Float32s, Float32s], reading: Reading) -> Quality:
    left, right = both
    vectors = folded(left, judge.held.queries, reading)
    return judge.quality(judge.hits(_best(vectors, right, judge)))


def _best(vectors: Float32s, right: Float32s, judge: Judge) -> Int32s:
    """The 20 best permitted items of each query, (queries, ≤ 20), in bounded memory."""
    starts, left_out = judge.exclude
    k, step = min(K, len(right)), max(1, 4_000_000 // max(len(right), 1))
    rows = np.empty((len(vectors), k), np.int32)
    for first in range(0, len(vectors), step):
        scores = vectors[first : first + step] @ right.T  # (block, items)
        last = first + len(scores)
        span = slice(starts[first], starts[last])
        owner = np.repeat(np.arange(len(scores)), np.diff(starts[first : last + 1]))
        scores[owner, left_out[span]] = -np.inf
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        rows[first:last] = np.take_along_axis(best, order, axis=1)
    return rows


def _had(data: Interactions) -> Any:
    """1 where a user had an item: scipy CSR (users, items)."""
    matrix = user_items(data, 0.0)
    matrix.data[:] = 1
    return matrix


def _worth(quality: dict[str, float]) -> float:
    return quality["recall"] + quality["ndcg"]

"""Weights of several components, learnt on held-out data by coordinate search.

Each query gets a pool: what any component would answer. The components' scores in the pools are
computed once; a trial of weights is then one weighted sum, and hundreds of trials take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s
from endcap.models.judging import Judge, Quality
from endcap.models.mixture import Mixture

POOL = 100  # items that each component brings
STARTS = (0.03, 0.1, 0.3, 1.0)
FACTORS = (0.0, 0.5, 0.75, 1.33, 2.0)
LEAST_GAIN = 2e-4


class Pools(NamedTuple):
    """features (components, queries, pool): -inf-free scores; padding is_item False."""

    features: Float32s
    is_target: Bools  # (queries, pool)
    is_item: Bools  # (queries, pool)


def gather(judge: Judge, mixtures: Sequence[Mixture], priors: Sequence[Float32s]) -> Pools:
    """``mixtures``: one component each, with a prior of nothing; ``priors`` (items,) join as
    further features."""
    queries = judge.held.queries
    tops = [m.top(queries, POOL, None, *judge.exclude)[0] for m in mixtures]
    rows = np.sort(np.concatenate(tops, axis=1), axis=1)  # (queries, pool), -1 first
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1
    is_item = rows >= 0
    width = int(is_item.sum(axis=1).max(initial=1))
    rows = -np.sort(-rows, axis=1)[:, :width]
    is_item = rows >= 0
    starts = np.arange(queries.size + 1, dtype=np.int64) * width
    flat = np.maximum(rows, 0).reshape(-1).astype(np.int32)
    features = [m.scores(queries, starts, flat).reshape(rows.shape) for m in mixtures]
    features += [np.nan_to_num(prior)[flat].reshape(rows.shape) for prior in priors]
    return Pools(np.stack(features).astype(np.float32), judge.hits(rows), is_item)


def learn(judge: Judge, pools: Pools, rounds: int = 4) -> tuple[Float64s, Quality]:
    """(weights (components,), their quality). Begins with the best single component and adds
    others while the held-out worth rises by more than chance would have it; weights ≥ 0."""
    spread = np.array([f[pools.is_item].std() for f in pools.features]) + 1e-12
    scale = spread.astype(np.float32)[:, None, None]
    features: Float32s = np.divide(pools.features, scale)
    features[:, ~pools.is_item] = 0
    trial = _Trials(judge, pools, features)
    n = len(features)
    singles = [trial.quality(np.eye(n)[at]).worth for at in range(n)]
    weights = np.eye(n)[int(np.argmax(singles))]
    for _ in range(rounds):
        before = trial.best
        for at in np.argsort(-np.asarray(singles), kind="stable"):
            weights = trial.improve(weights, int(at))
        if trial.best - before < LEAST_GAIN:
            break
    return weights / spread, trial.quality(weights)


def hit_shares(pools: Pools, weights: Float64s) -> list[float]:
    """For each rank of the blended list (≤ ``POOL``) the share of held-out queries whose item
    there was a target. Half a hit is added to each, so that none is 0; a rank that did better
    than the one before it by chance is averaged with it, so that shares never rise."""
    scores = np.tensordot(weights.astype(np.float32), pools.features, axes=1)  # (queries, pool)
    scores[~pools.is_item] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :POOL]
    return shares_of(np.take_along_axis(pools.is_target & pools.is_item, order, axis=1))


def shares_of(hits: Bools) -> list[float]:
    """As ``hit_shares``, of hits by rank (queries, ranks)."""
    return never_rising((hits.sum(axis=0) + 0.5) / (len(hits) + 1))


def never_rising(values: Float64s) -> list[float]:
    """The non-increasing values nearest to ``values`` (n,) in squares: pool adjacent violators
    (Barlow et al., Statistical Inference under Order Restrictions, 1972)."""
    pooled: list[tuple[float, int]] = []  # (mean, length)
    for value in values.tolist():
        mean, length = value, 1
        while pooled and pooled[-1][0] < mean:
            before, many = pooled.pop()
            mean = (before * many + mean * length) / (many + length)
            length += many
        pooled.append((mean, length))
    return [round(mean, 6) for mean, length in pooled for _ in range(length)]


class _Trials:
    """Tries weights; remembers the best worth."""

    def __init__(self, judge: Judge, pools: Pools, features: Float32s) -> None:
        self.judge, self.pools, self.features = judge, pools, features
        self.best = -1.0

    def quality(self, weights: Float64s) -> Quality:
        scores = np.tensordot(weights.astype(np.float32), self.features, axes=1)
        scores[~self.pools.is_item] = -np.inf
        return self.judge.best_by(scores, self.pools.is_target)

    def improve(self, weights: Float64s, at: int) -> Float64s:
        """The best change of one weight, if any is worth it."""
        if self.best < 0:
            self.best = self.quality(weights).worth
        choices = [weights[at] * f for f in FACTORS] if weights[at] else list(STARTS)
        for choice in choices:
            changed = weights.copy()
            changed[at] = choice
            if not changed.any():
                continue
            worth = self.quality(changed).worth
            # leaving a component out is taken when it costs nothing: a smaller model
            if worth > self.best + LEAST_GAIN or (choice == 0 and worth >= self.best):
                self.best, weights = max(worth, self.best), changed
        return weights

"""How good a setting is on held-out data: the figures by which the recipe chooses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s
from endcap.models.holdout import Holdout
from endcap.models.mixture import Mixture
from endcap.models.queries import spans, take

K = 20


class Quality(NamedTuple):
    """Means over queries, fractions of 1."""

    recall: float
    ndcg: float

    @property
    def worth(self) -> float:
        """What the recipe makes greatest: retrieval and order count alike."""
        return self.recall + self.ndcg


class Judge:
    """Holds the held-out queries, what their answers leave out, and their targets."""

    def __init__(self, held: Holdout, exclude: tuple[Int64s, Int32s]) -> None:
        self.held, self.exclude = held, exclude
        self.n_items = max(held.fitting.n_items, 1)
        self.counts = np.diff(held.target_starts)  # targets of each query
        owner = np.repeat(np.arange(held.queries.size), self.counts)
        self._keys = np.sort(owner * self.n_items + held.targets)

    def hits(self, rows: Int32s) -> Bools:
        """Which of the answered items (queries, n) are targets."""
        keys = np.arange(len(rows))[:, None] * self.n_items + rows
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.asarray((self._keys[at] == keys) & (rows >= 0))

    def quality(self, hits: Bools) -> Quality:
        """The means of ``by_query``."""
        if not len(hits):
            return Quality(0.0, 0.0)
        recall, ndcg = self.by_query(hits)
        return Quality(float(recall.mean()), float(ndcg.mean()))

    def by_query(self, hits: Bools) -> tuple[Float64s, Float64s]:
        """Recall@20 and NDCG@20 (binary, ideal over min(20, targets)) of hits (queries, ≤ 20),
        both (queries,)."""
        discount = 1 / np.log2(np.arange(K) + 2)
        ideal = np.cumsum(discount)[np.minimum(self.counts, K) - 1]
        return hits.sum(axis=1) / self.counts, hits @ discount[: hits.shape[1]] / ideal

    def only(self, chosen: Int64s) -> Judge:
        """A judge of the queries ``chosen`` alone."""
        held = self.held
        starts, members = spans(held.target_starts, chosen)
        left_out, rows = spans(self.exclude[0], chosen)
        part = Holdout(
            held.fitting, take(held.queries, chosen), starts, held.targets[members],
            held.owners[chosen],
        )  # fmt: skip
        return Judge(part, (left_out, self.exclude[1][rows]))

    def judge(self, mixture: Mixture) -> Quality:
        """The quality of what the mixture would answer."""
        if not self.held.queries.size:
            return Quality(0.0, 0.0)
        rows, _ = mixture.top(self.held.queries, K, None, *self.exclude)
        return self.quality(self.hits(rows))

    def best_by(self, scores: Float32s, is_target: Bools) -> Quality:
        """As ``quality`` where each query's items and scores are given (queries, pool)."""
        k = min(K, scores.shape[1])
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        return self.quality(np.take_along_axis(is_target, best, axis=1))

"""Shoppers put back to when they came: what was popular then, and what they took first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Float64s, Int64s
from endcap.models.newcomer_counts import Moments, People
from endcap.models.newcomer_fields import Field, codes_of
from endcap.models.popularity import popularity

FIRST = 20  # events of a new shopper that are to be foreseen
BASE_SHARE = 0.05  # of the events must be known before somebody is asked about
BASES = 12  # times at which popularity is counted
K = 20


class Asked(NamedTuple):
    """u shoppers as if they were new, p items that they could be shown."""

    base: Float32s  # (u, p) log(1 + popularity)
    rows: Int64s  # (u, fields) of ``lifts``
    wanted: Float32s  # (u, p) 1: taken
    items: Int64s  # (u,) how many each took, those outside the pool among them
    lifts: Float32s  # (v + 1, p) counted without these shoppers

    def scores(self, weights: Float64s) -> Float32s:
        """(u, p) for weights (fields,) of the lifts."""
        found = self.base.copy()
        for weight, column in zip(weights.tolist(), self.rows.T, strict=True):
            if weight > 0:
                found += np.float32(weight) * self.lifts[column]
        return found


class Asking(NamedTuple):
    """What all who are asked about have in common."""

    data: Interactions
    people: People
    moments: Moments
    fields: Sequence[Field]
    place: Int64s  # (items,) in the pool
    half_life_days: float | None

    def asked(self, chosen: Int64s, lifts: Float32s, most: int) -> Asked:
        """At most ``most`` of the people at the places ``chosen``, in order of time."""
        begin = self.data.ts[self.data.starts()[self.people.rows[chosen]]]
        if self.data.timed:
            late = begin >= self._earliest()
            chosen, begin = chosen[late], begin[late]
        order = np.argsort(begin, kind="stable")[:: max(1, -(-len(chosen) // most))]
        chosen, begin = chosen[order], begin[order]
        place = np.full(len(self.people.rows), -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        taken = self.moments.of(place >= 0)
        early = taken.before < FIRST
        user, where = place[taken.person[early]], self.place[taken.item[early]]
        wanted = np.zeros((len(chosen), lifts.shape[1]), np.float32)
        wanted[user[where >= 0], where[where >= 0]] = 1
        items = np.bincount(user, minlength=len(chosen))
        rows = self._rows(chosen, begin)
        return Asked(self._bases(begin, lifts.shape[1]), rows, wanted, items, lifts)

    def _earliest(self) -> int:
        known = int(len(self.data) * BASE_SHARE)
        return int(np.partition(self.data.ts, known)[known])

    def _rows(self, chosen: Int64s, begin: Int64s) -> Int64s:
        """(u, fields); -1, the last row, where there is no value."""
        columns, first = [], 0
        for field in self.fields:
            codes = codes_of(field, self.people.known, chosen, begin).astype(np.int64)
            columns.append(np.where(codes < 0, -1, codes + first))
            first += len(field.values)
        return np.stack(columns, axis=1)

    def _bases(self, begin: Int64s, size: int) -> Float32s:
        """Popularity shortly before each of ``begin`` (u,), rising."""
        data, found = self.data, np.zeros((len(begin), size), np.float32)
        pool = np.flatnonzero(self.place >= 0)
        parts = BASES if data.timed else 1
        bounds = np.linspace(0, len(begin), parts + 1).astype(int).tolist()
        for low, high in pairwise(bounds):
            if high > low:
                at = int(begin[low]) - 1 if data.timed else int(data.ts.max())
                found[low:high] = np.log1p(popularity(data, at, self.half_life_days)[pool])
        return found


def accuracy(scores: Float32s, asked: Asked) -> tuple[Float64s, Float64s]:
    """(recall@20, NDCG@20) of each shopper, (u,) each, for scores (u, p)."""
    k = min(K, scores.shape[1])
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    hits = np.take_along_axis(asked.wanted, best, axis=1).astype(np.float64)
    discount = 1 / np.log2(np.arange(K) + 2)
    ideal = np.cumsum(discount)[np.minimum(asked.items, K) - 1]
    return hits.sum(axis=1) / asked.items, hits @ discount[:k] / ideal

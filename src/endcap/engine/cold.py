"""Items that no model has seen yet, placed among the others by what they are.

A cold item takes the place that its nearest warm neighbours by content have: its score is the
similarity-weighted mean of theirs, lowered a little because resemblance is weaker evidence than
behaviour. Neighbours that the shopper has just looked at do not vote unless nobody else does: a
model says of them how likely they are looked at again. A cold item in a shopper's history stands
for its nearest warm neighbour.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s
from endcap.domain.values import Attributes
from endcap.engine.guarding import UNWATCHED, Watch
from endcap.engine.sellable import Sellable
from endcap.engine.serving import Serving
from endcap.engine.state import LiveState
from endcap.models.queries import ModelQuery, Scored

NEIGHBOURS = 10
SHRINK = 0.9  # of a score above 0; one below 0 is lowered as much
# Most cold items that one answer weighs: the newest. A shop that adds more between two trainings
# finds the others by popularity and as related items.
MOST_COLD = 500

NONE = np.zeros(0, np.int32)


class Pool(NamedTuple):
    """m cold items with their neighbours; ``warm`` holds each neighbour once, ascending."""

    rows: Int32s  # (m,) of the vocabulary
    warm: Int32s  # (u,) model rows
    near: Int64s  # (m, NEIGHBOURS) places in warm
    similarities: Float32s  # (m, NEIGHBOURS); 0 where there are fewer


class ColdItems:
    """Content neighbours of cold items, kept while one ``Serving`` and one state are pinned."""

    def __init__(self, state: LiveState, serving: Serving, sellable: Sellable) -> None:
        self._state = state
        self._serving = serving
        self._sellable = sellable
        self._neighbours: dict[int, Scored] = {}
        self._created: dict[int, float] | None = None  # of every sellable cold row
        self._pool: Pool | None = None
        self._read = 0

    def pool(self, watch: Watch = UNWATCHED) -> Pool:
        """The newest sellable cold items; empty where no model resembles things.

        Neighbours found before time was over are kept: the next query goes on from there."""
        self._follow()
        if self._pool is None:
            self._pool = self._gather(self._newest(), watch)
        return self._pool

    def neighbours(self, row: int) -> Scored:
        """Warm model rows near the item at vocabulary ``row``, and similarities. May be empty."""
        self._follow()
        held = self._neighbours.get(row)
        if held is None:
            held = self._neighbours[row] = self.similar(row, NEIGHBOURS)
        return held

    def similar(self, row: int, n: int, allowed: Bools | None = None) -> Scored:
        """The n warm model rows, of those under ``allowed`` (model rows,), that resemble the item
        at vocabulary ``row`` most."""
        content, attributes = self._serving.content, self._state.item_attributes(row)
        if content is None or not attributes:
            return Scored(NONE, np.zeros(0, np.float32))
        return content.neighbours(attributes, n, allowed)

    def stand_in(self, row: int) -> int:
        """The model row that a cold item in a history stands for; -1: none resembles it."""
        rows = self.neighbours(row).rows
        return int(rows[0]) if len(rows) else -1

    def scores(self, query: ModelQuery, rows: Int32s, watch: Watch = UNWATCHED) -> Float32s:
        """Scores (n,) of n cold vocabulary rows for this history; NaN: nothing to go by."""
        return self.scores_in(self._gather(rows.tolist(), watch), query)

    def scores_in(self, pool: Pool, query: ModelQuery) -> Float32s:
        """Scores (m,) of the items of a pool for this history; NaN: nothing to go by."""
        recipe = self._serving.recipe
        if recipe is None or not len(pool.warm) or not len(query.rows):
            return np.full(len(pool.rows), np.nan, np.float32)
        warm = recipe.score(query, pool.warm)
        usable = np.isfinite(warm)
        elsewhere = usable.copy()  # (u,) those that are not in the history itself
        places = np.minimum(np.searchsorted(pool.warm, query.rows), len(pool.warm) - 1)
        elsewhere[places[pool.warm[places] == query.rows]] = False
        warm[~usable] = 0
        mean = weighted_mean(pool, warm, elsewhere)
        alone = np.isnan(mean)
        if alone.any():
            mean[alone] = weighted_mean(pool, warm, usable)[alone]
        return np.asarray(mean - (1 - SHRINK) * np.abs(mean), np.float32)

    def voices(self, row: int, query: ModelQuery) -> Scored:
        """The warm rows that place the cold item at vocabulary ``row``, and how much the score
        of each counts: the sum of scores times counts is what ``scores`` says. May be empty."""
        recipe, near = self._serving.recipe, self.neighbours(row)
        if recipe is None or not len(near.rows) or not len(query.rows):
            return Scored(NONE, np.zeros(0, np.float32))
        warm = recipe.score(query, near.rows)
        usable = np.isfinite(warm) & (near.scores > 0)
        elsewhere = usable & ~np.isin(near.rows, query.rows)
        counted = elsewhere if elsewhere.any() else usable
        rows, weights, theirs = near.rows[counted], near.scores[counted], warm[counted]
        if not len(rows):
            return Scored(NONE, np.zeros(0, np.float32))
        weights = weights / weights.sum()
        lowered = SHRINK if float(weights @ theirs) > 0 else 2 - SHRINK
        return Scored(rows, np.asarray(weights * lowered, np.float32))

    def _follow(self) -> None:
        """Forget what was kept of cold items whose attributes changed."""
        changed = self._state.of_items.changed
        if self._read == len(changed):
            return
        for row in set(changed[self._read :]):
            if self._serving.model_row(row) < 0:
                self._neighbours.pop(row, None)
                self._pool = None
                if self._created is not None:
                    self._note(row, self._created)
        self._read = len(changed)

    def _newest(self) -> list[int]:
        """At most ``MOST_COLD`` sellable cold rows in order, by creation and then by row."""
        if self._serving.content is None:
            return []
        if self._created is None:
            self._created = {}
            for row in self._cold_rows():
                self._note(row, self._created)
        newest = heapq.nlargest(MOST_COLD, ((at, row) for row, at in self._created.items()))
        return sorted(row for _, row in newest)

    def _cold_rows(self) -> list[int]:
        to_model = self._serving.to_model
        unknown: list[int] = np.flatnonzero(to_model < 0).tolist()
        return unknown + list(range(len(to_model), len(self._state.items)))

    def _note(self, row: int, created: dict[int, float]) -> None:
        mask = self._sellable.mask()
        if mask is not None and mask[row]:
            created[row] = creation(self._state.item_attributes(row))
        else:
            created.pop(row, None)

    def _gather(self, rows: list[int], watch: Watch) -> Pool:
        found = []
        for row in rows:
            watch.check()
            found.append(self.neighbours(row))
        every = np.concatenate([NONE, *(scored.rows for scored in found)])
        warm, places = np.unique(every, return_inverse=True)
        near = np.zeros((len(rows), NEIGHBOURS), np.int64)
        similarities = np.zeros((len(rows), NEIGHBOURS), np.float32)
        at = 0
        for place, scored in enumerate(found):
            n = len(scored.rows)
            near[place, :n] = places[at : at + n]
            similarities[place, :n] = scored.scores
            at += n
        return Pool(np.array(rows, np.int32), warm, near, similarities)


def weighted_mean(pool: Pool, warm: Float32s, counts: Bools) -> Float32s:
    """(m,) means of the neighbours' ``warm`` scores (u,), of those that count; NaN: none does."""
    voices = counts.astype(np.float32)  # (u,)
    weight = np.einsum("mn,mn->m", pool.similarities, voices.take(pool.near))
    total = np.einsum("mn,mn->m", pool.similarities, (warm * voices).take(pool.near))
    out = np.full(len(pool.rows), np.nan, np.float32)
    np.divide(total, weight, out=out, where=weight > 0)
    return out


def creation(attributes: Attributes) -> float:
    """When the item came into the catalogue (µs); 0: nobody said."""
    created = attributes.get("created")
    return float(created) if isinstance(created, int | float) else 0.0

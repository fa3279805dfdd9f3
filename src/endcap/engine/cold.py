"""Items that no model has seen yet, placed among the others by what they are.

A cold item takes the place that its nearest warm neighbours by content have: its score is the
similarity-weighted mean of theirs, shrunk a little because resemblance is weaker evidence than
behaviour. A cold item in a shopper's history stands for its nearest warm neighbour.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.values import Attributes
from endcap.engine.serving import Serving
from endcap.engine.state import LiveState
from endcap.models.queries import ModelQuery

NEIGHBOURS = 10
SHRINK = 0.9
# Most cold items that one answer weighs; a shop that adds more between two trainings is answered
# from the newest ones.
MOST_COLD = 500


class ColdItems:
    """Content neighbours of cold items, kept while one ``Serving`` and one state are pinned."""

    def __init__(self, state: LiveState, serving: Serving) -> None:
        self._state = state
        self._serving = serving
        self._neighbours: dict[int, tuple[int, Int32s, Float32s]] = {}

    def rows(self) -> list[int]:
        """Cold vocabulary rows, newest last, at most ``MOST_COLD``."""
        serving = self._serving
        fresh = [row for row in self._state.new_items() if serving.model_row(row) < 0]
        return fresh[-MOST_COLD:]

    def neighbours(self, row: int) -> tuple[Int32s, Float32s]:
        """Warm model rows near the item at vocabulary ``row``, and similarities. May be empty."""
        attributes = self._state.item_attributes(row)
        stamp = _stamp(attributes)
        held = self._neighbours.get(row)
        if held is None or held[0] != stamp:
            held = (stamp, *self._search(attributes))
            self._neighbours[row] = held
        return held[1], held[2]

    def _search(self, attributes: Attributes) -> tuple[Int32s, Float32s]:
        content = self._serving.content
        if content is None or not attributes:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        found = content.neighbours(attributes, NEIGHBOURS)
        return found.rows, found.scores

    def stand_in(self, row: int) -> int:
        """The model row that a cold item in a history stands for; -1: none resembles it."""
        rows, similarities = self.neighbours(row)
        return int(rows[0]) if len(rows) and similarities[0] > 0 else -1

    def scores(self, query: ModelQuery, rows: list[int]) -> Float32s:
        """Scores (len(rows),) of cold vocabulary rows for this history; NaN: nothing to go by."""
        recipe = self._serving.recipe
        scores = np.full(len(rows), np.nan, np.float32)
        if recipe is None or not len(query.rows) or not rows:
            return scores
        near = [self.neighbours(row) for row in rows]
        lengths = [len(n[0]) for n in near]
        if not any(lengths):
            return scores
        warm = recipe.score(query, np.concatenate([n[0] for n in near]))
        at = 0
        for i, ((_, similarities), length) in enumerate(zip(near, lengths, strict=True)):
            theirs = warm[at : at + length]
            at += length
            usable = np.isfinite(theirs) & (similarities > 0)
            if usable.any():
                weights = similarities[usable]
                scores[i] = SHRINK * float(np.dot(weights, theirs[usable]) / weights.sum())
        return scores


def _stamp(attributes: Attributes) -> int:
    """Changes when the attributes do, within one process."""
    return hash(tuple(sorted((k, repr(v)) for k, v in attributes.items())))

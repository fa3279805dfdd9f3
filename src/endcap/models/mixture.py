"""A weighted sum of sparse components over a history, plus a prior: the form that is served."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s
from endcap.models import kernels, live_kernel, live_numpy
from endcap.models.live_numpy import UNKNOWN, packed
from endcap.models.neighbours import Neighbours
from endcap.models.queries import LiveQuery, Queries, Scored, as_model_query, one
from endcap.models.reading import PAIR, Component, Reading
from endcap.models.reorder import HEAD, Parts, Reordering

__all__ = ["Component", "Mixture", "Reading"]

Entries = tuple[Int64s, Int32s, Float32s]

NONE = np.zeros(0, np.int32)
NO_PAIRS = np.zeros(0, np.int64)
ALL = np.zeros(0, np.bool_)


class Scratch(threading.local):
    """The kernels' reusable arrays, (items,) each, one set for each thread."""

    def __init__(self, n_items: int) -> None:
        self.values = np.zeros(n_items, np.float32)
        self.marks = np.zeros(n_items, np.int32)
        self.touched = np.zeros(n_items + 1, np.int32)


def behind_of(queries: Queries) -> Int64s:
    """How many events of its history came after each event, (events,)."""
    last = queries.starts[1:] - 1
    if queries.size > 1:
        last = np.repeat(last, np.diff(queries.starts))
    return last - np.arange(len(queries.rows))


def read(reading: Reading, queries: Queries, behind: Int64s) -> Float32s:
    """The weight of each event of all histories, (events,); ``behind`` as in ``behind_of``."""
    weight = np.power(reading.decay, behind) if reading.decay < 1 else np.ones(len(behind))
    if reading.half_life_s:
        weight *= np.exp2(-np.maximum(queries.ages_s, 0) / reading.half_life_s)
    if reading.last_n:
        weight[behind >= reading.last_n] = 0
    if reading.type_weights:
        table = np.asarray(reading.type_weights)
        weight *= table[np.minimum(queries.types, len(table) - 1)]
    if reading.length_exponent:
        lengths = np.diff(queries.starts)
        counted = np.minimum(lengths, reading.last_n) if reading.last_n else lengths
        scale = np.maximum(counted, 1.0) ** -reading.length_exponent
        weight *= np.repeat(scale, lengths)
    weight[np.abs(weight) < 1e-6] = 0
    return weight.astype(np.float32)


class Mixture:
    """Immutable; safe for several threads. ``stack``: the components' neighbours one below
    another (components · items rows), then the rows of ``pair_keys`` (pairs,), as ``layered`` lays
    them; ``prior`` (items,): added to every score, NaN for an item that cannot be scored.
    ``reordering``: moves the scores of the head of a list, where it was learnt to."""

    def __init__(
        self,
        stack: Neighbours,
        components: Sequence[Component],
        prior: Float32s,
        prior_order: Int32s | None = None,
        pair_keys: Int64s = NO_PAIRS,
        reordering: Reordering | None = None,
    ) -> None:
        self.stack, self.components, self.prior = stack, tuple(components), prior
        self.reordering = reordering
        self.n_items, self.pair_keys = len(prior), pair_keys
        if prior_order is None:
            order = np.argsort(-prior, kind="stable")
            prior_order = order[: np.count_nonzero(~np.isnan(prior))].astype(np.int32)
        self.prior_order = prior_order
        self._scratch = Scratch(self.n_items)
        self._readings = packed(self.components)
        self._last: tuple[Queries, Entries] | None = None

    def entries(self, queries: Queries) -> Entries:
        """(starts, stack rows, weights): for each event of a history one entry a component."""
        if queries.size != 1:
            return self._entries(queries)
        last = self._last  # one shopper's candidates and cold items are asked for in turn
        if last is None or any(a is not b for a, b in zip(last[0][1:], queries[1:], strict=True)):
            last = self._last = (queries, self._entries(queries))
        return last[1]

    def _entries(self, queries: Queries) -> Entries:
        c = len(self.components)
        offsets = np.arange(c, dtype=np.int32) * np.int32(self.n_items)
        rows = (queries.rows[:, None] + offsets).astype(np.int32)  # (events, components)
        weights = np.empty(rows.shape, np.float32)
        behind = behind_of(queries)
        for at, component in enumerate(self.components):
            weights[:, at] = component.weight * read(component.reading, queries, behind)
            if component.name == PAIR:
                newest = queries.rows[np.arange(len(behind)) + behind]
                found = live_numpy.pair_rows(self.pair_keys, queries.rows, newest, self.n_items)
                paired = (found >= 0) & (behind > 0)
                rows[paired, at] = c * self.n_items + found[paired]
        unknown = (queries.rows < 0) | (queries.rows >= self.n_items)
        rows[unknown], weights[unknown] = 0, 0
        return queries.starts * c, rows.reshape(-1), weights.reshape(-1)

    def top(
        self,
        queries: Queries,
        n: int,
        allowed: Bools | None = None,
        exclude_starts: Int64s | None = None,
        exclude: Int32s = NONE,
    ) -> tuple[Int32s, Float32s]:
        """The best n items of each query: rows, -1 where there are fewer, and scores
        (queries, n). ``allowed`` (items,); ``exclude`` with ``exclude_starts`` (queries + 1,)."""
        if self.reordering is None or not n:
            return self.linear_top(queries, n, allowed, exclude_starts, exclude)
        head = max(n, HEAD)
        rows, scores = self.linear_top(queries, head, allowed, exclude_starts, exclude)
        found = rows >= 0
        starts = np.concatenate(([0], np.cumsum(found.sum(axis=1)))).astype(np.int64)
        scores[found] = self._moved(queries, starts, rows[found], scores[found])
        keys = np.where(found, -scores, np.float32(np.inf))
        order = np.lexsort((rows, keys), axis=1)[:, :n]
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def linear_top(
        self,
        queries: Queries,
        n: int,
        allowed: Bools | None = None,
        exclude_starts: Int64s | None = None,
        exclude: Int32s = NONE,
    ) -> tuple[Int32s, Float32s]:
        """As ``top`` by the weighted sum alone."""
        n = min(n, len(self.prior_order))
        rows = np.empty((queries.size, n), np.int32)
        scores = np.empty((queries.size, n), np.float32)
        if exclude_starts is None:
            exclude_starts, exclude = np.zeros(queries.size + 1, np.int64), NONE
        kernels.top_items(
            *self.stack, *self.entries(queries), self.prior, self.prior_order,
            ALL if allowed is None else allowed, exclude_starts, exclude,
            *self._arrays(), rows, scores,
        )  # fmt: skip
        return rows, scores

    def live_top(
        self, query: LiveQuery, n: int, allowed: Bools | None = None, exclude: Int32s = NONE
    ) -> Scored | None:
        """The best n ≥ 1 items for one history as it stands in the state, in one compiled call.
        None: the model does not know an item of it."""
        scratch = self._scratch
        head = n if self.reordering is None else max(n, HEAD)
        rows, scores = np.empty(head, np.int32), np.empty(head, np.float32)
        found = live_kernel.live_top(
            *self.stack, self.pair_keys, self.prior, self.prior_order, self._readings,
            query.items, query.codes, query.ts, query.at, query.to_model, query.model_codes,
            query.policy, ALL if allowed is None else allowed, exclude,
            scratch.values, rows, scores,
        )  # fmt: skip
        if found == UNKNOWN:
            return None
        best = Scored(rows, scores) if found == head else Scored(rows[:found], scores[:found])
        return best if self.reordering is None else self._live_reordered(query, best, n)

    def _live_reordered(self, query: LiveQuery, best: Scored, n: int) -> Scored:
        queries = one(as_model_query(query))
        starts = np.array([0, len(best.rows)], np.int64)
        scores = self._moved(queries, starts, best.rows, best.scores)
        order = np.lexsort((best.rows, -scores))[:n]
        return Scored(best.rows[order], scores[order])

    def _moved(self, queries: Queries, starts: Int64s, rows: Int32s, scores: Float32s) -> Float32s:
        """What re-ordering makes of the linear scores of items, (candidates,)."""
        if self.reordering is None:
            return scores
        return self.reordering.applied(self.parts(), queries, starts, rows, scores)

    def factor(self, queries: Queries, row: int) -> float:
        """What re-ordering multiplies the linear score of one item for the (one) history by."""
        starts, rows = np.array([0, 1], np.int64), np.array([row], np.int32)
        linear = self.linear_scores(queries, starts, rows)
        moved = self._moved(queries, starts, rows, np.sign(linear) + (linear == 0))
        return float(np.abs(moved[0]))

    def parts(self) -> Parts:
        """What re-ordering reads of this mixture; the scratch is this thread's."""
        marks = self._scratch.marks
        return Parts(self.stack, self.pair_keys, self.prior, self._readings, marks)

    def scores(self, queries: Queries, target_starts: Int64s, targets: Int32s) -> Float32s:
        """The score of each query's targets, (targets,)."""
        out = self.linear_scores(queries, target_starts, targets)
        return self._moved(queries, target_starts, targets, out)

    def linear_scores(self, queries: Queries, target_starts: Int64s, targets: Int32s) -> Float32s:
        """As ``scores``, the weighted sum alone."""
        out = np.empty(len(targets), np.float32)
        kernels.score_rows(
            *self.stack, *self.entries(queries), self.prior, target_starts, targets,
            *self._arrays(), out,
        )  # fmt: skip
        return out

    def contributions(self, queries: Queries, row: int) -> Float32s:
        """What each event of the (one) history gives to the linear score of item ``row``, by
        component: (events, components)."""
        _, rows, weights = self.entries(queries)
        out = np.empty(len(rows), np.float32)
        kernels.contributions(*self.stack, rows, weights, row, out)
        return out.reshape(len(queries.rows), len(self.components))

    def _arrays(self) -> tuple[Float32s, Int32s, Int32s]:
        scratch = self._scratch
        return scratch.values, scratch.marks, scratch.touched

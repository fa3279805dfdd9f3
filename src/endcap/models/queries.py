"""What is asked of a model, one query or many, as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s, UInt8s


class ModelQuery(NamedTuple):
    """A history in model rows, oldest first; ``ages_s`` are seconds before the query's time."""

    rows: Int32s  # (h,)
    types: UInt8s  # (h,)
    ages_s: Float32s  # (h,)


class Scored(NamedTuple):
    """Items, best first. Higher is better."""

    rows: Int32s  # (n,)
    scores: Float32s  # (n,)


class LiveQuery(NamedTuple):
    """A history as the engine's state holds it, oldest first, and how to read it."""

    items: Int32s  # (h,)
    codes: UInt8s  # (h,) event types
    ts: Int64s  # (h,) µs
    at: int  # µs: the query's time
    to_model: Int32s  # items to model rows, -1 unknown
    model_codes: UInt8s  # (256,) event types to the model's
    policy: int  # LEFT_OUT_NONE, LEFT_OUT_ALL, or the event type whose items are left out


class Queries(NamedTuple):
    """Many histories, one behind another: query q is ``starts[q]:starts[q + 1]`` of the rest."""

    starts: Int64s  # (queries + 1,)
    rows: Int32s
    types: UInt8s
    ages_s: Float32s

    @property
    def size(self) -> int:
        return len(self.starts) - 1


def as_model_query(query: LiveQuery) -> ModelQuery:
    """The same history in model rows; the model knows every item of it."""
    ages_s = np.maximum(query.at - query.ts, 0) * 1e-6
    return ModelQuery(
        query.to_model[query.items], query.model_codes[query.codes], ages_s.astype(np.float32)
    )


def one(query: ModelQuery) -> Queries:
    """A batch of one."""
    return Queries(
        np.array([0, len(query.rows)], np.int64),
        np.asarray(query.rows, np.int32),
        np.asarray(query.types, np.uint8),
        np.asarray(query.ages_s, np.float32),
    )


def batch(queries: Sequence[ModelQuery]) -> Queries:
    """Queries in their order."""
    lengths = [len(query.rows) for query in queries]
    return Queries(
        np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        np.concatenate([np.zeros(0), *(q.rows for q in queries)]).astype(np.int32),
        np.concatenate([np.zeros(0), *(q.types for q in queries)]).astype(np.uint8),
        np.concatenate([np.zeros(0), *(q.ages_s for q in queries)]).astype(np.float32),
    )


def spans(starts: Int64s, chosen: Int64s) -> tuple[Int64s, Int64s]:
    """For the slices ``chosen`` of ``starts``: (new starts, positions of all their members)."""
    lengths = np.diff(starts)[chosen]
    ends = np.cumsum(lengths)
    inside = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    return (
        np.concatenate(([0], ends)).astype(np.int64),
        np.repeat(starts[:-1][chosen], lengths) + inside,
    )


def take(queries: Queries, chosen: Int64s) -> Queries:
    """Only the queries ``chosen``, in that order."""
    starts, members = spans(queries.starts, chosen)
    return Queries(starts, queries.rows[members], queries.types[members], queries.ages_s[members])

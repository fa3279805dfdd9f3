"""Adds up the postings of a query's tokens. Compiled, single-threaded, nogil."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.models.kernels import COMPILED, jit


def matches(
    starts: Int64s,
    items: Int32s,
    weights: Float32s,
    tokens: Int32s,
    values: Float32s,
    n_items: int,
) -> tuple[Int32s, Float32s]:
    """Items that share a token with the query, and their scores: (m,) and (m,), in any order.

    ``starts`` (tokens + 1,) cuts the postings ``items`` and ``weights`` (nnz,). The query is the
    distinct ``tokens`` (q,) with ``values`` (q,). All weights are positive.
    """
    add = _add_touched if COMPILED else matches_numpy
    found, scores = add(starts, items, weights, tokens, values, n_items)
    return found, scores


@jit
def _add_touched(
    starts: Int64s,
    items: Int32s,
    weights: Float32s,
    tokens: Int32s,
    values: Float32s,
    n_items: int,
) -> tuple[Int32s, Float32s]:
    sums = np.zeros(n_items, np.float32)
    touched = np.empty(n_items, np.int32)
    count = 0
    for position in range(len(tokens)):
        value = values[position]
        for at in range(starts[tokens[position]], starts[tokens[position] + 1]):
            item = items[at]
            if sums[item] == 0:
                touched[count] = item
                count += 1
            sums[item] += value * weights[at]
    found = touched[:count].copy()
    return found, sums[found]


def matches_numpy(
    starts: Int64s,
    items: Int32s,
    weights: Float32s,
    tokens: Int32s,
    values: Float32s,
    n_items: int,
) -> tuple[Int32s, Float32s]:
    """The same in numpy: the reference, and what runs where nothing can be compiled."""
    sums = np.zeros(n_items, np.float32)
    for token, value in zip(tokens.tolist(), values, strict=True):
        span = slice(starts[token], starts[token + 1])
        sums[items[span]] += value * weights[span]
    found = np.flatnonzero(sums).astype(np.int32)
    return found, sums[found]

"""Compiled search for the vectors of greatest inner product. Single-threaded, nogil.

``vectors`` (n, d) lie list by list; ``rows`` (n,) says which row each is, and is empty where they
lie in the order of their rows. ``allowed`` (n,) by row, or empty: all. A search scores a vector
and offers it to a heap of the best k in one pass, so that it needs no array of scores.

Sums may be taken in any order (as BLAS does), so scores are equal to the numpy form's but for
rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, UInt64s
from endcap.features.compiled import njit
from endcap.models import nearest_numpy as reference
from endcap.models.kernels import COMPILED, _best_first, _keep, jit

_ANY_ORDER = {"reassoc", "contract", "nsz"}


def _sums(loops: Callable[..., Any]) -> Callable[..., Any]:
    """``loops`` compiled, its sums taken in whichever order is fastest."""
    return njit(cache=True, nogil=True, fastmath=_ANY_ORDER)(loops) if COMPILED else loops


@_sums
def _dot(a: Float32s, b: Float32s) -> float:
    total = np.float32(0)
    for f in range(len(b)):
        total += a[f] * b[f]
    return total  # type: ignore[return-value]


@jit
def _scan(
    vectors: Float32s,
    rows: Int32s,
    first: int,
    last: int,
    allowed: Bools,
    query: Float32s,
    size: int,
    out_rows: Int32s,
    out_scores: Float32s,
) -> tuple[int, int]:
    """Offer vectors first … last - 1 to the heap: (its size, how many were permitted)."""
    n, seen = len(out_rows), 0
    for at in range(first, last):
        row = rows[at] if len(rows) else np.int32(at)
        if len(allowed) and not allowed[row]:
            continue
        seen += 1
        score = _dot(vectors[at], query)
        if size < n or score >= out_scores[0]:
            size = _keep(out_rows, out_scores, size, n, row, score)
    return size, seen


@jit
def _scan_permitted(
    vectors: Float32s,
    places: Int32s,
    allowed: Bools,
    words: UInt64s,
    query: Float32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Offer what is permitted, eight rows passed over at once where none is; the heap's size."""
    size, n = 0, len(out_rows)
    for word in range(len(words) + 1):
        if word < len(words) and words[word] == 0:
            continue
        for row in range(8 * word, min(8 * word + 8, len(allowed))):
            if allowed[row]:
                at = places[row] if len(places) else np.int32(row)
                score = _dot(vectors[at], query)
                if size < n or score >= out_scores[0]:
                    size = _keep(out_rows, out_scores, size, n, row, score)
    return size


@jit
def _exact(
    vectors: Float32s,
    places: Int32s,
    allowed: Bools,
    words: UInt64s,
    queries: Float32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> None:
    """The best k of all vectors for each query (q, d), best first, equal scores by row:
    ``out_rows``, ``out_scores`` (q, k); -1 and NaN where fewer are permitted.

    ``words`` (n // 8,): the bytes of ``allowed`` by eight. ``places`` (n,): where under a filter
    each row's vector lies; empty: in order.
    """
    everything = np.zeros(0, np.int32)
    for q in range(len(queries)):
        out_rows[q, :] = -1
        out_scores[q, :] = np.nan
        rows, scores = out_rows[q], out_scores[q]
        if len(allowed):
            size = _scan_permitted(vectors, places, allowed, words, queries[q], rows, scores)
        else:
            size, _ = _scan(
                vectors, everything, 0, len(vectors), allowed, queries[q], 0, rows, scores
            )
        _best_first(rows, scores, size)


@jit
def _sift(scores: Float32s, order: Int32s, hole: int, size: int) -> None:
    """Let the list at ``hole`` sink in the heap ``order`` of lists, the best on top."""
    moved = order[hole]
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        if child + 1 < size and _before(scores, order[child + 1], order[child]):
            child += 1
        if not _before(scores, order[child], moved):
            break
        order[hole] = order[child]
        hole = child
    order[hole] = moved


@jit
def _before(scores: Float32s, one: int, other: int) -> bool:
    return bool(scores[one] > scores[other] or (scores[one] == scores[other] and one < other))


@jit
def _line_up(centres: Float32s, query: Float32s, scores: Float32s, order: Int32s) -> None:
    """Score the lists and make a heap of them; ``scores``, ``order`` (lists,) are scratch."""
    for at in range(len(centres)):
        scores[at] = _dot(centres[at], query)
        order[at] = at
    for at in range(len(centres) // 2 - 1, -1, -1):
        _sift(scores, order, at, len(centres))


@jit
def _probe(
    vectors: Float32s,
    rows: Int32s,
    starts: Int64s,
    centres: Float32s,
    probes: int,
    enough: int,
    allowed: Bools,
    queries: Float32s,
    list_scores: Float32s,
    list_order: Int32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> None:
    """As ``_exact`` over the lists whose centres (lists, d) promise most.

    The ``probes`` best lists are read, and further ones until k are found and, under a filter,
    ``enough`` permitted vectors were seen: a selective filter reads more lists, at last all.
    """
    for q in range(len(queries)):
        out_rows[q, :] = -1
        out_scores[q, :] = np.nan
        _line_up(centres, queries[q], list_scores, list_order)
        size, seen, left, read = 0, 0, len(centres), 0
        least = enough if len(allowed) else 0
        while left > 0 and (read < probes or seen < least or size < out_rows.shape[1]):
            best = list_order[0]
            left -= 1
            list_order[0] = list_order[left]
            _sift(list_scores, list_order, 0, left)
            size, more = _scan(
                vectors, rows, starts[best], starts[best + 1], allowed, queries[q],
                size, out_rows[q], out_scores[q],
            )  # fmt: skip
            seen += more
            read += 1
        _best_first(out_rows[q], out_scores[q], size)


exact = _exact if COMPILED else reference.exact
probe = _probe if COMPILED else reference.probe

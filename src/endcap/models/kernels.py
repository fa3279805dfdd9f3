"""Compiled scoring of sparse item-item models from a live history. Single-threaded, nogil.

A *stack* is a CSR matrix (rows of all components one below another; the columns are items,
ascending in each row): ``starts`` (rows + 1,), ``columns`` (nnz,), ``weights`` (nnz,). A query is
a slice of *entries*: stack rows with weights; ``entry_starts`` is (queries + 1,). The score of an
item is the weighted sum of the entries' rows there, plus its ``prior`` (items,), which is NaN for
an item that cannot be scored.

``values`` (float32), ``marks`` and ``touched`` (int32), all (items,), are scratch that the caller
keeps between calls: values and marks are zero before and after, and only what was touched is
reset, so that a request costs nothing that grows with the catalogue.

Where numba cannot cache its code (no writable folder) the numpy forms run, with a warning.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s
from endcap.features import compiled
from endcap.models import kernels_numpy as reference

_UNTOUCHED, _TOUCHED, _EXCLUDED = 0, 1, 2


COMPILED, jit = compiled.COMPILED, compiled.jit


@jit
def _keep(rows: Int32s, scores: Float32s, size: int, n: int, row: int, score: float) -> int:
    """Offer one item to the heap of the best n, the worst on top; returns its new size."""
    if size < n:
        child = size
        size += 1
        while child > 0:
            parent = (child - 1) >> 1
            if scores[parent] < score or (scores[parent] == score and rows[parent] > row):
                break
            scores[child], rows[child] = scores[parent], rows[parent]
            child = parent
        scores[child], rows[child] = score, row
        return size
    if score < scores[0] or (score == scores[0] and row > rows[0]):
        return size
    _sink(rows, scores, size, row, score)
    return size


@jit
def _sink(rows: Int32s, scores: Float32s, size: int, row: int, score: float) -> None:
    """Put an item in the place of the heap's top and let it sink."""
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= size:
            break
        other = child + 1
        if other < size and (
            scores[other] < scores[child]
            or (scores[other] == scores[child] and rows[other] > rows[child])
        ):
            child = other
        if score < scores[child] or (score == scores[child] and row > rows[child]):
            break
        scores[hole], rows[hole] = scores[child], rows[child]
        hole = child
    scores[hole], rows[hole] = score, row


@jit
def _best_first(rows: Int32s, scores: Float32s, size: int) -> None:
    """Turn the heap into a list, best first."""
    while size > 1:
        size -= 1
        row, score = rows[size], scores[size]
        rows[size], scores[size] = rows[0], scores[0]
        _sink(rows, scores, size, row, score)


@jit
def _accumulate(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    entry_rows: Int32s,
    entry_weights: Float32s,
    first: int,
    last: int,
    values: Float32s,
    marks: Int32s,
    touched: Int32s,
    count: int,
) -> int:
    """Add the weighted rows of entries first … last - 1; returns how many items are touched."""
    for e in range(first, last):
        weight = entry_weights[e]
        if weight == 0:
            continue
        row = entry_rows[e]
        for at in range(starts[row], starts[row + 1]):
            column = columns[at]
            if marks[column] == _UNTOUCHED:
                marks[column] = _TOUCHED
                touched[count] = column
                count += 1
            values[column] += weight * weights[at]
    return count


@jit
def _reset(values: Float32s, marks: Int32s, touched: Int32s, count: int) -> None:
    for at in range(count):
        values[touched[at]] = 0
        marks[touched[at]] = _UNTOUCHED


@jit
def _mark(rows: Int32s, first: int, last: int, marks: Int32s, touched: Int32s) -> int:
    """Mark the items of rows[first:last] as excluded; returns how many differ."""
    count = 0
    for at in range(first, last):
        if marks[rows[at]] == _UNTOUCHED:
            marks[rows[at]] = _EXCLUDED
            touched[count] = rows[at]
            count += 1
    return count


@jit
def _offer_touched(
    values: Float32s,
    prior: Float32s,
    allowed: Bools,
    marks: Int32s,
    touched: Int32s,
    count: int,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Offer what the history reached, with its prior; returns the heap's size."""
    size, n = 0, len(out_rows)
    for at in range(count):
        row = touched[at]
        if marks[row] == _EXCLUDED or (len(allowed) > 0 and not allowed[row]):
            continue
        if not np.isnan(prior[row]):
            score = values[row] + prior[row]
            size = _keep(out_rows, out_scores, size, n, row, score)
    return size


@jit
def _offer_untouched(
    prior: Float32s,
    prior_order: Int32s,
    allowed: Bools,
    marks: Int32s,
    size: int,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Offer the items that only have a prior, best first, until none can enter."""
    n = len(out_rows)
    for at in range(len(prior_order)):
        row = prior_order[at]
        worst = out_scores[0]
        if size == n and (prior[row] < worst or (prior[row] == worst and row > out_rows[0])):
            break
        if marks[row] == _UNTOUCHED and (len(allowed) == 0 or allowed[row]):
            size = _keep(out_rows, out_scores, size, n, row, prior[row])
    return size


@jit
def _top_items(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    entry_starts: Int64s,
    entry_rows: Int32s,
    entry_weights: Float32s,
    prior: Float32s,
    prior_order: Int32s,
    allowed: Bools,
    exclude_starts: Int64s,
    exclude: Int32s,
    values: Float32s,
    marks: Int32s,
    touched: Int32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> None:
    """The best items of each query, best first, equal scores by row.

    ``prior_order``: the items with a prior, highest first. ``allowed`` (items,) or empty: all.
    ``exclude`` with ``exclude_starts`` (queries + 1,): what each query leaves out.
    ``out_rows``, ``out_scores`` (queries, n) are filled; -1 and NaN where fewer are permitted.
    """
    for q in range(len(out_rows)):
        out_rows[q, :] = -1
        out_scores[q, :] = np.nan
        if out_rows.shape[1] == 0:
            continue
        count = _mark(exclude, exclude_starts[q], exclude_starts[q + 1], marks, touched)
        count = _accumulate(
            starts, columns, weights, entry_rows, entry_weights,
            entry_starts[q], entry_starts[q + 1], values, marks, touched, count,
        )  # fmt: skip
        size = _offer_touched(
            values, prior, allowed, marks, touched, count, out_rows[q], out_scores[q]
        )
        size = _offer_untouched(
            prior, prior_order, allowed, marks, size, out_rows[q], out_scores[q]
        )
        _best_first(out_rows[q], out_scores[q], size)
        _reset(values, marks, touched, count)


@jit
def _score_rows(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    entry_starts: Int64s,
    entry_rows: Int32s,
    entry_weights: Float32s,
    prior: Float32s,
    target_starts: Int64s,
    targets: Int32s,
    values: Float32s,
    marks: Int32s,
    touched: Int32s,
    out: Float32s,
) -> None:
    """The scores of each query's targets: ``targets`` and ``out`` (targets,), by query in
    ``target_starts`` (queries + 1,). NaN where the prior is."""
    for q in range(len(entry_starts) - 1):
        count = _accumulate(
            starts, columns, weights, entry_rows, entry_weights,
            entry_starts[q], entry_starts[q + 1], values, marks, touched, 0,
        )  # fmt: skip
        for at in range(target_starts[q], target_starts[q + 1]):
            out[at] = values[targets[at]] + prior[targets[at]]
        _reset(values, marks, touched, count)


@jit
def _contributions(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    entry_rows: Int32s,
    entry_weights: Float32s,
    target: int,
    out: Float32s,
) -> None:
    """What each entry gives to the score of item ``target``: ``out`` (entries,)."""
    for e in range(len(entry_rows)):
        low, high = starts[entry_rows[e]], starts[entry_rows[e] + 1]
        end = high
        while low < high:
            middle = (low + high) // 2
            if columns[middle] < target:
                low = middle + 1
            else:
                high = middle
        found = low < end and columns[low] == target
        out[e] = entry_weights[e] * weights[low] if found else 0


top_items = _top_items if COMPILED else reference.top_items
score_rows = _score_rows if COMPILED else reference.score_rows
contributions = _contributions if COMPILED else reference.contributions

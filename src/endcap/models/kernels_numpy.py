"""The numpy form of each kernel: the reference that tests hold ``kernels`` equal to.

It also serves where numba cannot keep its compiled code (see ``kernels``). Arguments, shapes and
results are described in ``kernels``; these forms give the same numbers, more slowly.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s

UNTOUCHED, TOUCHED, EXCLUDED = 0, 1, 2


def _accumulate(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    entry_rows: Int32s,
    entry_weights: Float32s,
    values: Float32s,
) -> Bools:
    """Adds weighted sparse rows into ``values`` (items,); returns which items were touched."""
    touched = np.zeros(len(values), bool)
    for row, weight in zip(entry_rows, entry_weights, strict=True):
        if weight == 0:
            continue
        span = slice(starts[row], starts[row + 1])
        values[columns[span]] += weight * weights[span]
        touched[columns[span]] = True
    return touched


def top_items(
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
    del marks, touched
    n = out_rows.shape[1]
    permitted = np.zeros(len(prior), bool)
    permitted[prior_order] = True
    if len(allowed):
        permitted &= allowed
    for q in range(len(out_rows)):
        entries = slice(entry_starts[q], entry_starts[q + 1])
        values[:] = 0
        _accumulate(starts, columns, weights, entry_rows[entries], entry_weights[entries], values)
        mask = permitted.copy()
        mask[exclude[exclude_starts[q] : exclude_starts[q + 1]]] = False
        rows = np.flatnonzero(mask)
        scores = values[rows] + prior[rows]
        best = np.lexsort((rows, -scores))[:n]
        out_rows[q], out_scores[q] = -1, np.nan
        out_rows[q, : len(best)] = rows[best]
        out_scores[q, : len(best)] = scores[best]
    values[:] = 0


def score_rows(
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
    del marks, touched
    for q in range(len(entry_starts) - 1):
        entries = slice(entry_starts[q], entry_starts[q + 1])
        asked = slice(target_starts[q], target_starts[q + 1])
        values[:] = 0
        _accumulate(starts, columns, weights, entry_rows[entries], entry_weights[entries], values)
        out[asked] = values[targets[asked]] + prior[targets[asked]]
    values[:] = 0


def contributions(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    entry_rows: Int32s,
    entry_weights: Float32s,
    target: int,
    out: Float32s,
) -> None:
    for e, row in enumerate(entry_rows):
        span = slice(starts[row], starts[row + 1])
        here = weights[span][columns[span] == target]
        out[e] = entry_weights[e] * here[0] if len(here) else 0

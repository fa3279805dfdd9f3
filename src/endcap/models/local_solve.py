"""One small ridge regression for each item over its strongest sources, compiled."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.models.kernels import COMPILED, jit

WALKED = 64  # a row so many times longer than the chosen ones is searched, not walked


@jit
def _diagonal(starts: Int64s, columns: Int32s, values: Float32s) -> Float32s:
    out = np.zeros(len(starts) - 1, np.float32)
    for i in range(len(out)):
        for at in range(starts[i], starts[i + 1]):
            if columns[at] == i:
                out[i] += values[at]
    return out


@jit
def _strongest(
    rows: Int32s, values: Float32s, scale: Float32s, barred: int, sources: int
) -> Int64s:
    """Positions in ``rows`` of the greatest values² / scale, best first; never row ``barred``."""
    gain = values * values / scale[rows]
    for at in range(len(rows)):
        if rows[at] == barred or values[at] == 0:
            gain[at] = -1.0
    able = np.flatnonzero(gain > 0)
    if len(able) > 2 * sources:  # most rows are far longer than what is chosen of them
        least = np.partition(gain[able], len(able) - sources)[len(able) - sources]
        able = able[gain[able] >= least]
    order = np.argsort(-gain[able], kind="mergesort")
    return able[order[:sources]]


@jit
def _cell(starts: Int64s, columns: Int32s, values: Float32s, row: int, column: int) -> float:
    """One cell of a CSR matrix whose columns ascend, by halving; 0 where it has none."""
    low, high = starts[row], starts[row + 1]
    while low < high:
        middle = (low + high) >> 1
        if columns[middle] < column:
            low = middle + 1
        else:
            high = middle
    return float(values[low]) if low < starts[row + 1] and columns[low] == column else 0.0


@jit
def _square(
    starts: Int64s,
    columns: Int32s,
    values: Float32s,
    penalty: Float32s,
    chosen: Int32s,
    place_of: Int32s,
) -> Float64s:
    """(G + Λ) of the chosen rows, (m, m). G is symmetric, but of a pair one row may have been cut:
    what either holds stands. Rows are walked once, with ``place_of`` (items,), 0 before and after,
    telling who is chosen; two rows too long for that are searched."""
    m = len(chosen)
    square = np.zeros((m, m), np.float64)
    long = starts[chosen + 1] - starts[chosen] > WALKED * m
    for a in range(m):
        place_of[chosen[a]] = a + 1
    for a in range(m):
        if not long[a]:
            for at in range(starts[chosen[a]], starts[chosen[a] + 1]):
                b = place_of[columns[at]]
                if b > 0:
                    square[a, b - 1] = values[at]
    for a in range(m):
        place_of[chosen[a]] = 0
        for b in range(a):
            found = max(square[a, b], square[b, a])
            if long[a] and long[b]:
                found = _cell(starts, columns, values, chosen[a], chosen[b])
            square[a, b] = square[b, a] = found
        if long[a]:
            square[a, a] = _cell(starts, columns, values, chosen[a], chosen[a])
        square[a, a] += penalty[chosen[a]]
    return square


@jit
def _solved(square: Float64s, right: Float64s) -> Float64s:
    """x of A x = right (m,); A (m, m) symmetric, overwritten."""
    m = len(right)
    try:
        factor = np.linalg.cholesky(square)
    except Exception:  # compiled code can catch no other class
        _solve(square, right)
        return right
    for k in range(m):
        right[k] /= factor[k, k]
        for i in range(k + 1, m):
            right[i] -= factor[i, k] * right[k]
    for k in range(m - 1, -1, -1):
        for j in range(k + 1, m):
            right[k] -= factor[j, k] * right[j]
        right[k] /= factor[k, k]
    return right


@jit
def _solve(square: Float64s, right: Float64s) -> None:
    """x of A x = right (m,), in place of it, by LDLᵀ; A is symmetric, its upper half is read and
    overwritten. A source that adds nothing to those before it (no positive pivot) gets 0."""
    m = len(square)
    for k in range(m):
        pivot = square[k, k]
        if pivot <= 1e-12:
            square[k, k + 1 :] = 0
            square[k, k], right[k] = 1.0, 0.0
            continue
        for i in range(k + 1, m):
            share = square[k, i] / pivot
            if share != 0:
                for j in range(i, m):
                    square[i, j] -= share * square[k, j]
                right[i] -= share * right[k]
    for k in range(m - 1, -1, -1):
        total = right[k]
        for j in range(k + 1, m):
            total -= square[k, j] * right[j]
        right[k] = total / square[k, k]


@jit
def _columns(
    gram_starts: Int64s,
    gram_columns: Int32s,
    gram_values: Float32s,
    right_starts: Int64s,
    right_rows: Int32s,
    right_values: Float32s,
    penalty: Float32s,
    zero_diagonal: bool,
    sources: int,
    first: int,
    last: int,
) -> tuple[Int32s, Float32s]:
    """For each column first … last - 1: the rows chosen (columns, sources), padded with -1, and
    their weights. G is CSR (symmetric, columns ascending), R is CSC. Sources: the greatest
    R² / (G + λ) on the diagonal, the fall of the squared error that each would bring alone."""
    out_rows = np.full((last - first, sources), -1, np.int32)
    out_weights = np.zeros((last - first, sources), np.float32)
    scale = _diagonal(gram_starts, gram_columns, gram_values) + penalty
    place_of = np.zeros(len(penalty), np.int32)
    for j in range(first, last):
        rows = right_rows[right_starts[j] : right_starts[j + 1]]
        values = right_values[right_starts[j] : right_starts[j + 1]]
        best = _strongest(rows, values, scale, j if zero_diagonal else -1, sources)
        if len(best) == 0:
            continue
        chosen = rows[best]
        square = _square(gram_starts, gram_columns, gram_values, penalty, chosen, place_of)
        out_rows[j - first, : len(best)] = chosen
        out_weights[j - first, : len(best)] = _solved(square, values[best].astype(np.float64))
    return out_rows, out_weights


def columns_numpy(
    gram_starts: Int64s,
    gram_columns: Int32s,
    gram_values: Float32s,
    right_starts: Int64s,
    right_rows: Int32s,
    right_values: Float32s,
    penalty: Float32s,
    zero_diagonal: bool,
    sources: int,
    first: int,
    last: int,
) -> tuple[Int32s, Float32s]:
    """The numpy form, held equal by a test."""
    n = len(penalty)
    out_rows = np.full((last - first, sources), -1, np.int32)
    out_weights = np.zeros((last - first, sources), np.float32)
    owner = np.repeat(np.arange(n), np.diff(gram_starts))
    dense = np.zeros((n, n))
    np.add.at(dense, (owner, gram_columns), gram_values)
    for j in range(first, last):
        span = slice(right_starts[j], right_starts[j + 1])
        rows, values = right_rows[span], right_values[span]
        gain = values * values / (np.diag(dense)[rows].astype(np.float32) + penalty[rows])
        gain[(values == 0) | (zero_diagonal & (rows == j))] = -1
        order = np.argsort(-gain, kind="stable")[:sources]
        order = order[gain[order] > 0]
        chosen = rows[order]
        square = dense[np.ix_(chosen, chosen)] + np.diag(penalty[chosen])
        out_rows[j - first, : len(order)] = chosen
        out_weights[j - first, : len(order)] = np.linalg.solve(square, values[order])
    return out_rows, out_weights


columns = _columns if COMPILED else columns_numpy

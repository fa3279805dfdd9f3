"""One small ridge regression for each item over its strongest sources, compiled."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.models.kernels import COMPILED, jit


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
    their weights. G is CSR (symmetric), R is CSC. Sources: the greatest R² / (G + λ) on the
    diagonal, the fall of the squared error that each would bring alone."""
    n = len(penalty)
    out_rows = np.full((last - first, sources), -1, np.int32)
    out_weights = np.zeros((last - first, sources), np.float32)
    diagonal = np.zeros(n, np.float32)
    for i in range(n):
        for at in range(gram_starts[i], gram_starts[i + 1]):
            if gram_columns[at] == i:
                diagonal[i] += gram_values[at]
    place = np.full(n, -1, np.int32)
    for j in range(first, last):
        rows = right_rows[right_starts[j] : right_starts[j + 1]]
        values = right_values[right_starts[j] : right_starts[j + 1]]
        gain = values * values / (diagonal[rows] + penalty[rows])
        for at in range(len(rows)):
            if (zero_diagonal and rows[at] == j) or values[at] == 0:
                gain[at] = -1.0
        order = np.argsort(-gain, kind="mergesort")
        m = 0
        while m < len(order) and m < sources and gain[order[m]] > 0:
            m += 1
        if m == 0:
            continue
        chosen = rows[order[:m]]
        square = np.zeros((m, m), np.float64)
        for a in range(m):
            place[chosen[a]] = a
        for a in range(m):
            for at in range(gram_starts[chosen[a]], gram_starts[chosen[a] + 1]):
                b = place[gram_columns[at]]
                if b >= 0:
                    square[a, b] += gram_values[at]
            square[a, a] += penalty[chosen[a]]
        solved = np.linalg.solve(square, values[order[:m]].astype(np.float64))
        for a in range(m):
            place[chosen[a]] = -1
            out_rows[j - first, a] = chosen[a]
            out_weights[j - first, a] = solved[a]
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

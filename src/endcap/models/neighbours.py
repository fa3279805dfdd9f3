"""Sparse item-item matrices: what a fitted model keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s
from endcap.models.kernels import jit

BINS_FROM = 20  # of a float's 32 bits: exponent and 3 bits of its fraction tell bins of sizes


@jit
def _least_kept(own: Float32s, keep: int, counts: Int64s) -> tuple[float, int]:
    """(the size of the ``keep``-th largest of ``own`` ≥ 0 (n,), how many of that size are kept);
    0 < keep < n. ``counts`` (2048,) is scratch: only sizes in the bin where the count passes
    ``keep`` are put in order."""
    bits = own.view(np.uint32)
    counts[:] = 0
    for at in range(len(own)):
        counts[bits[at] >> BINS_FROM] += 1
    above, found = 0, len(counts) - 1
    while above + counts[found] < keep:
        above += counts[found]
        found -= 1
    inside = np.empty(counts[found], np.float32)
    filled = 0
    for at in range(len(own)):
        if bits[at] >> BINS_FROM == found:
            inside[filled] = own[at]
            filled += 1
    place = filled - (keep - above)
    least = np.partition(inside, place)[place]
    return float(least), int(keep - above - np.count_nonzero(inside > least))


@jit
def _strongest(starts: Int64s, size: Float32s, keep: int) -> Bools:
    """Which entries are among the ``keep`` largest of their row, equal ones by column: (nnz,)."""
    kept = np.ones(len(size), np.bool_)
    counts = np.zeros(2048, np.int64)
    for row in range(len(starts) - 1):
        first, last = starts[row], starts[row + 1]
        if keep == 0:
            kept[first:last] = False
        elif last - first > keep:
            least, ties = _least_kept(size[first:last], keep, counts)
            for at in range(first, last):
                equal = size[at] == least
                kept[at] = size[at] > least or (equal and ties > 0)
                ties -= equal
    return kept


@jit
def _dense_strongest(
    matrix: Float32s, keep: int, starts: Int64s, columns: Int32s, weights: Float32s
) -> tuple[float, float]:
    """The ``keep`` largest of each row of ``matrix`` (rows, items), no zeros, into ``columns`` and
    ``weights`` (room for rows · keep), with ``starts`` (rows + 1,). (sizes kept, sizes of all)."""
    counts = np.zeros(2048, np.int64)
    filled, kept, total = 0, 0.0, 0.0
    for row in range(len(matrix)):
        size = np.abs(matrix[row])
        least, ties = np.float32(0), 0
        if 0 < keep < len(size):
            least, ties = _least_kept(size, keep, counts)
        for at in range(len(size)):
            total += size[at]
            equal = size[at] == least
            if keep > 0 and size[at] > 0 and (size[at] > least or (equal and ties > 0)):
                columns[filled], weights[filled] = at, matrix[row, at]
                kept += size[at]
                filled += 1
            ties -= equal
        starts[row + 1] = filled
    return kept, total


class Neighbours(NamedTuple):
    """A CSR matrix: row i holds what item i in a history gives to the items ``columns``.

    ``columns`` ascend within a row. float32 weights; no zeros.
    """

    starts: Int64s  # (rows + 1,)
    columns: Int32s  # (nnz,)
    weights: Float32s  # (nnz,)

    @property
    def n_rows(self) -> int:
        return len(self.starts) - 1


def empty(n_items: int) -> Neighbours:
    return Neighbours(np.zeros(n_items + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, "f4"))


def from_matrix(matrix: Any, keep: int) -> tuple[Neighbours, float]:
    """The ``keep`` entries of largest absolute value in each row of a scipy sparse matrix.

    Returns the neighbours and the loss: the share of the summed absolute weight left out.
    """
    from scipy import sparse  # here: answers do without

    matrix = sparse.csr_matrix(matrix, dtype=np.float32, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    starts, size = matrix.indptr.astype(np.int64), np.abs(matrix.data)
    total = float(size.sum(dtype=np.float64))
    lengths = np.diff(starts)
    if len(lengths) and lengths.max() > keep:
        kept = _strongest(starts, size, keep)
        matrix.data, matrix.indices = matrix.data[kept], matrix.indices[kept]
        starts = np.concatenate(([0], np.cumsum(np.minimum(lengths, keep))))
    left_out = 1 - float(np.abs(matrix.data).sum(dtype=np.float64)) / total if total else 0.0
    result = Neighbours(
        starts.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float32)
    )
    return result, max(left_out, 0.0)


def from_dense(matrix: Float32s | Float64s, keep: int) -> tuple[Neighbours, float]:
    """As ``from_matrix``, of a dense (items, items) array."""
    matrix = np.ascontiguousarray(matrix, np.float32)
    n, width = matrix.shape if matrix.ndim == 2 else (0, 0)
    starts, room = np.zeros(n + 1, np.int64), n * min(keep, width)
    columns, weights = np.empty(room, np.int32), np.empty(room, np.float32)
    kept, total = _dense_strongest(matrix, keep, starts, columns, weights)
    end = int(starts[-1])
    found = Neighbours(starts, columns[:end].copy(), weights[:end].copy())
    return found, max(0.0, 1 - kept / total) if total else 0.0


def identity(n_items: int) -> Neighbours:
    """Each item gives itself: scores repeats of the own history."""
    return Neighbours(
        np.arange(n_items + 1, dtype=np.int64),
        np.arange(n_items, dtype=np.int32),
        np.ones(n_items, np.float32),
    )


class PairNeighbours(NamedTuple):
    """Row p holds what two items of a history, an earlier one and the newest, give together.
    ``keys`` ascend: newest · items + earlier. Two items without a row give nothing."""

    keys: Int64s  # (pairs,)
    rows: Neighbours  # (pairs rows)

    @property
    def columns(self) -> Int32s:
        return self.rows.columns

    @property
    def n_rows(self) -> int:
        return self.rows.n_rows


def layered(
    parts: Sequence[Neighbours | PairNeighbours], n_items: int
) -> tuple[Neighbours, Int64s]:
    """(stack, keys): item i of part c is row c · n_items + i, empty where the part is of pairs;
    behind all of them lie the rows of the pairs of the one part that is, if any."""
    pairs = [part for part in parts if isinstance(part, PairNeighbours)]
    keys = pairs[0].keys if pairs else np.zeros(0, np.int64)
    single = [empty(n_items) if isinstance(part, PairNeighbours) else part for part in parts]
    return stacked([*single, *(pair.rows for pair in pairs[:1])]), keys


def stacked(parts: Sequence[Neighbours]) -> Neighbours:
    """One below another: item i of part c is row c · n_items + i."""
    offsets = np.concatenate(([0], np.cumsum([len(p.columns) for p in parts]))).astype(np.int64)
    starts = [p.starts[:-1] + offset for p, offset in zip(parts, offsets[:-1], strict=True)]
    return Neighbours(
        np.concatenate([*starts, offsets[-1:]]),
        np.concatenate([p.columns for p in parts]),
        np.concatenate([p.weights for p in parts]),
    )


def to_matrix(neighbours: Neighbours, n_items: int) -> Any:
    """As a scipy CSR matrix (rows, items) over the same arrays."""
    from scipy import sparse  # here: answers do without

    return sparse.csr_matrix(
        (neighbours.weights, neighbours.columns, neighbours.starts),
        shape=(neighbours.n_rows, n_items),
    )

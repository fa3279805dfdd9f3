"""Ridge regressions between items, solved exactly (dense) or item by item on a neighbourhood.

Both find B (items, items) that makes ‖T − S B‖² + Σ λᵢ‖Bᵢ‖² least from G = SᵀS and R = SᵀT, that
is (G + Λ) B = R. ``local`` restricts column j to the sources with the largest share in R's column
j: bounded work and memory for any catalogue (Ning & Karypis, "SLIM", ICDM 2011, fsSLIM).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy import linalg, sparse

from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.models import local_solve
from endcap.models.neighbours import Neighbours, from_matrix

BLOCK = 2048  # a single LAPACK call failed at 41,000 rows, so factors are built of blocks


def dense_bytes(n_items: int) -> int:
    """Memory that the exact form takes at its peak: three float32 squares and some blocks."""
    return 3 * 4 * n_items * n_items + 64 * BLOCK * n_items // 8


def cholesky(matrix: Float32s, block: int = BLOCK) -> Float32s:
    """The lower factor L of a positive definite matrix (n, n) = L Lᵀ, in place.

    What stands above the diagonal is left over and must not be read. Raises
    numpy.linalg.LinAlgError where the matrix is not positive definite.
    """
    n = len(matrix)
    for k in range(0, n, block):
        end = min(k + block, n)
        corner = linalg.cholesky(matrix[k:end, k:end], lower=True, check_finite=False)
        matrix[k:end, k:end] = corner
        if end == n:
            break
        below = linalg.solve_triangular(
            corner, matrix[end:, k:end].T, lower=True, check_finite=False
        ).T  # (n - end, block)
        matrix[end:, k:end] = below
        for row in range(end, n, block):
            stop = min(row + block, n)
            matrix[row:stop, end:stop] -= below[row - end : stop - end] @ below[: stop - end].T
    return matrix


def solve(factor: Float32s, right: Float32s, block: int = BLOCK) -> Float32s:
    """X of L Lᵀ X = right (n, columns), in place of ``right``."""
    n = len(factor)
    edges = [(k, min(k + block, n)) for k in range(0, n, block)]
    for k, end in edges:
        part = right[k:end] - factor[k:end, :k] @ right[:k]
        right[k:end] = linalg.solve_triangular(
            factor[k:end, k:end], part, lower=True, check_finite=False
        )
    for k, end in reversed(edges):
        part = right[k:end] - factor[end:, k:end].T @ right[end:]
        right[k:end] = linalg.solve_triangular(
            factor[k:end, k:end], part, lower=True, trans="T", check_finite=False
        )
    return right


def zero_diagonal(gram: Float32s, penalty: Float32s) -> Float32s:
    """B (items, items) = I − P · diag(1 / diag P), P = (G + Λ)⁻¹; ``gram`` is overwritten.

    An item says nothing about itself. Source: Steck, "Embarrassingly shallow autoencoders for
    sparse data" (WWW 2019).
    """
    n = len(gram)
    gram[np.diag_indices(n)] += penalty
    weights = inverse(gram)
    weights /= -np.diag(weights).copy()
    weights[np.diag_indices(n)] = 0
    return weights


def inverse(matrix: Float32s) -> Float32s:
    """Of a symmetric positive definite matrix (n, n), in place where it is contiguous: n³
    operations, a third of solving for the identity. Raises numpy.linalg.LinAlgError."""
    turned = np.ascontiguousarray(matrix).T  # LAPACK's order of the same memory
    if not len(turned):
        return matrix
    factor, failed = linalg.lapack.spotrf(turned, lower=0, clean=0, overwrite_a=1)
    if not failed:
        found, failed = linalg.lapack.spotri(factor, lower=0, overwrite_c=1)
    if failed:
        raise np.linalg.LinAlgError(f"not positive definite: LAPACK says {failed}")
    whole: Float32s = found.T  # the lower half is filled in
    n = len(whole)
    for first in range(0, n, BLOCK):
        end = min(first + BLOCK, n)
        corner = np.tril(whole[first:end, first:end])
        whole[first:end, first:end] = corner + np.tril(corner, -1).T
        whole[first:end, end:] = whole[end:, first:end].T
    return whole


def regression(gram: Float32s, right: Any, penalty: Float32s) -> Float32s:
    """B (items, items) of (G + Λ) B = R; ``right`` is scipy sparse, ``gram`` is overwritten."""
    gram[np.diag_indices(len(gram))] += penalty
    return solve(cholesky(gram), right.toarray().astype(np.float32))


def local(
    gram: Any,
    right: Any,
    penalty: Float32s,
    sources: int,
    keep: int,
    threads: int,
) -> Neighbours:
    """As ``zero_diagonal`` (``right`` is None) or ``regression`` with at most ``sources`` rows
    for each column. gram, right: scipy sparse (items, items); penalty (items,)."""
    gram = sparse.csr_matrix(gram, dtype=np.float32)
    gram.sort_indices()
    columns = (gram if right is None else right).tocsc().astype(np.float32)
    arrays = (
        *_parts(gram), *_parts(columns), penalty.astype(np.float32), right is None, sources,
    )  # fmt: skip
    n = gram.shape[0]
    borders = np.linspace(0, n, max(2, min(n, 8 * threads) + 1)).astype(int)

    def solve_range(at: int) -> Any:
        first, last = int(borders[at]), int(borders[at + 1])
        rows, weights = local_solve.columns(*arrays, first, last)
        filled = rows >= 0
        targets = np.broadcast_to(np.arange(first, last)[:, None], rows.shape)
        return rows[filled], targets[filled], weights[filled]

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        found = list(pool.map(solve_range, range(len(borders) - 1)))
    rows, targets, weights = (np.concatenate([f[part] for f in found]) for part in range(3))
    matrix = sparse.coo_matrix((weights, (rows, targets)), shape=(n, n))
    return from_matrix(matrix, keep)[0]


def _parts(matrix: Any) -> tuple[Int64s, Int32s, Float32s]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data

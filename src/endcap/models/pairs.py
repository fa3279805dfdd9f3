"""Counting pairs of items in histories: the matrices that the item-item models are solved from."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, sparse

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.models.neighbours import from_matrix, to_matrix

_CHUNK_PAIRS = 24_000_000  # pairs counted at once: at most about 300 MB
_BLOCK_CELLS = 32_000_000  # of users' rows made dense at a time


def user_items(data: Interactions, user_exponent: float) -> Any:
    """Distinct items of each user as CSR (users, items); a row of n items has squared entries
    n^-user_exponent, so that long histories count less in the Gram matrix."""
    matrix = sparse.csr_matrix(
        (np.ones(len(data), np.float32), data.item, data.starts()),
        shape=(data.n_users, data.n_items),
        copy=True,  # what follows sorts in place, and the data's order must stand
    )
    matrix.sum_duplicates()
    lengths = np.diff(matrix.indptr)
    weight = np.maximum(lengths, 1.0) ** (-user_exponent / 2)
    matrix.data = np.repeat(weight, lengths).astype(np.float32)
    return matrix


def gram(matrix: Any, most_per_user: int, seed: int, most_pairs: int) -> Any:
    """XᵀX as sparse CSR (items, items), float32; of longer rows a random sample of
    ``most_per_user`` entries is taken, scaled to keep its sum of pairs. Where more than
    ``most_pairs`` differ, each item keeps its strongest: memory stays bounded."""
    matrix = _sampled(matrix, most_per_user, np.random.default_rng(seed))
    lengths = np.diff(matrix.indptr).astype(np.int64)
    total = sparse.csr_matrix((matrix.shape[1],) * 2, dtype=np.float32)
    for first, last in _chunks(lengths * lengths):
        part = matrix[first:last]
        total = _bounded(total + part.T.tocsr() @ part, most_pairs)
    return total.tocsr()


def dense_gram(matrix: Any) -> Float32s:
    """XᵀX of scipy sparse (users, items) as a dense array (items, items), users in blocks."""
    n_users, n = matrix.shape
    step = max(1, min(n_users, _BLOCK_CELLS // max(n, 1)))
    total = np.zeros((n, n), np.float32)
    for first in range(0, n_users, step):
        block = matrix[first : first + step].toarray()  # (users, items)
        # the half that BLAS fills of Fortran's order of the same memory
        total = linalg.blas.ssyrk(1.0, block.T, 1.0, total.T, lower=1, overwrite_c=1).T
    upper = np.triu(total, 1)
    total = np.triu(total)
    total += upper.T
    return total


def _bounded(matrix: Any, most_pairs: int) -> Any:
    """At most that many entries: of each row the strongest, the diagonal among them."""
    if matrix.nnz <= most_pairs:
        return matrix
    kept, _ = from_matrix(matrix, max(1, most_pairs // matrix.shape[0]))
    return to_matrix(kept, matrix.shape[1])


def _sampled(matrix: Any, most: int, draw: np.random.Generator) -> Any:
    lengths = np.diff(matrix.indptr)
    if not len(lengths) or lengths.max() <= most:
        return matrix
    row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((draw.random(len(row)), row))
    place = np.arange(len(row)) - np.repeat(matrix.indptr[:-1], lengths)
    kept = np.sort(order[place < most])
    scale = np.repeat(np.maximum(lengths / most, 1), lengths)[kept]
    starts = np.concatenate(([0], np.cumsum(np.minimum(lengths, most))))
    data = (matrix.data[kept] * scale).astype(np.float32)
    return sparse.csr_matrix((data, matrix.indices[kept], starts), shape=matrix.shape)


def _chunks(sizes: Int64s) -> list[tuple[int, int]]:
    """Ranges of users whose pairs together stay near ``_CHUNK_PAIRS``."""
    ends = np.cumsum(sizes) // _CHUNK_PAIRS
    cuts = np.flatnonzero(np.diff(ends, prepend=0)) + 1
    borders = np.unique(np.concatenate(([0], cuts, [len(sizes)])))
    return list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))


def partial_session_pairs(
    user: Int32s,
    item: Int32s,
    n_items: int,
    decay: float,
    future: float,
    window: int,
    most_pairs: int,
) -> tuple[Any, Any]:
    """SᵀS and SᵀT over all cuts of all sessions into past S and future T, both sparse CSR.

    At cut t of a session the past row holds ``decay^(t - p)`` at position p ≤ t, the future row
    ``future^(q - t - 1)`` at q > t; ``future`` = 0 keeps only the very next item. Pairs further
    apart than ``window`` are left out. user, item: (n,), in order. Source: Choi et al.,
    "Session-aware linear item-item models" (WWW 2021), SLIT, with both weights geometric.
    """
    last = np.searchsorted(user, user, side="right") - 1 - np.arange(len(user))  # events after
    past = sparse.csr_matrix((n_items, n_items), dtype=np.float32)
    ahead = past.copy()
    for gap in range(min(window, int(last.max(initial=0))) + 1):
        left = np.flatnonzero(last >= gap)
        a, b = item[left], item[left + gap]
        # cuts t = q, q+1, … up to the one before last, each weighing decay^(2t - p - q)
        cuts = np.maximum(last[left] - gap, 0)
        weight = decay**gap * _geometric(decay * decay, cuts)
        past = past + _counts(a, b, weight, n_items)
        if gap:
            past = past + _counts(b, a, weight, n_items)
            past = _bounded(past, most_pairs)
            steps = np.arange(gap)
            reach = float(np.sum(decay**steps * float(future) ** (gap - 1 - steps)))
            if reach > 1e-4:
                ahead = ahead + _counts(a, b, np.full(len(a), reach), n_items)
                ahead = _bounded(ahead, most_pairs)
    return past.tocsr(), ahead.tocsr()


def followers(
    user: Int32s, item: Int32s, n_items: int, decay: float, window: int, most_pairs: int
) -> Any:
    """Directed pair counts, sparse CSR (items, items): cell (a, b) adds decay^(g - 1) for every
    b that came g ≤ window events after a in the same sequence. user, item: (n,), in order."""
    last = np.searchsorted(user, user, side="right") - 1 - np.arange(len(user))  # events after
    total = sparse.csr_matrix((n_items, n_items), dtype=np.float32)
    for gap in range(1, min(window, int(last.max(initial=0))) + 1):
        weight = decay ** (gap - 1)
        if weight < 1e-3:
            break
        left = np.flatnonzero(last >= gap)
        found = _counts(item[left], item[left + gap], np.full(len(left), weight), n_items)
        total = _bounded(total + found, most_pairs)
    return total.tocsr()


def _geometric(ratio: float, terms: Int64s) -> Float64s:
    """1 + r + … of that many terms, (n,)."""
    if ratio >= 1:
        return terms.astype(np.float64)
    return np.asarray((1 - ratio**terms) / (1 - ratio))


def _counts(a: Int32s, b: Int32s, weight: Float64s, n_items: int) -> Any:
    shape = (n_items, n_items)
    return sparse.coo_matrix((weight.astype(np.float32), (a, b)), shape=shape).tocsr()

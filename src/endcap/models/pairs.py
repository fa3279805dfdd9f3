"""Counting pairs of items in histories: the matrices that the item-item models are solved from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy import linalg, sparse

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.models import pair_kernel
from endcap.models.neighbours import from_matrix, to_matrix

BUFFER = 1 << 23  # cells that a thread counts before they are put aside
PAIR_COST = 20  # one counted pair takes as long as so many multiplications of a matrix product
NO_CUTS = np.zeros(0, np.float32)
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


def gram(matrix: Any, most_per_user: int, seed: int, most_pairs: int, threads: int = 1) -> Any:
    """XᵀX as sparse CSR (items, items), float32; of longer rows a random sample of
    ``most_per_user`` entries is taken, scaled to keep its sum of pairs. Where more than
    ``most_pairs`` could differ, the longest rows keep their strongest: memory stays bounded."""
    matrix = _sampled(matrix, most_per_user, np.random.default_rng(seed)).tocsr()
    users = matrix.tocsc()  # of each item
    lengths = np.diff(matrix.indptr).astype(np.int64)
    reached = np.bincount(matrix.indices, np.repeat(lengths, lengths), matrix.shape[1])
    parts: Any = (*_parts(users), *_parts(matrix))
    return _counted(
        lambda *span: pair_kernel.gram_rows(*parts, *span), reached, most_pairs, threads
    )


def dense_gram(matrix: Any) -> Float32s:
    """XᵀX of scipy sparse (users, items) as a dense array (items, items): by pairs, or as a
    product of blocks of users where histories are so long that this is less work."""
    n_users, n = matrix.shape
    total = np.zeros((n, n), np.float32)
    pairs = float(np.square(np.diff(matrix.indptr).astype(np.float64)).sum())
    if pairs * PAIR_COST < float(n_users) * n * n:
        pair_kernel.dense_rows(*_parts(matrix), total)
        return total
    step = max(1, min(n_users, _BLOCK_CELLS // max(n, 1)))
    for first in range(0, n_users, step):
        block = matrix[first : first + step].toarray()  # (users, items)
        # the half that BLAS fills of Fortran's order of the same memory
        total = linalg.blas.ssyrk(1.0, block.T, 1.0, total.T, lower=1, overwrite_c=1).T
    upper = np.triu(total, 1)
    total = np.triu(total)
    total += upper.T
    return total


def _parts(matrix: Any) -> tuple[Int64s, Int32s, Float32s]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data


def _counted(rows: Callable[..., int], reached: Any, most_pairs: int, threads: int) -> Any:
    """The matrix (items, items) whose ``rows`` a kernel of ``pair_kernel`` counts. ``reached``
    (items,): no row has more cells, so that ranges of equal work and the cut can be chosen."""
    n = len(reached)
    most = _row_limit(np.minimum(reached, n), most_pairs)
    shares = np.linspace(0, reached.sum(), max(1, min(n, 4 * threads)) + 1)[1:-1]
    borders = np.unique([0, *np.searchsorted(np.cumsum(reached), shares), n]).tolist()

    def count(first: int, last: int) -> list[Any]:
        room = int(np.minimum(reached[first:last], n).sum()) + n
        columns = np.empty(min(room, max(BUFFER, n)), np.int32)
        values, counts, found = np.empty(len(columns), np.float32), np.zeros(n, np.int64), []
        while first < last:
            done = rows(first, last, counts, columns, values)
            starts = np.concatenate(([0], np.cumsum(counts[first:done])))
            cells = (values[: starts[-1]].copy(), columns[: starts[-1]].copy(), starts)
            part = sparse.csr_matrix(cells, shape=(done - first, n))
            part.sort_indices()
            found.append(part if counts[first:done].max() <= most else _cut(part, most))
            first = done
        return found

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        found = [part for parts in pool.map(count, borders[:-1], borders[1:]) for part in parts]
    return sparse.vstack(found, format="csr")


def _cut(matrix: Any, most: int) -> Any:
    """Of each row the strongest."""
    return to_matrix(from_matrix(matrix, most)[0], matrix.shape[1])


def _row_limit(reached: Float64s, most_pairs: int) -> int:
    """How many cells a row may keep so that all rows together keep at most ``most_pairs``."""
    if reached.sum() <= most_pairs:
        return len(reached)
    lengths = np.sort(reached)
    before = np.concatenate(([0.0], np.cumsum(lengths)[:-1]))
    limits = (most_pairs - before) / np.arange(len(lengths), 0, -1)  # all longer rows alike
    return max(1, int(limits[np.argmax(lengths > limits)]))


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


def partial_session_pairs(
    user: Int32s,
    item: Int32s,
    n_items: int,
    decay: float,
    future: float,
    window: int,
    most_pairs: int,
    threads: int = 1,
) -> tuple[Any, Any]:
    """SᵀS and SᵀT over all cuts of all sessions into past S and future T, both sparse CSR.

    At cut t of a session the past row holds ``decay^(t - p)`` at position p ≤ t, the future row
    ``future^(q - t - 1)`` at q > t; ``future`` = 0 keeps only the very next item. Pairs further
    apart than ``window`` are left out. user, item: (n,), in order. Source: Choi et al.,
    "Session-aware linear item-item models" (WWW 2021), SLIT, with both weights geometric.
    """
    near = _Near(user, item, n_items)
    reach = min(window, near.longest)
    gaps = np.arange(reach + 1)
    # cuts t = q, q+1, … up to the one before last, each weighing decay^(2t - p - q)
    cuts = _geometric(decay * decay, np.arange(near.longest + 1)).astype(np.float32)
    both = np.power(float(decay), gaps)
    past = near.counted(both, both, cuts, most_pairs, threads)
    onward = np.zeros(reach + 1)
    for gap in range(1, reach + 1):
        steps = np.arange(gap)
        onward[gap] = np.sum(decay**steps * float(future) ** (gap - 1 - steps))
    onward[onward <= 1e-4] = 0
    return past, near.counted(onward, onward[:1], NO_CUTS, most_pairs, threads)


def freshness(data: Interactions, half_life: float) -> Float32s:
    """What each event counts by its age, (n,): half for each ``half_life`` of age (0: all 1). Ages
    are shares of the data's span of time; without times, of the sequences, oldest first."""
    if not half_life or not len(data):
        return np.ones(len(data), np.float32)
    at: Int64s = data.ts if data.timed else data.user.astype(np.int64)
    age = (at.max() - at) / max(int(at.max() - at.min()), 1)
    return np.asarray(np.exp2(-age / half_life), np.float32)


def followers(
    user: Int32s,
    item: Int32s,
    weights: Float32s,
    n_items: int,
    decay: float,
    window: int,
    most_pairs: int,
    threads: int = 1,
) -> Any:
    """Directed pair counts, sparse CSR (items, items): cell (a, b) adds a's weight · decay^(g - 1)
    for every b that came g ≤ window events after a in the same sequence. user, item, weights:
    (n,), in order."""
    near = _Near(user, item, n_items)
    near.weights = weights
    weight = np.power(float(decay), np.arange(min(window, near.longest) + 1) - 1.0)
    weight[weight < 1e-3] = 0
    weight[0] = 0  # no event follows itself
    return near.counted(weight, weight[:1], NO_CUTS, most_pairs, threads)


class _Near:
    """Sequences ready for counting pairs within them. user, item: (n,), in order."""

    def __init__(self, user: Int32s, item: Int32s, n_items: int) -> None:
        places = np.arange(len(user))
        self.item, self.weights = item, np.ones(len(item), np.float32)
        self.after = (np.searchsorted(user, user, side="right") - 1 - places).astype(np.int32)
        self.before = (places - np.searchsorted(user, user, side="left")).astype(np.int32)
        self.longest = int(self.after.max(initial=0))
        self.events = np.bincount(item, minlength=n_items)
        self.starts = np.concatenate(([0], np.cumsum(self.events))).astype(np.int64)
        self.places = np.argsort(item, kind="stable")  # of each item

    def counted(
        self, ahead: Float64s, back: Float64s, cuts: Float32s, most_pairs: int, threads: int
    ) -> Any:
        """The matrix of ``pair_kernel.near_rows``."""
        used = np.flatnonzero(ahead)[-1:].max(initial=0) + 1  # no further than there is weight
        weights = (w[:used].astype(np.float32) for w in (ahead, back))
        parts: Any = (
            self.starts,
            self.places,
            self.item,
            self.after,
            self.before,
            *weights,
            cuts,
            self.weights,
        )
        reached = self.events * float(used + min(used, len(back)) - 1)
        return _counted(
            lambda *span: pair_kernel.near_rows(*parts, *span), reached, most_pairs, threads
        )


def _geometric(ratio: float, terms: Int64s) -> Float64s:
    """1 + r + … of that many terms, (n,)."""
    if ratio >= 1:
        return terms.astype(np.float64)
    return np.asarray((1 - ratio**terms) / (1 - ratio))

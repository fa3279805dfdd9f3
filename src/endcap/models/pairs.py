"""Counting pairs of items in histories: the matrices that the item-item models are solved from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg, sparse

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.models import pair_kernel
from endcap.models.neighbours import Neighbours, to_matrix

PAIR_COST = 20  # one counted pair takes as long as so many multiplications of a matrix product
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
    sequences = _of_matrix(_sampled(matrix, most_per_user, np.random.default_rng(seed)))
    most = _row_limit(np.minimum(sequences.reached(None), sequences.n_items), most_pairs)
    return to_matrix(sequences.counted(EVERYWHERE, most, threads)[0], sequences.n_items)


def similar(
    matrix: Any,
    shrinkage: float,
    exponent: float,
    most_per_user: int,
    seed: int,
    keep: int,
    threads: int = 1,
) -> Neighbours:
    """The ``keep`` most similar of each item, cᵢⱼ / (cᵢⱼ + shrinkage) · cᵢⱼ / (nᵢ nⱼ)^exponent with
    c = XᵀX as in ``gram`` and n its diagonal."""
    sequences = _of_matrix(_sampled(matrix, most_per_user, np.random.default_rng(seed)))
    own = np.bincount(sequences.item, sequences.early**2, sequences.n_items)
    scale = (np.maximum(own, 1.0) ** -exponent).astype(np.float32)
    likeness = Likeness(shrinkage, scale)
    return sequences.counted(EVERYWHERE, keep, threads, likeness)[0]


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
    sequences = _of_events(user, item, n_items)
    longest = int(np.diff(sequences.starts).max(initial=1)) - 1
    reach = min(window, longest)
    # cuts t = q, q+1, … up to the one before last, each weighing decay^(2t - p - q)
    cuts = _geometric(decay * decay, np.arange(longest + 1)).astype(np.float32)
    both = Gaps.of(*2 * [np.power(float(decay), np.arange(reach + 1))])
    past = sequences._replace(late=cuts[sequences.starts[user + 1] - 1 - np.arange(len(user))])
    onward = np.zeros(reach + 1)
    for gap in range(1, reach + 1):
        steps = np.arange(gap)
        onward[gap] = np.sum(decay**steps * float(future) ** (gap - 1 - steps))
    onward[onward <= 1e-4] = 0
    return past.matrix(both, most_pairs, threads), sequences.matrix(
        Gaps.of(onward, onward[:1]), most_pairs, threads
    )


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
    backward: float,
    window: int,
    keep: int,
    threads: int = 1,
) -> tuple[Neighbours, Float64s]:
    """(the ``keep`` greatest of each row, sums of whole rows (items,)) of pair counts: cell (a, b)
    adds a's weight · decay^(g - 1) for every b that came g ≤ window events after a in the same
    sequence, and ``backward`` times what (b, a) adds. user, item, weights: (n,), in order."""
    sequences = _of_events(user, item, n_items)._replace(early=weights)
    reach = min(window, int(np.diff(sequences.starts).max(initial=1)) - 1)
    weight = np.power(float(decay), np.arange(reach + 1) - 1.0)
    weight[weight < 1e-3] = 0
    weight[0] = 0  # no event follows itself
    return sequences.counted(Gaps.of(weight, backward * weight), keep, threads)


class Gaps(NamedTuple):
    """What a pair of events counts by the gap between them, seen from the earlier one and from
    the later one; empty: 1 at any gap."""

    ahead: Float32s  # (reach + 1,)
    back: Float32s

    @staticmethod
    def of(ahead: Float64s, back: Float64s) -> Gaps:
        """No further than there is weight."""
        used = (np.trim_zeros(weights, "b").astype(np.float32) for weights in (ahead, back))
        return Gaps(*(weights if len(weights) else np.zeros(1, np.float32) for weights in used))


class Likeness(NamedTuple):
    """How counts become similarities: see ``similar``."""

    shrinkage: float
    scale: Float32s  # (items,), or empty: they stay counts


EVERYWHERE = Gaps(np.zeros(0, np.float32), np.zeros(0, np.float32))
COUNTS = Likeness(0.0, np.zeros(0, np.float32))


class _Sequences(NamedTuple):
    """Events in which pairs are counted, and what one of them weighs as the earlier and as the
    later event of a pair."""

    starts: Int64s  # (users + 1,)
    user: Int32s  # (n,)
    item: Int32s  # (n,)
    n_items: int
    early: Float32s  # (n,)
    late: Float32s  # (n,)

    def reached(self, gaps: Gaps | None) -> Float64s:
        """No row of pairs has more cells, (items,): what the work is shared out by."""
        if gaps is not None:
            events = np.bincount(self.item, minlength=self.n_items)
            return np.asarray(events * (len(gaps.ahead) + len(gaps.back) - 1), np.float64)
        lengths = np.diff(self.starts)
        each = np.repeat(lengths, lengths)
        return np.asarray(np.bincount(self.item, each, self.n_items), np.float64)

    def matrix(self, gaps: Gaps, most_pairs: int, threads: int) -> Any:
        """All pairs as scipy CSR; long rows cut where more than ``most_pairs`` could differ."""
        most = _row_limit(np.minimum(self.reached(gaps), self.n_items), most_pairs)
        return to_matrix(self.counted(gaps, most, threads)[0], self.n_items)

    def counted(
        self, gaps: Gaps, most: int, threads: int, likeness: Likeness = COUNTS
    ) -> tuple[Neighbours, Float64s]:
        """(the ``most`` greatest cells of each row, the sums of whole rows (items,))."""
        n = self.n_items
        reached = self.reached(gaps if len(gaps.ahead) else None)
        events = np.bincount(self.item, minlength=n)
        parts: Any = (
            np.concatenate(([0], np.cumsum(events))).astype(np.int64),
            np.argsort(self.item, kind="stable"),
            *(self.starts, self.user, self.item, self.early, self.late),
            *gaps,
            *likeness,
            most,
        )
        counts, totals = np.zeros(n, np.int64), np.zeros(n)
        write: Callable[..., int] = pair_kernel.pair_rows

        def rows(first: int, last: int) -> tuple[Int32s, Float32s]:
            room = int(np.minimum(reached[first:last], min(most, n)).sum())
            columns, values = np.empty(room, np.int32), np.empty(room, np.float32)
            end = write(*parts, first, last, counts, totals, columns, values)
            return columns[:end].copy(), values[:end].copy()

        shares = np.linspace(0, reached.sum(), max(1, min(n, 4 * threads)) + 1)[1:-1]
        borders = np.unique([0, *np.searchsorted(np.cumsum(reached), shares), n]).tolist()
        with ThreadPoolExecutor(max(threads, 1)) as pool:
            found = list(pool.map(rows, borders[:-1], borders[1:]))
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        columns, values = (np.concatenate(part) for part in zip(*found, strict=True))
        return Neighbours(starts, columns, values), totals


def _of_matrix(matrix: Any) -> _Sequences:
    """The rows of X, scipy CSR (users, items), as sequences in which every pair counts."""
    matrix = matrix.tocsr()
    starts = matrix.indptr.astype(np.int64)
    user = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    item, values = matrix.indices.astype(np.int32, copy=False), matrix.data
    return _Sequences(starts, user, item, matrix.shape[1], values, values)


def _of_events(user: Int32s, item: Int32s, n_items: int) -> _Sequences:
    """Events in order, (n,) each, that all weigh 1."""
    counts = np.bincount(user)
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    ones = np.ones(len(item), np.float32)
    return _Sequences(starts, user, item, n_items, ones, ones)


def _geometric(ratio: float, terms: Int64s) -> Float64s:
    """1 + r + … of that many terms, (n,)."""
    if ratio >= 1:
        return terms.astype(np.float64)
    return np.asarray((1 - ratio**terms) / (1 - ratio))

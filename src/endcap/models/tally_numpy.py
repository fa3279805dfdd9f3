"""Counting pairs of items by sparse matrices: as ``tally_kernel``, where nothing is compiled."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Int32s, Int64s


def pairs_of_groups(
    group_starts: Int64s, group_items: Int32s, place: Int64s, most: int
) -> tuple[Int64s, Int32s, Int32s]:
    """As ``tally_kernel.pairs_of_groups``."""
    from scipy import sparse  # here: answers do without

    n, groups = len(place), len(group_starts) - 1
    ones = np.ones(len(group_items), np.int32)
    had = sparse.csr_array((ones, group_items, group_starts), shape=(groups, n))
    both = (had.T @ had).tocsr()  # (items, items) groups that hold both
    starts, columns, counts = np.zeros(n + 1, np.int64), [], []
    for row in range(n):
        own = slice(both.indptr[row], both.indptr[row + 1])
        other, count = both.indices[own], both.data[own]
        other, count = other[other != row], count[other != row]
        order = np.lexsort((place[other], -count))[:most]
        columns.append(other[order])
        counts.append(count[order])
        starts[row + 1] = starts[row] + len(order)
    none = [np.zeros(0, np.int32)]
    return (
        starts,
        np.concatenate(none + columns).astype(np.int32),
        np.concatenate(none + counts).astype(np.int32),
    )

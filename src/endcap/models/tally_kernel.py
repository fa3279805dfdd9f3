"""Counting how many groups (users, baskets) hold two items, compiled: item by item, in one array
over all items, so that memory is the answer and a scratch of one row."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Int32s, Int64s
from endcap.models import tally_numpy as reference
from endcap.models.kernels import COMPILED, jit


@jit
def _groups_of_items(
    group_starts: Int64s, group_items: Int32s, n_items: int
) -> tuple[Int64s, Int64s]:
    """(starts (items + 1,), groups): which groups hold each item, ascending."""
    starts = np.zeros(n_items + 1, np.int64)
    for item in group_items:
        starts[item + 1] += 1
    for item in range(n_items):
        starts[item + 1] += starts[item]
    filled, groups = starts[:-1].copy(), np.empty(len(group_items), np.int64)
    for group in range(len(group_starts) - 1):
        for at in range(group_starts[group], group_starts[group + 1]):
            item = group_items[at]
            groups[filled[item]] = group
            filled[item] += 1
    return starts, groups


@jit
def _best(keys: Int64s, most: int) -> Int64s:
    """The ``most`` greatest of distinct ``keys``, greatest first."""
    if len(keys) > most:
        least = np.partition(keys, len(keys) - most)[len(keys) - most]
        keys = keys[keys >= least]
    return np.sort(keys)[::-1]


@jit
def _count_row(
    row: int,
    groups: Int64s,
    group_starts: Int64s,
    group_items: Int32s,
    counts: Int64s,
    touched: Int32s,
) -> int:
    """Count the groups of item ``row`` into ``counts`` (items,); returns how many are touched."""
    found = 0
    for group in groups:
        for at in range(group_starts[group], group_starts[group + 1]):
            other = group_items[at]
            touched[found] = other  # stands if the next line moves on
            found += counts[other] == 0
            counts[other] += 1
    counts[row] = 0
    return found


@jit
def _pairs_of_groups(
    group_starts: Int64s, group_items: Int32s, place: Int64s, most: int
) -> tuple[Int64s, Int32s, Int32s]:
    """(starts (items + 1,), columns, counts): for each item those that share most groups with it.

    Group g holds the distinct items ``group_items[group_starts[g]:group_starts[g + 1]]``.
    ``place`` (items,): each item's place in the order of popularity, which breaks ties. Best
    first in each row, at most ``most`` of them; no item is its own neighbour.
    """
    n = len(place)
    by_place = np.empty(n, np.int32)
    for item in range(n):
        by_place[place[item]] = item
    item_starts, groups = _groups_of_items(group_starts, group_items, n)
    counts, touched = np.zeros(n, np.int64), np.empty(n + 1, np.int32)
    starts, room, filled = np.zeros(n + 1, np.int64), max(n, 1024), 0
    out_columns, out_counts = np.empty(room, np.int32), np.empty(room, np.int32)
    for row in range(n):
        own = groups[item_starts[row] : item_starts[row + 1]]
        found = _count_row(row, own, group_starts, group_items, counts, touched)
        keys, used = np.empty(found, np.int64), 0
        for at in range(found):
            other = touched[at]
            if counts[other] > 0:
                keys[used] = counts[other] * n + (n - 1 - place[other])
                used += 1
            counts[other] = 0
        best = _best(keys[:used], most)
        while filled + len(best) > room:
            room *= 2
            wider_columns, wider_counts = np.empty(room, np.int32), np.empty(room, np.int32)
            wider_columns[:filled], wider_counts[:filled] = (
                out_columns[:filled],
                out_counts[:filled],
            )
            out_columns, out_counts = wider_columns, wider_counts
        for key in best:
            out_columns[filled] = by_place[n - 1 - key % n]
            out_counts[filled] = key // n
            filled += 1
        starts[row + 1] = filled
    return starts, out_columns[:filled].copy(), out_counts[:filled].copy()


pairs_of_groups = _pairs_of_groups if COMPILED else reference.pairs_of_groups

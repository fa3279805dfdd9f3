"""Pairs of items counted item by item, compiled: a row is added up in one array over all items,
its strongest cells are written out, so that memory is the answer and a scratch of one row, however
many events there are.

Weights must be positive: a cell of 0 was not reached.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.models import pair_numpy as reference
from endcap.models.kernels import COMPILED, jit

DENSE = 16  # a row with more than one cell in so many is put in order by looking at all


@jit
def _add_span(
    item: Int32s,
    weights: Float32s,
    own: float,
    by_gap: Float32s,
    place: int,
    first: int,
    last: int,
    cells: Float32s,
    touched: Int32s,
    count: int,
) -> int:
    """Add what the events first … last - 1 give; returns how many cells are touched."""
    for other in range(first, last):
        weight = own * weights[other]
        if len(by_gap) > 0:
            weight *= by_gap[abs(other - place)]
        if weight > 0:
            column = item[other]
            touched[count] = column  # stands if the next line moves on: no branch to be guessed
            count += cells[column] == 0
            cells[column] += weight
    return count


@jit
def _likened(
    cells: Float32s, touched: Int32s, count: int, row: int, shrinkage: float, scale: Float32s
) -> int:
    """Where there is a scale, turn counts into similarities c² / (c + shrinkage) · scale[row] ·
    scale[column], the own item's into 0; returns how many are left."""
    if len(scale) == 0:
        return count
    left = 0
    for at in range(count):
        column = touched[at]
        value = cells[column]
        likeness = value * (value / (value + shrinkage)) * scale[row] * scale[column]
        cells[column] = likeness if column != row else 0
        touched[left] = column
        left += cells[column] > 0
    return left


@jit
def _in_order(cells: Float32s, touched: Int32s, count: int, most: int) -> Int32s:
    """The columns of the ``most`` greatest cells, equal ones by column, ascending."""
    if count > most:
        own = touched[:count]
        values = cells[own]
        least = np.partition(values, count - most)[count - most]
        above, equal = own[values > least], own[values == least]
        ties = most - len(above)
        if ties < len(equal):
            equal = np.partition(equal, ties)[:ties]
        return np.sort(np.concatenate((above, equal)))
    if count * DENSE > len(cells):
        return np.flatnonzero(cells).astype(np.int32)
    return np.sort(touched[:count])


@jit
def _write(
    cells: Float32s,
    touched: Int32s,
    count: int,
    most: int,
    out_columns: Int32s,
    out_values: Float32s,
    at: int,
) -> tuple[int, float]:
    """Write one row from place ``at`` on and clear it; returns (the end, the sum of it all)."""
    for column in _in_order(cells, touched, count, most):
        out_columns[at], out_values[at] = column, cells[column]
        at += 1
    total = 0.0
    for place in range(count):
        total += cells[touched[place]]
        cells[touched[place]] = 0
    return at, total


@jit
def _pair_rows(
    item_starts: Int64s,
    item_places: Int64s,
    starts: Int64s,
    user: Int32s,
    item: Int32s,
    early: Float32s,
    late: Float32s,
    ahead: Float32s,
    back: Float32s,
    shrinkage: float,
    scale: Float32s,
    most: int,
    first: int,
    last: int,
    counts: Int64s,
    totals: Float64s,
    out_columns: Int32s,
    out_values: Float32s,
) -> int:
    """Rows first … last - 1 of pairs within sequences; returns how many cells were written.

    An event at p adds ``early[p] · late[q] · ahead[q - p]`` to the item of each event q ≥ p of the
    same sequence, and ``early[q] · late[p] · back[p - q]`` of each q < p; no further than the
    tables reach, empty ones: everywhere, 1. ``user``, ``item``, ``early``, ``late`` (n,);
    ``starts`` (users + 1,); ``item_places``: events of each item by ``item_starts``. Where there
    is a ``scale`` (items,) cells become similarities. ``counts``, ``totals`` (items,) receive each
    row's length and its sum before all but the ``most`` strongest were left out. Columns ascend.
    """
    n, at = len(item_starts) - 1, 0
    cells, touched = np.zeros(n, np.float32), np.empty(n + 1, np.int32)
    for row in range(first, last):
        count = 0
        for listed in range(item_starts[row], item_starts[row + 1]):
            place = item_places[listed]
            begin, end = starts[user[place]], starts[user[place] + 1]
            if len(ahead) > 0:
                begin, end = max(begin, place - len(back) + 1), min(end, place + len(ahead))
            count = _add_span(
                item, early, late[place], back, place, begin, place, cells, touched, count
            )
            count = _add_span(
                item, late, early[place], ahead, place, place, end, cells, touched, count
            )
        count = _likened(cells, touched, count, row, shrinkage, scale)
        end, totals[row] = _write(cells, touched, count, most, out_columns, out_values, at)
        counts[row], at = end - at, end
    return at


@jit
def _dense_rows(
    user_starts: Int64s, user_items: Int32s, user_values: Float32s, total: Float32s
) -> None:
    """XᵀX added to ``total`` (items, items), the lower half by way of the upper; items ascend."""
    for user in range(len(user_starts) - 1):
        for a in range(user_starts[user], user_starts[user + 1]):
            row, value = total[user_items[a]], user_values[a]
            for b in range(a, user_starts[user + 1]):
                row[user_items[b]] += value * user_values[b]
    for a in range(len(total)):
        for b in range(a):
            total[a, b] = total[b, a]


pair_rows = _pair_rows if COMPILED else reference.pair_rows
dense_rows = _dense_rows if COMPILED else reference.dense_rows

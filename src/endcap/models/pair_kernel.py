"""Pairs of items counted item by item, compiled: a row is added up in one array over all items and
written out, so that memory is the answer and a scratch of one row, however many events there are.

Rows ``first``, ``first`` + 1, … are done until ``out_columns`` could not hold one more; the
position after the last is returned. ``counts`` (items,) receives each row's length; columns stand
in no order. Weights must be positive.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.models import pair_numpy as reference
from endcap.models.kernels import COMPILED, jit


@jit
def _write(
    cells: Float32s,
    touched: Int32s,
    count: int,
    out_columns: Int32s,
    out_values: Float32s,
    at: int,
) -> int:
    """Write the touched cells of one row from place ``at`` on and clear them; returns the end."""
    for place in range(count):
        column = touched[place]
        out_columns[at], out_values[at] = column, cells[column]
        cells[column] = 0
        at += 1
    return at


@jit
def _gram_rows(
    item_starts: Int64s,
    item_users: Int32s,
    item_values: Float32s,
    user_starts: Int64s,
    user_items: Int32s,
    user_values: Float32s,
    first: int,
    last: int,
    counts: Int64s,
    out_columns: Int32s,
    out_values: Float32s,
) -> int:
    """Rows of XᵀX. X is given twice: by item and by user."""
    n = len(item_starts) - 1
    cells, touched, at = np.zeros(n, np.float32), np.empty(n, np.int32), 0
    for row in range(first, last):
        if at + n > len(out_columns):
            return row
        count = 0
        for place in range(item_starts[row], item_starts[row + 1]):
            user, value = item_users[place], item_values[place]
            for other in range(user_starts[user], user_starts[user + 1]):
                column = user_items[other]
                if cells[column] == 0:
                    touched[count] = column
                    count += 1
                cells[column] += value * user_values[other]
        end = _write(cells, touched, count, out_columns, out_values, at)
        counts[row], at = end - at, end
    return last


@jit
def _near_rows(
    item_starts: Int64s,
    item_places: Int64s,
    item: Int32s,
    after: Int32s,
    before: Int32s,
    ahead: Float32s,
    back: Float32s,
    cuts: Float32s,
    weights: Float32s,
    first: int,
    last: int,
    counts: Int64s,
    out_columns: Int32s,
    out_values: Float32s,
) -> int:
    """Rows of pairs within a sequence: an event adds ``ahead[g]`` · c to the item g events after
    it and ``back[g]`` · c to the one g events before, where c is ``cuts[events after the later
    one]`` (1 where ``cuts`` is empty). ``after``, ``before``: events of the same sequence."""
    n = len(item_starts) - 1
    cells, touched, at = np.zeros(n, np.float32), np.empty(n, np.int32), 0
    for row in range(first, last):
        if at + n > len(out_columns):
            return row
        count = 0
        for listed in range(item_starts[row], item_starts[row + 1]):
            place = item_places[listed]
            least = -min(before[place], len(back) - 1)
            for gap in range(least, min(after[place], len(ahead) - 1) + 1):
                weight = weights[place + min(gap, 0)] * (ahead[gap] if gap >= 0 else back[-gap])
                if len(cuts) > 0:
                    weight *= cuts[after[place + max(gap, 0)]]
                if weight == 0:
                    continue
                column = item[place + gap]
                if cells[column] == 0:
                    touched[count] = column
                    count += 1
                cells[column] += weight
        end = _write(cells, touched, count, out_columns, out_values, at)
        counts[row], at = end - at, end
    return last


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


gram_rows = _gram_rows if COMPILED else reference.gram_rows
near_rows = _near_rows if COMPILED else reference.near_rows
dense_rows = _dense_rows if COMPILED else reference.dense_rows

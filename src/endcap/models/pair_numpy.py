"""The numpy forms of ``pair_kernel``, held equal by a test; they run where nothing is compiled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s


def gram_rows(
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
    def cells_of(row: int) -> Float32s:
        cells = np.zeros(len(item_starts) - 1, np.float32)
        for place in range(item_starts[row], item_starts[row + 1]):
            user = item_users[place]
            own = slice(user_starts[user], user_starts[user + 1])
            cells[user_items[own]] += item_values[place] * user_values[own]
        return cells

    return _rows(cells_of, first, last, counts, out_columns, out_values)


def near_rows(
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
    def cells_of(row: int) -> Float32s:
        cells = np.zeros(len(item_starts) - 1, np.float32)
        places = item_places[item_starts[row] : item_starts[row + 1]]
        for gap in range(1 - len(back), len(ahead)):
            reach = after[places] >= gap if gap >= 0 else before[places] >= -gap
            here = places[reach]
            weight = weights[here + min(gap, 0)] * (ahead[gap] if gap >= 0 else back[-gap])
            if len(cuts):
                weight *= cuts[after[here + max(gap, 0)]]
            np.add.at(cells, item[here + gap], weight)
        return cells

    return _rows(cells_of, first, last, counts, out_columns, out_values)


def _rows(
    cells_of: Callable[[int], Float32s],
    first: int,
    last: int,
    counts: Int64s,
    out_columns: Int32s,
    out_values: Float32s,
) -> int:
    at = 0
    for row in range(first, last):
        cells = cells_of(row)
        if at + len(cells) > len(out_columns):
            return row
        kept = np.flatnonzero(cells)
        end = at + len(kept)
        out_columns[at:end], out_values[at:end] = kept, cells[kept]
        counts[row], at = len(kept), end
    return last


def dense_rows(
    user_starts: Int64s, user_items: Int32s, user_values: Float32s, total: Float32s
) -> None:
    for user in range(len(user_starts) - 1):
        own = slice(user_starts[user], user_starts[user + 1])
        items, values = user_items[own], user_values[own]
        total[np.ix_(items, items)] += np.outer(values, values)

"""The numpy forms of ``pair_kernel``, held equal by a test; they run where nothing is compiled."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s


def pair_rows(
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
    at = 0
    for row in range(first, last):
        cells = np.zeros(len(item_starts) - 1, np.float32)
        for place in item_places[item_starts[row] : item_starts[row + 1]]:
            begin, end = starts[user[place]], starts[user[place] + 1]
            if len(ahead):
                begin, end = max(begin, place - len(back) + 1), min(end, place + len(ahead))
            earlier, later = np.arange(begin, place), np.arange(place, end)
            gaps = back[place - earlier] if len(back) else np.float32(1)
            np.add.at(cells, item[earlier], late[place] * early[earlier] * gaps)
            gaps = ahead[later - place] if len(ahead) else np.float32(1)
            np.add.at(cells, item[later], early[place] * late[later] * gaps)
        if len(scale):
            cells = _likened(cells, row, shrinkage, scale)
        kept = np.intersect1d(np.argsort(-cells, kind="stable")[:most], np.flatnonzero(cells))
        end = at + len(kept)
        out_columns[at:end], out_values[at:end] = kept, cells[kept]
        counts[row], totals[row], at = len(kept), cells.sum(dtype=np.float64), end
    return at


def _likened(cells: Float32s, row: int, shrinkage: float, scale: Float32s) -> Float32s:
    likeness: Float32s = cells * (cells / np.maximum(cells + shrinkage, 1e-30) * scale[row] * scale)
    likeness[row] = 0
    return likeness


def dense_rows(
    user_starts: Int64s, user_items: Int32s, user_values: Float32s, total: Float32s
) -> None:
    for user in range(len(user_starts) - 1):
        own = slice(user_starts[user], user_starts[user + 1])
        items, values = user_items[own], user_values[own]
        total[np.ix_(items, items)] += np.outer(values, values)

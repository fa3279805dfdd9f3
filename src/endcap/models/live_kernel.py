"""Compiled: from a live history straight to the best items, in one call.

The same answer as ``kernels.top_items`` over ``Mixture.entries``, but the mapping of rows, the
weighing of the history and the seen policy happen inside the loop, and what a history holds more
than once is added up before its rows are. ``values`` (items,) is scratch that is 0 before and
after a call: first the rows of the history are added up in it, then they are walked again, which
offers each item once (it is 0 when it comes again) and leaves 0 behind. Walking twice costs half
of what it costs to keep a list of the items that were reached: nothing waits for anything. An item
whose sum is 0 has its prior alone, as if it had not been reached.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s, UInt8s
from endcap.features.prefetch import prefetch
from endcap.models import live_numpy as reference
from endcap.models.kernels import COMPILED, _best_first, _keep, jit
from endcap.models.live_history import distinct, find_pair, model_row, reach, weigh
from endcap.models.live_numpy import (
    LEFT_OUT_ALL,
    LEFT_OUT_NONE,
    PAIRED,
    UNKNOWN,
)  # fmt: skip

AHEAD = 4  # events whose rows are asked for before their turn
LINE = 16  # 4-byte numbers of a cache line


@jit
def _put_own(
    items: Int32s,
    codes: UInt8s,
    to_model: Int32s,
    policy: int,
    exclude: Int32s,
    values: Float32s,
    value: float,
) -> None:
    """Put ``value`` where the policy or ``exclude`` (model rows) leave an item out."""
    if policy != LEFT_OUT_NONE:
        for place in range(len(items)):
            if policy == LEFT_OUT_ALL or codes[place] == policy:
                values[model_row(items, place, to_model)] = value
    for row in exclude:
        values[row] = value


@jit
def _add_row(
    columns: Int32s, weights: Float32s, first: int, last: int, weight: float, values: Float32s
) -> None:
    # Unsigned places: signed ones would each be looked at, whether they count from the end.
    for at in range(np.uint64(first), np.uint64(last)):
        values[np.uint32(columns[at])] += weight * weights[at]


@jit
def _ask_for(columns: Int32s, weights: Float32s, first: int, last: int) -> None:
    for line in range(first, last, LINE):
        prefetch(columns, line)
        prefetch(weights, line)


@jit
def _stack_row(
    rows: Int32s, place: int, pair_keys: Int64s, readings: Float64s, c: int, n: int
) -> int:
    """The stack's row of a history's item for component ``c``; where it reads pairs: of it with
    the newest item, an empty row if the two have none."""
    if readings[c, PAIRED] == 0:
        return int(c * n + rows[place])
    found = find_pair(pair_keys, np.int64(rows[0]) * n + rows[place])
    return int(len(readings) * n + found if found >= 0 else c * n + rows[place])


@jit
def _add_history(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    pair_keys: Int64s,
    readings: Float64s,
    codes: UInt8s,
    ts: Int64s,
    at: int,
    model_codes: UInt8s,
    rows: Int32s,
    place_of: Int32s,
    values: Float32s,
) -> None:
    """Add all components' rows of all distinct items, newest first."""
    n = len(values)
    weighed = np.empty(len(rows), np.float32)
    for c in range(len(readings)):
        items = reach(readings, c, place_of)
        weigh(readings, c, codes, ts, at, model_codes, place_of, weighed)
        for place in range(-AHEAD, items):
            if place + AHEAD < items and weighed[place + AHEAD] != 0:
                row = _stack_row(rows, place + AHEAD, pair_keys, readings, c, n)
                _ask_for(columns, weights, starts[row], starts[row + 1])
            if place >= 0 and weighed[place] != 0:
                row = _stack_row(rows, place, pair_keys, readings, c, n)
                _add_row(columns, weights, starts[row], starts[row + 1], weighed[place], values)


@jit
def _offer_unreached(
    prior: Float32s,
    prior_order: Int32s,
    allowed: Bools,
    values: Float32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Begin the heap with the best that have their prior alone; returns its size."""
    size, n = 0, len(out_rows)
    for row in prior_order:
        score = prior[row]
        worst = out_scores[0]
        if size == n and (score < worst or (score == worst and row > out_rows[0])):
            break
        if values[row] == 0 and (len(allowed) == 0 or allowed[row]):
            size = _keep(out_rows, out_scores, size, n, row, score)
    return size


@jit
def _least(out_scores: Float32s, size: int, most: float) -> np.float32:
    """What a value must at least be to get into the heap, with the greatest prior on top."""
    if size < len(out_scores):
        return np.float32(-np.inf)
    worst = out_scores[0]
    return np.float32(worst - most - np.float32(1e-6) * (abs(worst) + abs(most)))  # rounding


@jit
def _offer_reached(
    starts: Int64s,
    columns: Int32s,
    pair_keys: Int64s,
    prior: Float32s,
    most: float,
    readings: Float64s,
    rows: Int32s,
    place_of: Int32s,
    allowed: Bools,
    values: Float32s,
    size: int,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Offer what the history reached and leave 0 there. ``most``: the greatest prior."""
    n, k = len(values), len(out_rows)
    enters = _least(out_scores, size, most)
    for c in range(len(readings)):
        for place in range(reach(readings, c, place_of)):
            row = _stack_row(rows, place, pair_keys, readings, c, n)
            for at in range(np.uint64(starts[row]), np.uint64(starts[row + 1])):
                column = np.uint32(columns[at])
                value = values[column]
                values[column] = 0
                if value < enters or value == 0:  # nearly all: one branch that is foreseen
                    continue
                score = value + prior[column]
                if score > -np.inf and (len(allowed) == 0 or allowed[column]):  # not if NaN
                    size = _keep(out_rows, out_scores, size, k, column, score)
                    enters = _least(out_scores, size, most)
    return size


@jit
def _all_known(items: Int32s, to_model: Int32s, starts: Int64s) -> bool:
    """Whether the model knows every item of the history; asks for where their rows begin."""
    for place in range(len(items)):
        row = model_row(items, place, to_model)
        if row < 0:
            return False
        prefetch(starts, row)
    return True


@jit
def _live_top(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    pair_keys: Int64s,
    prior: Float32s,
    prior_order: Int32s,
    readings: Float64s,
    items: Int32s,
    codes: UInt8s,
    ts: Int64s,
    at: int,
    to_model: Int32s,
    model_codes: UInt8s,
    policy: int,
    allowed: Bools,
    exclude: Int32s,
    values: Float32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Fill ``out_rows``, ``out_scores`` (n ≥ 1,), best first, equal scores by row; returns how
    many were found. UNKNOWN, and nothing done, when the model does not know an item.
    ``pair_keys`` (pairs,): as in ``neighbours.layered``. ``readings`` (components, …): see
    ``live_numpy.packed``. ``items``, ``codes``, ``ts`` (h,): the history, oldest first, in rows
    that ``to_model`` maps to model rows, in codes that ``model_codes`` (256,) maps, in µs.
    ``policy``: LEFT_OUT_NONE, LEFT_OUT_ALL, or the code whose items are left out beside
    ``exclude`` (model rows). ``allowed``: or empty."""
    if not _all_known(items, to_model, starts):
        return UNKNOWN
    _put_own(items, codes, to_model, policy, exclude, values, -np.inf)
    rows, place_of = np.empty(len(items), np.int32), np.empty(len(items), np.int32)
    rows = rows[: distinct(items, to_model, rows, place_of)]
    _add_history(
        starts, columns, weights, pair_keys, readings, codes, ts, at, model_codes, rows, place_of,
        values,
    )  # fmt: skip
    size = _offer_unreached(prior, prior_order, allowed, values, out_rows, out_scores)
    most = prior[prior_order[0]] if len(prior_order) > 0 else np.float32(0)
    size = _offer_reached(
        starts, columns, pair_keys, prior, most, readings, rows, place_of, allowed, values, size,
        out_rows, out_scores,
    )  # fmt: skip
    _put_own(items, codes, to_model, policy, exclude, values, 0)
    _best_first(out_rows, out_scores, size)
    return int(size)


live_top = _live_top if COMPILED else reference.live_top

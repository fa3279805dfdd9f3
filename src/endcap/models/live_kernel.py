"""Compiled: from a live history straight to the best items, in one call.

The same answer as ``kernels.top_items`` over ``Mixture.entries``, but the mapping of rows, the
weighing of the history and the seen policy happen inside the loop, and what a history holds more
than once is added up before its rows are. ``values`` (items,) is scratch that is 0 before and
after a call: first the rows of the history are added up in it, then they are walked again, which
offers each item once (it is 0 when it comes again) and leaves 0 behind. Walking twice costs half
of what it costs to keep a list of the items that were reached: nothing waits for anything. Where
the history reaches much of the catalogue, all items are looked at in their order instead. An item
whose sum is 0 has its prior alone, as if it had not been reached.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s, UInt8s, UInt64s
from endcap.features.prefetch import prefetch
from endcap.models import live_numpy as reference
from endcap.models.kernels import COMPILED, jit
from endcap.models.live_history import distinct, find_pair, model_row, reach, weigh
from endcap.models.live_numpy import (
    LEFT_OUT_ALL,
    LEFT_OUT_NONE,
    PAIRED,
    UNKNOWN,
)  # fmt: skip
from endcap.models.selecting import key_of, narrow, put_best, room, score_of

AHEAD = 4  # events whose rows are asked for before their turn
LINE = 16  # 4-byte numbers of a cache line
BLOCK = 64  # items that are looked at together
SCANS = 3  # items that can be looked at in their order for one that is reached by a history


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
) -> int:
    """Add all components' rows of all distinct items, newest first; returns how many entries
    these have."""
    n, entries = len(values), 0
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
                entries += starts[row + 1] - starts[row]
    return int(entries)


@jit
def _offer_unreached(
    prior: Float32s, prior_order: Int32s, allowed: Bools, values: Float32s, n: int, keys: UInt64s
) -> int:
    """The best n that have their prior alone, into ``keys``; returns how many they are."""
    size = 0
    for row in prior_order:
        if size == n:
            break
        if values[row] == 0 and (len(allowed) == 0 or allowed[row]):
            keys[size] = key_of(prior[row], row)
            size += 1
    return size


@jit
def _least(bar: float, most: float) -> np.float32:
    """What a value must at least be to pass the bar, with the greatest prior on top."""
    return np.float32(bar - most - np.float32(1e-6) * (abs(bar) + abs(most)))  # rounding


@jit
def _bar(keys: UInt64s, size: int, n: int) -> np.float32:
    """The score that one must have to be among the best n of ``size`` keys and more."""
    if size < n:
        return np.float32(-np.inf)
    if size > n:
        narrow(keys, size, n)
    least = keys[0]
    for at in range(n):
        least = min(least, keys[at])
    return np.float32(score_of(least))


@jit
def _offer_reached(
    starts: Int64s,
    columns: Int32s,
    pair_keys: Int64s,
    prior: Float32s,
    prior_order: Int32s,
    readings: Float64s,
    rows: Int32s,
    place_of: Int32s,
    allowed: Bools,
    values: Float32s,
    best: int,
    keys: UInt64s,
) -> int:
    """Put into ``keys`` what may be among the ``best``, and leave 0 where the history reached;
    returns how many keys there are."""
    size = _offer_unreached(prior, prior_order, allowed, values, best, keys)
    most = prior[prior_order[0]] if len(prior_order) > 0 else np.float32(0)
    n = len(values)
    enters = _least(_bar(keys, size, best), most)
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
                    keys[size] = key_of(score, column)
                    size += 1
                    if size == len(keys):
                        enters = _least(_bar(keys, size, best), most)
                        size = best
    return int(size)


@jit
def _offer_all(
    prior: Float32s,
    prior_order: Int32s,
    allowed: Bools,
    values: Float32s,
    best: int,
    keys: UInt64s,
) -> int:
    """As above in one walk over all items, for a history that reaches most of them: blocks that
    hold nothing good enough are passed over."""
    size, bar = 0, np.float32(-np.inf)
    for first in range(0, len(values), BLOCK):
        last, passes = min(first + BLOCK, len(values)), 0
        for row in range(np.uint64(first), np.uint64(last)):
            passes += values[row] + prior[row] >= bar
        if passes == 0:
            continue
        for row in range(np.uint64(first), np.uint64(last)):
            score = values[row] + prior[row]
            if score >= bar and score > -np.inf and (len(allowed) == 0 or allowed[row]):
                keys[size] = key_of(score, row)
                size += 1
                if size == len(keys):
                    bar, size = _bar(keys, size, best), best
    if size == 0:  # a prior that is no number any more is to be seen
        size = _offer_unreached(prior, prior_order, allowed, values, best, keys)
    values[:] = 0
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
    ``pair_keys`` (pairs,): ``neighbours.layered``. ``readings`` (components, …): ``packed``.
    ``items``, ``codes``, ``ts`` (h,): the history, oldest first, in rows that ``to_model`` maps to
    model rows, in codes that ``model_codes`` (256,) maps, in µs. ``policy``: LEFT_OUT_NONE,
    LEFT_OUT_ALL, or the code whose items are left out beside ``exclude`` (model rows)."""
    if not _all_known(items, to_model, starts):
        return UNKNOWN
    _put_own(items, codes, to_model, policy, exclude, values, -np.inf)
    rows, place_of = distinct(items, to_model)
    reached = _add_history(
        starts, columns, weights, pair_keys, readings, codes, ts, at, model_codes, rows, place_of,
        values,
    )  # fmt: skip
    keys = np.empty(room(len(out_rows)), np.uint64)
    if reached * SCANS > len(values):
        size = _offer_all(prior, prior_order, allowed, values, len(out_rows), keys)
    else:
        size = _offer_reached(
            starts, columns, pair_keys, prior, prior_order, readings, rows, place_of, allowed,
            values, len(out_rows), keys,
        )  # fmt: skip
        _put_own(items, codes, to_model, policy, exclude, values, 0)
    return int(put_best(keys, size, out_rows, out_scores))


live_top = _live_top if COMPILED else reference.live_top

"""Compiled: from a live history straight to the best items, in one call and without an array made.

The same answer as ``kernels.top_items`` over ``Mixture.entries``, but the mapping of rows, the
weighing of the history and the seen policy happen inside the loop. ``values`` (items,) is scratch
that is NaN wherever nothing was added, -inf where an item is left out: one look tells whether an
item was reached, and what it has. Before and after a call all of it is NaN.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s, UInt8s
from endcap.models import live_numpy as reference
from endcap.models.kernels import COMPILED, _best_first, _keep, jit
from endcap.models.live_numpy import (
    DECAY,
    EXPONENT,
    HALF_LIFE,
    LAST_N,
    LEAST_WEIGHT,
    LEFT_OUT_ALL,
    LEFT_OUT_NONE,
    SHARE,
    TYPES,
    UNKNOWN,
)  # fmt: skip
from endcap.models.prefetch import prefetch

AHEAD = 4  # events whose rows are asked for before their turn
LINE = 16  # 4-byte numbers of a cache line


@jit
def _model_row(items: Int32s, place: int, to_model: Int32s) -> int:
    """The model row of one event; -1: the model does not know the item."""
    row = items[place]
    return int(to_model[row]) if row < len(to_model) else -1


@jit
def _leave_out(
    items: Int32s,
    codes: UInt8s,
    to_model: Int32s,
    policy: int,
    exclude: Int32s,
    values: Float32s,
    touched: Int32s,
) -> int:
    """Mark what the policy and ``exclude`` (model rows) leave out; returns how many differ."""
    count = 0
    if policy != LEFT_OUT_NONE:
        for place in range(len(items)):
            row = _model_row(items, place, to_model)
            if (policy == LEFT_OUT_ALL or codes[place] == policy) and np.isnan(values[row]):
                values[row] = -np.inf
                touched[count] = row
                count += 1
    for row in exclude:
        if np.isnan(values[row]):
            values[row] = -np.inf
            touched[count] = row
            count += 1
    return count


@jit
def _add_row(
    columns: Int32s,
    weights: Float32s,
    first: int,
    last: int,
    weight: float,
    values: Float32s,
    touched: Int32s,
    count: int,
) -> int:
    # Unsigned places: signed ones would each be looked at, whether they count from the end.
    for at in range(np.uint64(first), np.uint64(last)):
        column, more = np.uint32(columns[at]), weight * weights[at]
        value = values[column]
        first_time = np.isnan(value)
        touched[np.uint64(count)] = (
            column  # without a branch: which items are new cannot be foreseen
        )
        count += first_time
        values[column] = more if first_time else value + more
    return count


@jit
def _ask_for(columns: Int32s, weights: Float32s, first: int, last: int) -> None:
    for line in range(first, last, LINE):
        prefetch(columns, line)
        prefetch(weights, line)


@jit
def _add_history(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    readings: Float64s,
    items: Int32s,
    codes: UInt8s,
    ts: Int64s,
    at: int,
    to_model: Int32s,
    model_codes: UInt8s,
    values: Float32s,
    touched: Int32s,
    count: int,
) -> int:
    """Add all components' rows for all events, newest first; returns how many items it touched."""
    h, n = len(items), len(values)
    for c in range(len(readings)):
        half_life, last_n, fade = readings[c, HALF_LIFE], int(readings[c, LAST_N]), 1.0
        counted = min(h, last_n) if last_n > 0 else h
        scale = max(counted, 1.0) ** -readings[c, EXPONENT] if readings[c, EXPONENT] else 1.0
        for behind in range(-AHEAD, counted):
            if behind + AHEAD < counted:
                row = c * n + _model_row(items, h - 1 - behind - AHEAD, to_model)
                _ask_for(columns, weights, starts[row], starts[row + 1])
            if behind < 0:
                continue
            place = h - 1 - behind
            weight = fade * scale * readings[c, TYPES + model_codes[codes[place]]]
            fade *= readings[c, DECAY]
            if half_life > 0:
                weight *= 2.0 ** (-(max(at - ts[place], 0) / 1e6) / half_life)
            if abs(weight) < LEAST_WEIGHT:
                continue
            row = c * n + _model_row(items, place, to_model)
            count = _add_row(
                columns, weights, starts[row], starts[row + 1],
                np.float32(weight * readings[c, SHARE]), values, touched, count,
            )  # fmt: skip
    return count


@jit
def _offer(
    prior: Float32s,
    prior_order: Int32s,
    allowed: Bools,
    values: Float32s,
    touched: Int32s,
    count: int,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Fill the heap with what the history reached and with the best of the rest."""
    size, n = 0, len(out_rows)
    if len(prior_order) == 0:
        return 0
    most = prior[prior_order[0]]
    for place in range(np.uint64(count)):
        row = np.uint32(touched[place])
        if size == n and values[row] + most < out_scores[0]:
            continue
        score = values[row] + prior[row]
        if score > -np.inf and (len(allowed) == 0 or allowed[row]):  # False for NaN too
            size = _keep(out_rows, out_scores, size, n, row, score)
    for row in prior_order:
        score = prior[row]
        worst = out_scores[0]
        if size == n and (score < worst or (score == worst and row > out_rows[0])):
            break
        if np.isnan(values[row]) and (len(allowed) == 0 or allowed[row]):
            size = _keep(out_rows, out_scores, size, n, row, score)
    return size


@jit
def _live_top(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
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
    touched: Int32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> int:
    """Fill ``out_rows``, ``out_scores`` (n ≥ 1,), best first, equal scores by row; returns how
    many were found. UNKNOWN, and nothing done, when the model does not know an item.

    ``readings`` (components, …): see ``live_numpy.packed``. ``items``, ``codes``, ``ts`` (h,): the
    history, oldest first, in rows that ``to_model`` maps to model rows, in codes that
    ``model_codes`` (256,) maps, in µs. ``policy``: LEFT_OUT_NONE, LEFT_OUT_ALL, or the code of
    the events whose items are left out, beside ``exclude`` (model rows). ``allowed`` (items,) or
    empty. ``touched`` (items + 1,).
    """
    for place in range(len(items)):
        row = _model_row(items, place, to_model)
        if row < 0:
            return UNKNOWN
        prefetch(starts, row)
    count = _leave_out(items, codes, to_model, policy, exclude, values, touched)
    count = _add_history(
        starts, columns, weights, readings, items, codes, ts, at, to_model, model_codes,
        values, touched, count,
    )  # fmt: skip
    size = _offer(prior, prior_order, allowed, values, touched, count, out_rows, out_scores)
    _best_first(out_rows, out_scores, size)
    for place in range(count):
        values[touched[place]] = np.nan
    return int(size)


live_top = _live_top if COMPILED else reference.live_top

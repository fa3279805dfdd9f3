"""The numpy form of ``live_kernel``, and the layout of the readings that both take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s, UInt8s
from endcap.models.reading import PAIR, Component

# Columns of the packed readings; from TYPES on one for each of 256 event type codes.
DECAY, HALF_LIFE, LAST_N, EXPONENT, SHARE, PAIRED, TYPES = range(7)
LEAST_WEIGHT = 1e-6  # an event that counts less is not looked at

LEFT_OUT_NONE, LEFT_OUT_ALL = -1, -2
UNKNOWN = -1


def packed(components: Sequence[Component]) -> Float64s:
    """(components, TYPES + 256): everything a kernel needs of the components."""
    table = np.ones((len(components), TYPES + 256))
    for row, component in zip(table, components, strict=True):
        reading = component.reading
        row[DECAY] = min(reading.decay, 1.0)
        row[HALF_LIFE], row[LAST_N] = reading.half_life_s, reading.last_n
        row[EXPONENT], row[SHARE] = reading.length_exponent, component.weight
        row[PAIRED] = component.name == PAIR
        if reading.type_weights:
            row[TYPES:] = reading.type_weights[-1]
            row[TYPES : TYPES + len(reading.type_weights)] = reading.type_weights
    return table


def live_top(
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
    del values, prior_order
    rows = mapped(items, to_model)
    if (rows < 0).any():
        return UNKNOWN
    scores = prior.astype(np.float64)  # (items,)
    for c, reading in enumerate(readings):
        weighed = weigh(reading, model_codes[codes], np.maximum(at - ts, 0) / 1e6)
        places = stack_rows(rows, c, reading, pair_keys, len(readings), len(prior))
        for row, weight in zip(places, weighed, strict=True):
            span = slice(starts[row], starts[row + 1])
            scores[columns[span]] += weight * weights[span]
    scores[np.concatenate((exclude, rows[(codes == policy) | (policy == LEFT_OUT_ALL)]))] = np.nan
    if len(allowed):
        scores[~allowed] = np.nan
    found = np.flatnonzero(~np.isnan(scores))
    best = found[np.lexsort((found, -scores[found]))][: len(out_rows)]
    out_rows[: len(best)], out_scores[: len(best)] = best, scores[best]
    return len(best)


def stack_rows(
    rows: Int32s, c: int, reading: Float64s, pair_keys: Int64s, components: int, n_items: int
) -> Int64s:
    """(h,) the stack's row of each event for component ``c``; of pairs: of it and the newest."""
    found: Int64s = rows.astype(np.int64) + c * n_items
    if reading[PAIRED] and len(rows):
        pairs = pair_rows(pair_keys, rows, np.full(len(rows), rows[-1]), n_items)
        pairs[-1] = -1  # the newest event makes no pair with itself
        found = np.where(pairs >= 0, components * n_items + pairs, found)
    return found


def pair_rows(pair_keys: Int64s, earlier: Int32s, newest: Int32s, n_items: int) -> Int64s:
    """(h,) the place in ``pair_keys`` of each pair of items; -1: it has none."""
    if not len(pair_keys):
        return np.full(len(earlier), -1, np.int64)
    keys = newest.astype(np.int64) * n_items + earlier
    at = np.minimum(np.searchsorted(pair_keys, keys), len(pair_keys) - 1)
    known = (earlier >= 0) & (earlier < n_items) & (newest >= 0)
    return np.where((pair_keys[at] == keys) & known, at, -1)


def mapped(items: Int32s, to_model: Int32s) -> Int32s:
    """(h,) model rows of a history's items; -1 where the model does not know one."""
    known = items < len(to_model)
    return np.where(known, to_model[np.where(known, items, 0)], -1).astype(np.int32)


def weigh(reading: Float64s, codes: UInt8s, ages_s: Float64s) -> Float64s:
    """(h,) what each event counts by one packed reading."""
    behind = np.arange(len(codes))[::-1]
    counted = len(codes)
    weight: Float64s = reading[DECAY] ** behind * reading[TYPES + codes.astype(np.int64)]
    if reading[HALF_LIFE]:
        weight *= np.exp2(-ages_s / reading[HALF_LIFE])
    if reading[LAST_N]:
        weight[behind >= reading[LAST_N]] = 0
        counted = min(counted, int(reading[LAST_N]))
    weight *= max(counted, 1) ** -reading[EXPONENT]
    weight[np.abs(weight) < LEAST_WEIGHT] = 0
    weight *= reading[SHARE]
    return weight

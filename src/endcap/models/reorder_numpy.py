"""The numpy form of ``reorder_kernel``, and the layout of the columns that both fill."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s, UInt8s
from endcap.models.live_numpy import PAIRED, stack_rows, weigh

# Columns behind the three of each component; at TRAITS the traits of the item begin, then those
# of the newest item of the history.
(LINEAR, PRIOR, REACHED, BEHIND, TIMES, TYPE, AGE, LENGTH, NEWEST_AGE, NEWEST_TYPE,
 NEWEST_PRIOR, NEWEST_TIMES, TRAITS) = range(13)  # fmt: skip


def width(components: int, traits: int) -> int:
    """How many columns there are."""
    return 3 * components + TRAITS + 2 * traits


def features(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    pair_keys: Int64s,
    prior: Float32s,
    readings: Float64s,
    traits: Float32s,
    history_starts: Int64s,
    rows: Int32s,
    types: UInt8s,
    ages_s: Float32s,
    candidate_starts: Int64s,
    candidates: Int32s,
    marks: Int32s,
    out: Float32s,
) -> None:
    del marks
    stack = starts, columns, weights, pair_keys
    for q in range(len(history_starts) - 1):
        own = slice(history_starts[q], history_starts[q + 1])
        history = rows[own], types[own], ages_s[own]
        span = slice(candidate_starts[q], candidate_starts[q + 1])
        asked, cells = candidates[span], out[span]
        _add_history(stack, readings, history, asked, len(prior), cells)
        _describe(history, prior, traits, asked, len(readings), cells)


def _add_history(
    stack: tuple[Int64s, Int32s, Float32s, Int64s],
    readings: Float64s,
    history: tuple[Int32s, UInt8s, Float32s],
    asked: Int32s,
    n: int,
    out: Float32s,
) -> None:
    starts, columns, weights, keys = stack
    rows, types, ages_s = history
    many, h = len(readings), len(rows)
    reached = np.zeros((h, len(asked)), bool)
    for c, reading in enumerate(readings):
        weighed = weigh(reading, types, np.maximum(ages_s, 0).astype(np.float64))
        weighed[(rows < 0) | (rows >= n)] = 0
        places = stack_rows(rows, c, reading, keys, many, n)
        given, whole = np.zeros((h, len(asked))), 0.0
        for event in np.flatnonzero(weighed):
            span = slice(starts[places[event]], starts[places[event] + 1])
            dense = np.zeros(n)
            dense[columns[span]] = weighed[event] * weights[span]
            given[event], whole = dense[asked], whole + np.abs(dense).sum()
            reached[event] |= np.isin(asked, columns[span])
        out[:, c] = given.sum(axis=0)
        first = h - (2 if reading[PAIRED] else 1)
        out[:, many + c] = given[first] if first >= 0 else 0
        out[:, 2 * many + c] = out[:, c] / whole if whole else 0
    out[:, 3 * many + REACHED] = reached.sum(axis=0)


def _describe(
    history: tuple[Int32s, UInt8s, Float32s],
    prior: Float32s,
    traits: Float32s,
    asked: Int32s,
    many: int,
    out: Float32s,
) -> None:
    rows, types, ages_s = history
    h, tail = len(rows), out[:, 3 * many :]
    known = h > 0 and 0 <= rows[-1] < len(prior)
    tail[:, LINEAR], tail[:, PRIOR] = out[:, :many].sum(axis=1) + prior[asked], prior[asked]
    tail[:, LENGTH] = h
    tail[:, NEWEST_AGE] = ages_s[-1] if h else np.nan
    tail[:, NEWEST_TYPE] = types[-1] if h else np.nan
    tail[:, NEWEST_PRIOR] = prior[rows[-1]] if known else np.nan
    tail[:, NEWEST_TIMES] = (rows == rows[-1]).sum() if h else 0
    own = TRAITS + traits.shape[1]
    tail[:, TRAITS:own] = traits[asked]
    tail[:, own:] = traits[rows[-1]] if known else np.nan
    for k, row in enumerate(asked):
        own = np.flatnonzero(rows == row)
        newest = own[-1] if len(own) else -1
        tail[k, TIMES] = len(own)
        tail[k, BEHIND] = h - 1 - newest if len(own) else np.nan
        tail[k, TYPE] = types[newest] if len(own) else np.nan
        tail[k, AGE] = ages_s[newest] if len(own) else np.nan

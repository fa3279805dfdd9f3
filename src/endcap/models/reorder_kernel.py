"""Compiled: what re-ordering asks of each candidate of a history. Single-threaded, nogil.

C components (``live_numpy.packed``) and T traits of items make ``width(C, T)`` columns: for each
component what it gives to the candidate, what the newest event alone gives, and the first as a
share of all that the component gives to any item; then the columns from ``LINEAR`` on, the traits
of the candidate and those of the newest item. None depends on which other candidates are asked for.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s, UInt8s
from endcap.models import reorder_numpy as reference
from endcap.models.kernels import COMPILED, jit
from endcap.models.live_history import find_pair
from endcap.models.live_numpy import (
    DECAY,
    EXPONENT,
    HALF_LIFE,
    LAST_N,
    LEAST_WEIGHT,
    PAIRED,
    SHARE,
    TYPES,
)  # fmt: skip
from endcap.models.reorder_numpy import (
    AGE,
    BEHIND,
    LENGTH,
    LINEAR,
    NEWEST_AGE,
    NEWEST_PRIOR,
    NEWEST_TIMES,
    NEWEST_TYPE,
    PRIOR,
    REACHED,
    TIMES,
    TRAITS,
    TYPE,
)  # fmt: skip


@jit
def _row_of(
    readings: Float64s, c: int, row: int, newest: int, behind: int, n: int, keys: Int64s
) -> int:
    """The stack's row of an event for component ``c``; where it reads pairs: of it with the
    newest event, an empty row if the two have none."""
    if readings[c, PAIRED] == 0 or behind == 0 or newest < 0 or newest >= n:
        return c * n + row
    found = find_pair(keys, np.int64(newest) * n + row)
    return len(readings) * n + found if found >= 0 else c * n + row


@jit
def _add_event(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    at: int,
    weight: float,
    marks: Int32s,
    c: int,
    newest: int,
    last: int,
    seen: Int32s,
    event: int,
    out: Float32s,
) -> float:
    """Add one row of the stack to the candidates it holds; returns what it gives to all items.
    ``newest``: the column of the newest event's share, -1 for an earlier event."""
    whole = np.float32(0)
    for place in range(np.uint64(starts[at]), np.uint64(starts[at + 1])):
        given = np.float32(weight * weights[place])
        whole += abs(given)
        mark = marks[np.uint32(columns[place])]
        if mark > 0:
            row = mark - 1
            out[row, c] += given
            if newest >= 0:
                out[row, newest] += given
            if seen[row] != event:
                seen[row] = event
                out[row, last + REACHED] += 1
    return float(whole)


@jit
def _put_shares(totals: Float32s, out: Float32s) -> None:
    """What each component gives as a share of all that it gives, ``totals`` (components,)."""
    many = len(totals)
    for c in range(many):
        scale = np.float32(1) / totals[c] if totals[c] > 0 else np.float32(0)
        for k in range(len(out)):
            out[k, 2 * many + c] = out[k, c] * scale


@jit
def _weight(
    readings: Float64s, c: int, h: int, behind: int, event_type: int, age_s: float
) -> float:
    """What component ``c`` counts one of h events, but for what fades with those behind it."""
    counted = min(h, int(readings[c, LAST_N])) if readings[c, LAST_N] > 0 else h
    if behind >= counted:
        return 0.0
    weight = readings[c, TYPES + event_type]
    if readings[c, EXPONENT] != 0:
        weight *= max(counted, 1.0) ** -readings[c, EXPONENT]
    if readings[c, HALF_LIFE] > 0:
        weight *= 2.0 ** (-max(age_s, 0.0) / readings[c, HALF_LIFE])
    return float(weight)


@jit
def _add_history(
    starts: Int64s,
    columns: Int32s,
    weights: Float32s,
    pair_keys: Int64s,
    readings: Float64s,
    rows: Int32s,
    types: UInt8s,
    ages_s: Float32s,
    marks: Int32s,
    n: int,
    out: Float32s,
) -> None:
    """Sums, newest and reached columns of one history's candidates, then the shares."""
    h, many = len(rows), len(readings)
    fades, totals = np.ones(many), np.zeros(many, np.float32)
    seen = np.full(len(out), -1, np.int32)
    for behind in range(h):
        place = h - 1 - behind
        row = rows[place]
        for c in range(many):
            weight = fades[c] * _weight(readings, c, h, behind, types[place], ages_s[place])
            fades[c] *= readings[c, DECAY]
            if row < 0 or row >= n or abs(weight) < LEAST_WEIGHT:
                continue
            at = _row_of(readings, c, row, rows[h - 1], behind, n, pair_keys)
            first = 1 if readings[c, PAIRED] != 0 else 0
            totals[c] += _add_event(
                starts, columns, weights, at, weight * readings[c, SHARE], marks, c,
                many + c if behind == first else -1, 3 * many, seen, behind, out,
            )  # fmt: skip
    _put_shares(totals, out)


@jit
def _describe(
    rows: Int32s,
    types: UInt8s,
    ages_s: Float32s,
    prior: Float32s,
    traits: Float32s,
    candidates: Int32s,
    marks: Int32s,
    many: int,
    out: Float32s,
) -> None:
    """The columns from ``LINEAR`` on."""
    h, n, first, width = len(rows), len(prior), 3 * many, traits.shape[1]
    known = h > 0 and 0 <= rows[h - 1] < n
    times = 0
    for place in range(h):
        times += rows[place] == rows[h - 1]
    for k in range(len(candidates)):
        row = candidates[k]
        linear = prior[row]
        for c in range(many):
            linear += out[k, c]
        out[k, first + LINEAR], out[k, first + PRIOR] = linear, prior[row]
        out[k, first + BEHIND], out[k, first + TYPE] = np.nan, np.nan
        out[k, first + AGE], out[k, first + LENGTH] = np.nan, h
        out[k, first + NEWEST_AGE] = ages_s[h - 1] if h > 0 else np.nan
        out[k, first + NEWEST_TYPE] = types[h - 1] if h > 0 else np.nan
        out[k, first + NEWEST_PRIOR] = prior[rows[h - 1]] if known else np.nan
        out[k, first + NEWEST_TIMES] = times
        for t in range(width):
            out[k, first + TRAITS + t] = traits[row, t]
            out[k, first + TRAITS + width + t] = traits[rows[h - 1], t] if known else np.nan
    for place in range(h):
        if 0 <= rows[place] < n and marks[rows[place]] > 0:
            k = marks[rows[place]] - 1
            out[k, first + BEHIND], out[k, first + TYPE] = h - 1 - place, types[place]
            out[k, first + AGE] = ages_s[place]
            out[k, first + TIMES] += 1


@jit
def _features(
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
    """Fill ``out`` (candidates, width). The stack: ``kernels``, ``live_numpy``. Histories
    ``rows``, ``types``, ``ages_s`` by ``history_starts`` (queries + 1,), oldest first;
    ``candidates`` by ``candidate_starts`` (queries + 1,), items within range. ``traits``
    (items, T). ``marks`` (items,): scratch, 0 before and after."""
    n, many = len(prior), len(readings)
    out[:, : 3 * many + TRAITS] = 0
    for q in range(len(history_starts) - 1):
        own = slice(history_starts[q], history_starts[q + 1])
        asked = candidates[candidate_starts[q] : candidate_starts[q + 1]]
        cells = out[candidate_starts[q] : candidate_starts[q + 1]]
        for k in range(len(asked)):
            marks[asked[k]] = k + 1
        _add_history(
            starts, columns, weights, pair_keys, readings, rows[own], types[own], ages_s[own],
            marks, n, cells,
        )  # fmt: skip
        _describe(rows[own], types[own], ages_s[own], prior, traits, asked, marks, many, cells)
        for k in range(len(asked)):
            same = marks[asked[k]] - 1  # the last of an item that is asked for more than once
            if same > k:
                cells[k] = cells[same]
        for k in range(len(asked)):
            marks[asked[k]] = 0


features = _features if COMPILED else reference.features

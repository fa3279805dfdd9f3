"""Moments of the past: what was known of a shopper just before a time, for training.

A moment's history is the slice of the shopper's events strictly before its time, at most as many
as a server keeps: what the live state held then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.features.definitions import HISTORY_EVENTS, NAMES
from endcap.features.past import require_times
from endcap.features.products import ProductTable
from endcap.features.rows import UNKNOWN_DEVICE, Context, feature_rows
from endcap.features.times import hour_of, weekday_of


class Moments(NamedTuple):
    """m moments. The history of moment i is ``starts[i]:stops[i]`` of the data's events."""

    user: Int32s  # (m,)
    at: Int64s  # (m,) µs
    starts: Int64s  # (m,)
    stops: Int64s  # (m,)


def moments(data: Interactions, user: Int32s, at: Int64s, most: int = HISTORY_EVENTS) -> Moments:
    """The moments of (m,) users at (m,) times in µs: their newest ``most`` events before.

    ``most`` is the smaller of HISTORY_EVENTS and what the server keeps (``history_events``).
    InvalidInput (features_need_times) for events that have no times.
    """
    require_times(data)
    begins = data.starts()
    user = np.asarray(user, np.int32)
    at = np.asarray(at, np.int64)
    stops = _before(data.ts, begins[user], begins[user + 1], at)
    starts = np.maximum(stops - min(most, HISTORY_EVENTS), begins[user])
    return Moments(user, at, starts, stops)


def _before(ts: Int64s, low: Int64s, high: Int64s, at: Int64s) -> Int64s:
    """(m,) where each ``at`` stands in its slice ``low:high`` of ``ts``: m binary searches."""
    low, high = low.copy(), high.copy()
    while (open_ := np.flatnonzero(low < high)).size:
        middle = (low[open_] + high[open_]) // 2
        earlier = ts[middle] < at[open_]
        low[open_[earlier]] = middle[earlier] + 1
        high[open_[~earlier]] = middle[~earlier]
    return low


def moment_rows(
    data: Interactions,
    chosen: Moments,
    candidate_starts: Int64s,
    candidates: Int32s,
    in_force: Callable[[int], ProductTable],
    devices: Int32s | None = None,
) -> Float32s:
    """(candidates, len(NAMES)): what ``feature_rows`` gave or would have given at each moment.

    The candidates of moment i are ``candidate_starts[i]:candidate_starts[i + 1]``, item rows of
    the data; ``in_force`` is that of ProductTables; ``devices`` (users,) positions in DEVICES.
    """
    out = np.empty((len(candidates), len(NAMES)), np.float32)
    for i, (user, at, start, stop) in enumerate(
        zip(*(column.tolist() for column in chosen), strict=True)
    ):
        span = slice(candidate_starts[i], candidate_starts[i + 1])
        device = UNKNOWN_DEVICE if devices is None else int(devices[user])
        feature_rows(
            data.item[start:stop],
            data.type[start:stop],
            data.ts[start:stop],
            candidates[span],
            in_force(at),
            at,
            Context(hour_of(at), weekday_of(at), device),
            out[span],
        )
    return out

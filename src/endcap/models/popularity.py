"""How much each item is in demand: over all time, decayed, within a window, or trending."""

from __future__ import annotations

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float64s

DAY_US = 86_400_000_000


def popularity(
    data: Interactions,
    at: int,
    half_life_days: float | None = None,
    window_days: float | None = None,
    event_type: str | None = None,
) -> Float64s:
    """Events of each item up to time ``at`` (µs), (items,): each counts 1, or 2^(-age / half
    life); none older than ``window_days``; only of ``event_type`` where it is given."""
    age_days = (at - data.ts) / DAY_US
    weight = (age_days >= 0).astype(np.float64)
    if window_days is not None:
        weight[age_days > window_days] = 0
    if half_life_days is not None:
        weight *= np.exp2(-np.maximum(age_days, 0) / half_life_days)
    if event_type is not None:
        known = event_type in data.event_types
        weight *= (data.type == data.event_types.index(event_type)) if known else 0
    return np.bincount(data.item, weight, data.n_items).astype(np.float64)


def trending(
    data: Interactions, at: int, half_life_days: float, event_type: str | None = None
) -> Float64s:
    """How far each item's present rate stands above its own past, (items,).

    (fast - slow) / √(slow + 1): ``fast`` is the decayed count, ``slow`` the count with eight
    times the half life, over eight: equal for a steady item, so that the difference is near 0 and
    the root is its Poisson error.
    """
    fast = popularity(data, at, half_life_days, None, event_type)
    slow = popularity(data, at, 8 * half_life_days, None, event_type) / 8
    return np.asarray((fast - slow) / np.sqrt(slow + 1))

"""Compiled: what a live history comes to before any row of a model is added: its distinct items,
and what each counts for a component."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s, UInt8s
from endcap.models.kernels import jit
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


@jit
def model_row(items: Int32s, place: int, to_model: Int32s) -> int:
    """The model row of one event; -1: the model does not know the item."""
    row = items[place]
    return int(to_model[row]) if row < len(to_model) else -1


@jit
def distinct(items: Int32s, to_model: Int32s) -> tuple[Int32s, Int32s]:
    """The model rows of a history (h,), each once, newest first; and (h,) the place there of the
    event with so many after it."""
    rows, place_of = np.empty(len(items), np.int32), np.empty(len(items), np.int32)
    found = 0
    for behind in range(len(items)):
        row = model_row(items, len(items) - 1 - behind, to_model)
        place = 0
        while place < found and rows[place] != row:
            place += 1
        rows[place] = row
        place_of[behind] = place
        found = max(found, place + 1)
    return rows[:found], place_of


@jit
def weigh(
    readings: Float64s,
    c: int,
    codes: UInt8s,
    ts: Int64s,
    at: int,
    model_codes: UInt8s,
    place_of: Int32s,
    weighed: Float32s,
) -> None:
    """What each distinct item of the history counts for component ``c``, all its events together:
    ``weighed``."""
    h, half_life, fade = len(codes), readings[c, HALF_LIFE], 1.0
    counted = counted_of(readings, c, h)
    scale = max(counted, 1.0) ** -readings[c, EXPONENT] if readings[c, EXPONENT] else 1.0
    weighed[:] = 0
    for behind in range(counted):
        place = h - 1 - behind
        weight = fade * scale * readings[c, TYPES + model_codes[codes[place]]]
        fade *= readings[c, DECAY]
        if half_life > 0:
            weight *= 2.0 ** (-(max(at - ts[place], 0) / 1e6) / half_life)
        if abs(weight) >= LEAST_WEIGHT and (behind > 0 or readings[c, PAIRED] == 0):
            weighed[place_of[behind]] += np.float32(weight * readings[c, SHARE])


@jit
def counted_of(readings: Float64s, c: int, h: int) -> int:
    """How many of h events component ``c`` looks at."""
    last_n = int(readings[c, LAST_N])
    return min(h, last_n) if last_n > 0 else h


@jit
def reach(readings: Float64s, c: int, place_of: Int32s) -> int:
    """How many distinct items the events have that component ``c`` looks at."""
    found = 0
    for behind in range(counted_of(readings, c, len(place_of))):
        found = max(found, place_of[behind] + 1)
    return found


@jit
def find_pair(keys: Int64s, key: int) -> int:
    """The place of ``key`` in ascending ``keys``; -1: it is not there."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < len(keys) and keys[low] == key else -1

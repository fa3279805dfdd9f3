"""Grouping a history by product or category, for ``kernel``. Compiled, single-threaded, nogil.

A *group* is named by the place of its first event; an open-addressing table finds it by its key.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float64s, Int32s, Int64s, UInt8s
from endcap.domain.times import DAY_US
from endcap.features.compiled import jit
from endcap.features.definitions import PAIR_HALF_LIFE_DAYS, TYPE_WEIGHTS
from endcap.features.times import HOUR_US

VIEW, CART, PURCHASE = 0, 1, 2  # event type codes
_VIEW_WEIGHT, _CART_WEIGHT, _PURCHASE_WEIGHT = TYPE_WEIGHTS
_FADE_US = PAIR_HALF_LIFE_DAYS * DAY_US

# columns of what is added up for each group
VIEWS, CARTS, PURCHASES, EVENTS = 0, 1, 2, 3
DECAYED, PLACE, FIRST_BOUGHT, SINCE_VIEW = 4, 5, 6, 7
SINCE_CART, SINCE_PURCHASE, SINCE = 8, 9, 10
SUMS = 11


@jit
def find(slots: Int32s, keys: Int32s, key: int) -> int:
    """The slot that holds ``key`` (the place of its first event), or the empty one for it."""
    mask = len(slots) - 1
    slot = ((key * 2654435761) >> 12) & mask
    while slots[slot] >= 0 and keys[slots[slot]] != key:
        slot = (slot + 1) & mask
    return slot


@jit
def group_by(keys: Int32s) -> tuple[Int32s, Int32s]:
    """(slots,) to look keys up in and (events,) the group of each; -1: no key."""
    size = 4
    while size < 2 * len(keys):
        size *= 2
    slots = np.full(size, -1, np.int32)
    groups = np.full(len(keys), -1, np.int32)
    for event in range(len(keys)):
        if keys[event] >= 0:
            slot = find(slots, keys, keys[event])
            if slots[slot] < 0:
                slots[slot] = event
            groups[event] = slots[slot]
    return slots, groups


@jit
def member(slots: Int32s, keys: Int32s, key: int) -> int:
    """The group of a key; -1: none."""
    return slots[find(slots, keys, key)] if key >= 0 else -1


@jit
def add_up(groups: Int32s, types: UInt8s, ts: Int64s, at: int) -> Float64s:
    """(events, sums): what each group holds, at the place of its first event."""
    sums = np.zeros((len(groups), SUMS))
    for event in range(len(groups)):
        for column in range(FIRST_BOUGHT, SUMS):
            sums[event, column] = np.nan
    for event in range(len(groups)):
        if groups[event] < 0:
            continue
        row = sums[groups[event]]
        age = at - ts[event]
        weight = _VIEW_WEIGHT
        if types[event] == VIEW:
            row[VIEWS] += 1
            row[SINCE_VIEW] = age
        elif types[event] == CART:
            row[CARTS] += 1
            row[SINCE_CART] = age
            weight = _CART_WEIGHT
        elif types[event] == PURCHASE:
            if not row[PURCHASES]:
                row[FIRST_BOUGHT] = age
            row[PURCHASES] += 1
            row[SINCE_PURCHASE] = age
            weight = _PURCHASE_WEIGHT
        row[EVENTS] += 1
        row[DECAYED] += weight * 2.0 ** (-age / _FADE_US)
        row[PLACE] = event
        row[SINCE] = age
    return sums


@jit
def distinct(groups: Int32s) -> int:
    count = 0
    for event in range(len(groups)):
        count += groups[event] == event
    return count


@jit
def add_up_category(groups: Int32s, types: UInt8s, ts: Int64s, at: int) -> Float64s:
    """(events, 3): events, purchases and age in hours of the newest, by group."""
    sums = np.zeros((len(groups), 3))
    for event in range(len(groups)):
        if groups[event] >= 0:
            row = sums[groups[event]]
            row[0] += 1
            row[1] += types[event] == PURCHASE
            row[2] = (at - ts[event]) / HOUR_US
    return sums

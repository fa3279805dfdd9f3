"""Feature rows in one pass. Compiled, single-threaded, nogil; ``reference`` says the same slowly.

The history is grouped once by product and by each category: a *group* is named by the place of
its first event, and an open-addressing table finds it by its key. A candidate then costs four
look-ups and no pass over the history.
"""

from __future__ import annotations

import math

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s, UInt8s
from endcap.domain.times import DAY_US
from endcap.features.compiled import jit
from endcap.features.definitions import (
    BUCKET_HOURS,
    NAMES,
    ORDER_PAUSE_MINUTES,
    PAIR_COLUMNS,
    PAIR_HALF_LIFE_DAYS,
    PRODUCT_COLUMNS,
    PRODUCT_NAMES,
    TYPE_WEIGHTS,
    USER_COLUMNS,
)
from endcap.features.times import HOUR_US, hour_of, week_of, weekday_of

_VIEW, _CART, _PURCHASE = 0, 1, 2
_PRICE = PRODUCT_NAMES.index("product_price")
_PAIR = USER_COLUMNS + PRODUCT_COLUMNS  # the first column of the pair
_CONTEXT = _PAIR + PAIR_COLUMNS
_VIEWED_PRICE, _PAID_PRICE = NAMES.index("user_viewed_price"), NAMES.index("user_paid_price")
_VIEW_WEIGHT, _CART_WEIGHT, _PURCHASE_WEIGHT = TYPE_WEIGHTS
_PAUSE_US = ORDER_PAUSE_MINUTES * 60_000_000
_FADE_US = PAIR_HALF_LIFE_DAYS * DAY_US
_hour, _weekday, _week = jit(hour_of), jit(weekday_of), jit(week_of)

# columns of what is added up for each group
_VIEWS, _CARTS, _PURCHASES, _EVENTS = 0, 1, 2, 3
_DECAYED, _PLACE, _FIRST_BOUGHT, _SINCE_VIEW = 4, 5, 6, 7
_SINCE_CART, _SINCE_PURCHASE, _SINCE = 8, 9, 10
_SUMS = 11


@jit
def _find(slots: Int32s, keys: Int32s, key: int) -> int:
    """The slot that holds ``key`` (the place of its first event), or the empty one for it."""
    mask = len(slots) - 1
    slot = ((key * 2654435761) >> 12) & mask
    while slots[slot] >= 0 and keys[slots[slot]] != key:
        slot = (slot + 1) & mask
    return slot


@jit
def _group(keys: Int32s) -> tuple[Int32s, Int32s]:
    """(slots,) to look keys up in and (events,) the group of each; -1: no key."""
    size = 4
    while size < 2 * len(keys):
        size *= 2
    slots = np.full(size, -1, np.int32)
    groups = np.full(len(keys), -1, np.int32)
    for event in range(len(keys)):
        if keys[event] >= 0:
            slot = _find(slots, keys, keys[event])
            if slots[slot] < 0:
                slots[slot] = event
            groups[event] = slots[slot]
    return slots, groups


@jit
def _member(slots: Int32s, keys: Int32s, key: int) -> int:
    """The group of a key; -1: none."""
    return slots[_find(slots, keys, key)] if key >= 0 else -1


@jit
def _add_up(groups: Int32s, types: UInt8s, ts: Int64s, at: int) -> Float64s:
    """(events, sums): what each group holds, at the place of its first event."""
    sums = np.zeros((len(groups), _SUMS))
    sums[:, _FIRST_BOUGHT:] = np.nan
    for event in range(len(groups)):
        if groups[event] < 0:
            continue
        row = sums[groups[event]]
        age = at - ts[event]
        weight = _VIEW_WEIGHT
        if types[event] == _VIEW:
            row[_VIEWS] += 1
            row[_SINCE_VIEW] = age
        elif types[event] == _CART:
            row[_CARTS] += 1
            row[_SINCE_CART] = age
            weight = _CART_WEIGHT
        elif types[event] == _PURCHASE:
            if not row[_PURCHASES]:
                row[_FIRST_BOUGHT] = age
            row[_PURCHASES] += 1
            row[_SINCE_PURCHASE] = age
            weight = _PURCHASE_WEIGHT
        row[_EVENTS] += 1
        row[_DECAYED] += weight * 2.0 ** (-age / _FADE_US)
        row[_PLACE] = event
        row[_SINCE] = age
    return sums


@jit
def _distinct(groups: Int32s) -> int:
    count = 0
    for event in range(len(groups)):
        count += groups[event] == event
    return count


@jit
def _orders(types: UInt8s, ts: Int64s) -> tuple[int, float]:
    """Number of orders, and the median time in µs between their starts (NaN: below two)."""
    starts = np.empty(len(ts), np.int64)
    count, newest = 0, 0
    for event in range(len(ts)):
        if types[event] == _PURCHASE:
            if not count or ts[event] - newest > _PAUSE_US:
                starts[count] = ts[event]
                count += 1
            newest = ts[event]
    if count < 2:
        return count, np.nan
    gaps = np.sort(starts[1:count] - starts[: count - 1])
    middle = (count - 1) // 2
    if (count - 1) % 2:
        return count, float(gaps[middle])
    return count, (gaps[middle - 1] + gaps[middle]) / 2


@jit
def _mean_price(prices: Float64s, types: UInt8s, kind: int) -> float:
    total, count = 0.0, 0
    for event in range(len(types)):
        if types[event] == kind and not math.isnan(prices[event]):
            total += prices[event]
            count += 1
    return total / count if count else np.nan


@jit
def _times(ts: Int64s, hour: int, weekday: int) -> tuple[int, int, int]:
    """Events in the moment's bucket of the day, on its weekday; weeks with any event."""
    in_bucket, on_weekday, weeks, newest = 0, 0, 0, -1
    for event in range(len(ts)):
        in_bucket += _hour(ts[event]) // BUCKET_HOURS == hour // BUCKET_HOURS
        on_weekday += _weekday(ts[event]) == weekday
        week = _week(ts[event])
        if not event or week != newest:
            weeks += 1
        newest = week
    return in_bucket, on_weekday, weeks


@jit
def _share(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


@jit
def _user(
    types: UInt8s, ts: Int64s, prices: Float64s, sums: Float64s, at: int, hour: int, weekday: int
) -> Float64s:
    """(USER_COLUMNS,) but for the different products and departments."""
    events = len(ts)
    views, carts, bought, since = 0, 0, 0, np.nan
    for event in range(events):
        views += types[event] == _VIEW
        carts += types[event] == _CART
        if types[event] == _PURCHASE:
            bought += 1
            since = float(at - ts[event])
    again = 0.0
    for group in range(len(sums)):
        again += max(sums[group, _PURCHASES] - 1, 0)
    orders, gap = _orders(types, ts)
    in_bucket, on_weekday, weeks = _times(ts, hour, weekday)
    newest = float(at - ts[-1]) if events else np.nan
    counts = (float(events), float(views), float(carts), float(bought), 0.0, 0.0, float(orders))
    rates = (_share(bought, weeks), gap / DAY_US, _share(again, bought), _share(bought, views))
    ages = (since / DAY_US, newest / HOUR_US)
    shares = (_share(in_bucket, events), _share(on_weekday, events))
    levels = (_mean_price(prices, types, _VIEW), _mean_price(prices, types, _PURCHASE))
    return np.array(counts + rates + ages + shares + levels)


@jit
def _of_product(row: Float32s, sums: Float64s, group: int, events: int) -> None:
    """The nine columns of the pair that speak of the product alone."""
    if group < 0:
        row[:3] = 0
        row[3:7] = np.nan
        row[7] = 0
        row[8] = np.nan
        return
    own = sums[group]
    row[0], row[1], row[2] = own[_VIEWS], own[_CARTS], own[_PURCHASES]
    row[3] = own[_SINCE_VIEW] / HOUR_US
    row[4] = own[_SINCE_CART] / HOUR_US
    row[5] = own[_SINCE_PURCHASE] / HOUR_US
    row[6] = events - 1 - own[_PLACE]
    row[7] = own[_DECAYED]
    spread = own[_FIRST_BOUGHT] - own[_SINCE_PURCHASE]
    row[8] = np.nan
    if spread > 0:
        row[8] = own[_SINCE_PURCHASE] * (own[_PURCHASES] - 1) / spread


@jit
def _add_up_category(groups: Int32s, types: UInt8s, ts: Int64s, at: int) -> Float64s:
    """(events, 3): events, purchases and age in hours of the newest, by group."""
    sums = np.zeros((len(groups), 3))
    for event in range(len(groups)):
        if groups[event] >= 0:
            row = sums[groups[event]]
            row[0] += 1
            row[1] += types[event] == _PURCHASE
            row[2] = (at - ts[event]) / HOUR_US
    return sums


@jit
def _share_of(sums: Float64s, group: int, column: int, whole: float) -> float:
    """A group's share of ``whole``; 0 for a category that the history lacks."""
    if not whole:
        return np.nan
    return sums[group, column] / whole if group >= 0 else 0.0


@jit
def _of_category(
    row: Float32s, at: Int64s, sums: Float64s, group: int, events: float, bought: float
) -> None:
    """Write share of events, of purchases, and age to the columns ``at`` (3,); -1: not wanted."""
    row[at[0]] = _share_of(sums, group, 0, events)
    if at[1] >= 0:
        row[at[1]] = _share_of(sums, group, 1, bought)
    if at[2] >= 0:
        row[at[2]] = sums[group, 2] if group >= 0 else np.nan


@jit
def _traits(rows: Int32s, values: Float32s, categories: Int32s) -> tuple[Float64s, Int32s]:
    """(events,) logarithms of prices and (3, events) categories of the history."""
    prices = np.full(len(rows), np.nan)
    codes = np.full((3, len(rows)), -1, np.int32)
    for event in range(len(rows)):
        if 0 <= rows[event] < len(values):
            prices[event] = values[rows[event], _PRICE]
            codes[:, event] = categories[rows[event]]
    return prices, codes


# department, aisle, brand: columns of the share of events, of purchases, and of the age
_PLACES = np.array([[9, 12, 13], [10, -1, 14], [11, -1, -1]])


@jit
def fill(
    rows: Int32s,
    types: UInt8s,
    ts: Int64s,
    candidates: Int32s,
    values: Float32s,
    categories: Int32s,
    at: int,
    hour: int,
    weekday: int,
    device: int,
    out: Float32s,
) -> None:
    """Fill ``out`` (candidates, columns) from a history (events,) that is wholly before ``at``.

    ``values`` (items, P) and ``categories`` (items, 3) are the product table's.
    """
    prices, codes = _traits(rows, values, categories)
    slots, groups = _group(rows)
    sums = _add_up(groups, types, ts, at)
    user = _user(types, ts, prices, sums, at, hour, weekday)
    user[4] = _distinct(groups)
    for c in range(len(candidates)):
        row, item = out[c], candidates[c]
        row[:USER_COLUMNS] = user
        row[USER_COLUMNS:] = np.nan
        _of_product(row[_PAIR:], sums, _member(slots, rows, item), len(rows))
        row[_CONTEXT], row[_CONTEXT + 1] = hour, weekday
        if device >= 0:
            row[_CONTEXT + 2] = device
        if 0 <= item < len(values):
            row[USER_COLUMNS:_PAIR] = values[item]
            row[_PAIR + 15] = values[item, _PRICE] - user[_VIEWED_PRICE]
            row[_PAIR + 16] = values[item, _PRICE] - user[_PAID_PRICE]
    for kind in range(3):
        slots, groups = _group(codes[kind])
        sums = _add_up_category(groups, types, ts, at)
        if kind == 0:
            out[:, 5] = _distinct(groups)
        for c in range(len(candidates)):
            item = candidates[c]
            if 0 <= item < len(values) and categories[item, kind] >= 0:
                group = _member(slots, codes[kind], categories[item, kind])
                _of_category(out[c, _PAIR:], _PLACES[kind], sums, group, user[0], user[3])

"""Feature rows in one pass. Compiled, single-threaded, nogil; ``reference`` says the same slowly.

The history is grouped once by product and by each category (``grouping``). A candidate then costs
four look-ups and no pass over the history.
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
    PRODUCT_COLUMNS,
    PRODUCT_NAMES,
    USER_COLUMNS,
)
from endcap.features.grouping import (
    CART,
    CARTS,
    DECAYED,
    FIRST_BOUGHT,
    PLACE,
    PURCHASE,
    PURCHASES,
    SINCE_CART,
    SINCE_PURCHASE,
    SINCE_VIEW,
    VIEW,
    VIEWS,
    add_up,
    add_up_category,
    distinct,
    group_by,
    member,
)
from endcap.features.prefetch import prefetch
from endcap.features.times import HOUR_US, hour_of, week_of, weekday_of

_PRICE = PRODUCT_NAMES.index("product_price")
_PAIR = USER_COLUMNS + PRODUCT_COLUMNS  # the first column of the pair
_CONTEXT = _PAIR + PAIR_COLUMNS
_TO_VIEWED, _TO_PAID = NAMES.index("price_to_viewed"), NAMES.index("price_to_paid")
_PRODUCTS, _DEPARTMENTS = NAMES.index("user_products"), NAMES.index("user_departments")
_VIEWED_PRICE, _PAID_PRICE = NAMES.index("user_viewed_price"), NAMES.index("user_paid_price")
_PAUSE_US = ORDER_PAUSE_MINUTES * 60_000_000
_hour, _weekday, _week = jit(hour_of), jit(weekday_of), jit(week_of)


@jit
def _insert(rising: Int64s, size: int, value: int) -> None:
    """Put a value in its place among the first ``size``."""
    place = size
    while place > 0 and rising[place - 1] > value:
        rising[place] = rising[place - 1]
        place -= 1
    rising[place] = value


@jit
def _orders(types: UInt8s, ts: Int64s) -> tuple[int, float]:
    """Number of orders, and the median time in µs between their starts (NaN: below two)."""
    gaps = np.empty(len(ts), np.int64)  # rising
    count, start, newest = 0, 0, 0
    for event in range(len(ts)):
        if types[event] != PURCHASE:
            continue
        if not count or ts[event] - newest > _PAUSE_US:
            if count:
                _insert(gaps, count - 1, ts[event] - start)
            start = ts[event]
            count += 1
        newest = ts[event]
    if count < 2:
        return count, np.nan
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
        views += types[event] == VIEW
        carts += types[event] == CART
        if types[event] == PURCHASE:
            bought += 1
            since = float(at - ts[event])
    again = 0.0
    for group in range(len(sums)):
        again += max(sums[group, PURCHASES] - 1, 0)
    orders, gap = _orders(types, ts)
    in_bucket, on_weekday, weeks = _times(ts, hour, weekday)
    newest = float(at - ts[-1]) if events else np.nan
    counts = (float(events), float(views), float(carts), float(bought), 0.0, 0.0, float(orders))
    rates = (_share(bought, weeks), gap / DAY_US, _share(again, bought), _share(bought, views))
    ages = (since / DAY_US, newest / HOUR_US)
    shares = (_share(in_bucket, events), _share(on_weekday, events))
    levels = (_mean_price(prices, types, VIEW), _mean_price(prices, types, PURCHASE))
    return np.array(counts + rates + ages + shares + levels)


@jit
def _of_product(row: Float32s, sums: Float64s, group: int, events: int) -> None:
    """The first nine columns of the pair, which were NaN; -1: not in the history."""
    if group < 0:
        for column in (0, 1, 2, 7):
            row[column] = 0
        return
    own = sums[group]
    row[0], row[1], row[2] = own[VIEWS], own[CARTS], own[PURCHASES]
    row[3] = own[SINCE_VIEW] / HOUR_US
    row[4] = own[SINCE_CART] / HOUR_US
    row[5] = own[SINCE_PURCHASE] / HOUR_US
    row[6] = events - 1 - own[PLACE]
    row[7] = own[DECAYED]
    spread = own[FIRST_BOUGHT] - own[SINCE_PURCHASE]
    if spread > 0:
        row[8] = own[SINCE_PURCHASE] * (own[PURCHASES] - 1) / spread


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
    prices = np.empty(len(rows))
    codes = np.empty((3, len(rows)), np.int32)
    for event in range(len(rows)):
        prices[event], codes[0, event], codes[1, event], codes[2, event] = np.nan, -1, -1, -1
        if 0 <= rows[event] < len(values):
            prices[event] = values[rows[event], _PRICE]
            for kind in range(3):
                codes[kind, event] = categories[rows[event], kind]
    return prices, codes


# department, aisle, brand: columns of the share of events, of purchases, and of the age
_PLACES = np.array(
    [
        [NAMES.index(name) if name in NAMES else -1 for name in names]
        for names in (
            ("department_share", "department_bought_share", "department_since_hours"),
            ("aisle_share", "", "aisle_since_hours"),
            ("brand_share", "", ""),
        )
    ]
)


@jit
def _fill_categories(
    codes: Int32s,
    types: UInt8s,
    ts: Int64s,
    candidates: Int32s,
    categories: Int32s,
    at: int,
    user: Float64s,
    out: Float32s,
) -> None:
    """The columns that speak of department, aisle and brand; ``codes`` (3, events)."""
    for kind in range(3):
        slots, groups = group_by(codes[kind])
        sums = add_up_category(groups, types, ts, at)
        different = distinct(groups)
        for c in range(len(candidates)):
            item = candidates[c]
            if kind == 0:
                out[c, _DEPARTMENTS] = different
            if 0 <= item < len(categories) and categories[item, kind] >= 0:
                group = member(slots, codes[kind], categories[item, kind])
                _of_category(out[c], _PLACES[kind], sums, group, user[0], user[3])


@jit
def _ask_for(rows: Int32s, values: Float32s, categories: Int32s) -> None:
    """Products lie anywhere in the table: asked for together, their waits overlap."""
    for row in rows:
        if 0 <= row < len(values):
            prefetch(values, row * PRODUCT_COLUMNS)
            prefetch(values, row * PRODUCT_COLUMNS + PRODUCT_COLUMNS - 1)
            prefetch(categories, row * 3)


@jit
def _shared(user: Float64s, hour: int, weekday: int, device: int, columns: int) -> Float32s:
    """(columns,) what all candidates have in common; the rest NaN."""
    row = np.full(columns, np.nan, np.float32)
    for column in range(USER_COLUMNS):
        row[column] = user[column]
    row[_CONTEXT], row[_CONTEXT + 1] = hour, weekday
    if device >= 0:
        row[_CONTEXT + 2] = device
    return row


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
    _ask_for(rows, values, categories)
    _ask_for(candidates, values, categories)
    prices, codes = _traits(rows, values, categories)
    slots, groups = group_by(rows)
    sums = add_up(groups, types, ts, at)
    user = _user(types, ts, prices, sums, at, hour, weekday)
    user[_PRODUCTS] = distinct(groups)
    shared = _shared(user, hour, weekday, device, out.shape[1])
    for c in range(len(candidates)):
        row, item = out[c], candidates[c]
        row[:] = shared
        _of_product(row[_PAIR:], sums, member(slots, rows, item), len(rows))
        if 0 <= item < len(values):
            for column in range(PRODUCT_COLUMNS):
                row[USER_COLUMNS + column] = values[item, column]
            row[_TO_VIEWED] = values[item, _PRICE] - user[_VIEWED_PRICE]
            row[_TO_PAID] = values[item, _PRICE] - user[_PAID_PRICE]
    _fill_categories(codes, types, ts, candidates, categories, at, user, out)

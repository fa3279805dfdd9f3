"""Feature rows by their definitions, in numpy: what tests hold ``kernel`` equal to.

It also serves where numba cannot keep its compiled code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s, UInt8s
from endcap.domain.times import DAY_US
from endcap.domain.values import ADD_TO_CART, EVENT_TYPES, PURCHASE, VIEW
from endcap.features.definitions import (
    BUCKET_HOURS,
    NAMES,
    ORDER_PAUSE_MINUTES,
    PAIR_HALF_LIFE_DAYS,
    PRODUCT_NAMES,
    TYPE_WEIGHTS,
)
from endcap.features.times import HOUR_US, hour_of, week_of, weekday_of

_VIEW, _CART, _PURCHASE = map(EVENT_TYPES.index, (VIEW, ADD_TO_CART, PURCHASE))
_PRICE = PRODUCT_NAMES.index("product_price")
Columns = dict[str, Any]  # by feature: a number, or (candidates,)


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
    """See ``kernel.fill``."""
    here = _traits(rows, values, categories)
    there = _traits(candidates, values, categories)
    columns: Columns = dict(zip(PRODUCT_NAMES, there[0].T, strict=True))
    columns |= _user(rows, types, ts, here, at, hour, weekday)
    columns |= _pair(rows, types, at - ts, candidates)
    columns |= _affinity(types, at - ts, here[1], there[1])
    columns["price_to_viewed"] = there[0][:, _PRICE] - np.float64(columns["user_viewed_price"])
    columns["price_to_paid"] = there[0][:, _PRICE] - np.float64(columns["user_paid_price"])
    columns |= {
        "hour_utc": hour,
        "weekday": weekday,
        "device": device if device >= 0 else np.nan,
    }
    for place, name in enumerate(NAMES):
        out[:, place] = columns[name]


def _traits(rows: Int32s, values: Float32s, categories: Int32s) -> tuple[Float32s, Int32s]:
    """(n, P) values and (n, 3) categories of any rows; NaN and -1 for what the table lacks."""
    known = (rows >= 0) & (rows < len(values))
    found = np.full((len(rows), len(PRODUCT_NAMES)), np.nan, np.float32)
    codes = np.full((len(rows), 3), -1, np.int32)
    found[known], codes[known] = values[rows[known]], categories[rows[known]]
    return found, codes


def _user(
    rows: Int32s,
    types: UInt8s,
    ts: Int64s,
    here: tuple[Float32s, Int32s],
    at: int,
    hour: int,
    weekday: int,
) -> Columns:
    bought, views = types == _PURCHASE, types == _VIEW
    prices = here[0][:, _PRICE].astype(np.float64)
    orders = ts[bought][np.diff(ts[bought], prepend=-(2**62)) > ORDER_PAUSE_MINUTES * 60_000_000]
    named = rows[bought & (rows >= 0)]
    departments = here[1][:, 0]
    return {
        "user_events": len(ts),
        "user_views": views.sum(),
        "user_carts": (types == _CART).sum(),
        "user_purchases": bought.sum(),
        "user_products": len(np.unique(rows[rows >= 0])),
        "user_departments": len(np.unique(departments[departments >= 0])),
        "user_orders": len(orders),
        "user_purchases_per_week": _share(bought.sum(), len(np.unique(week_of(ts)))),
        "user_order_gap_days": np.median(np.diff(orders)) / DAY_US if len(orders) > 1 else np.nan,
        "user_reorder_share": _share(len(named) - len(np.unique(named)), bought.sum()),
        "user_purchase_rate": _share(bought.sum(), views.sum()),
        "user_since_order_days": (at - ts[bought][-1]) / DAY_US if bought.any() else np.nan,
        "user_since_event_hours": (at - ts[-1]) / HOUR_US if len(ts) else np.nan,
        "user_hour_share": _share(
            (hour_of(ts) // BUCKET_HOURS == hour // BUCKET_HOURS).sum(), len(ts)
        ),
        "user_weekday_share": _share((weekday_of(ts) == weekday).sum(), len(ts)),
        "user_viewed_price": _mean(prices[views]),
        "user_paid_price": _mean(prices[bought]),
    }


def _pair(rows: Int32s, types: UInt8s, ages: Int64s, candidates: Int32s) -> Columns:
    same = (candidates[:, None] == rows[None, :]) & (rows >= 0)  # (candidates, events)
    views, carts, bought = (same & (types == code) for code in (_VIEW, _CART, _PURCHASE))
    weights = np.ones(256)
    weights[: len(TYPE_WEIGHTS)] = TYPE_WEIGHTS
    decayed = weights[types] * np.exp2(-ages / (PAIR_HALF_LIFE_DAYS * DAY_US))
    newest, purchases = _least(bought, ages), bought.sum(1)
    spread = -_least(bought, -ages) - newest
    regular = spread > 0
    due = np.full(len(candidates), np.nan)
    due[regular] = newest[regular] * (purchases[regular] - 1) / spread[regular]
    return {
        "pair_views": views.sum(1),
        "pair_carts": carts.sum(1),
        "pair_purchases": purchases,
        "pair_since_view_hours": _least(views, ages) / HOUR_US,
        "pair_since_cart_hours": _least(carts, ages) / HOUR_US,
        "pair_since_purchase_hours": newest / HOUR_US,
        "pair_events_since": _least(same, np.arange(len(rows))[::-1]),
        "pair_decayed": same @ decayed,
        "pair_due": due,
    }


def _affinity(types: UInt8s, ages: Int64s, here: Int32s, there: Int32s) -> Columns:
    """Shares of history categories ``here`` (events, 3) for candidates' ``there``."""
    columns: Columns = {}
    bought = types == _PURCHASE
    for place, name in enumerate(("department", "aisle", "brand")):
        code = there[:, place]
        same = code[:, None] == here[None, :, place]
        known = np.where(code >= 0, 1.0, np.nan)
        columns[f"{name}_share"] = known * _share(same.sum(1), len(types))
        columns[f"{name}_bought_share"] = known * _share((same & bought).sum(1), bought.sum())
        columns[f"{name}_since_hours"] = known * _least(same, ages) / HOUR_US
    return columns


def _least(mask: Any, ages: Any) -> Any:
    """(candidates,) least of ``ages`` (events,) under ``mask`` (candidates, events), or NaN."""
    least = np.where(mask, ages.astype(np.float64), np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isinf(least), np.nan, least)


def _share(part: Any, whole: Any) -> Any:
    return part / whole if whole else np.nan


def _mean(prices: Any) -> float:
    kept = prices[~np.isnan(prices)]
    return float(kept.mean()) if len(kept) else float("nan")

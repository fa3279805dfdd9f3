"""Every feature: its name, what it aggregates, its unit. The order here is the order of columns.

All aggregates over a shopper's history run over the newest ``HISTORY_EVENTS`` events strictly
before the moment, offline as online. A value that does not exist (the age of what never happened,
a share of nothing, the price of an unpriced product) is NaN.
"""

from __future__ import annotations

from typing import NamedTuple

HISTORY_EVENTS = 200  # newest events of a shopper that features look at
ORDER_PAUSE_MINUTES = 30  # purchases with a longer pause between them belong to two orders
BUCKET_HOURS = 3  # the day in UTC has 8 such buckets
PAIR_HALF_LIFE_DAYS = 7.0
FAST_HALF_LIFE_DAYS, SLOW_HALF_LIFE_DAYS = 3.0, 30.0
TYPE_WEIGHTS = (1.0, 3.0, 5.0)  # view, add_to_cart, purchase; every other type weighs 1

USER, PRODUCT, USER_PRODUCT, CONTEXT = "user", "product", "user_product", "context"
GROUPS = (USER, PRODUCT, USER_PRODUCT, CONTEXT)
COUNT, SUM, LAST, DECAYED, DISTINCT, BUCKETS, RATIO, VALUE = (
    "count", "sum", "last", "decayed sum", "distinct", "buckets", "ratio", "value",
)  # fmt: skip
# ``last``: age of the newest (or place of it); ``ratio``: also shares, means and median gaps;
# ``value``: taken as it is from the catalogue or the request.
AGGREGATES = (COUNT, SUM, LAST, DECAYED, DISTINCT, BUCKETS, RATIO, VALUE)


class Feature(NamedTuple):
    """One column. ``group``: one of GROUPS; ``aggregate``: one of AGGREGATES."""

    name: str
    group: str
    aggregate: str
    about: str
    unit: str


def _group(group: str, *rows: tuple[str, str, str, str]) -> tuple[Feature, ...]:
    return tuple(Feature(name, group, kind, about, unit) for name, kind, unit, about in rows)


_USER = _group(
    USER,
    ("user_events", COUNT, "events", "events of any type"),
    ("user_views", COUNT, "events", "views"),
    ("user_carts", COUNT, "events", "additions to the cart"),
    ("user_purchases", COUNT, "events", "purchases"),
    ("user_products", DISTINCT, "products", "different products"),
    ("user_departments", DISTINCT, "departments", "different departments"),
    ("user_orders", COUNT, "orders", "runs of purchases with pauses of at most 30 minutes"),
    ("user_purchases_per_week", RATIO, "1/week", "purchases per week that has any event"),
    ("user_order_gap_days", RATIO, "days", "median time from one order's start to the next's"),
    ("user_reorder_share", RATIO, "share", "purchases of products that were bought before"),
    ("user_purchase_rate", RATIO, "1", "purchases for each view"),
    ("user_since_order_days", LAST, "days", "age of the newest purchase"),
    ("user_since_event_hours", LAST, "hours", "age of the newest event"),
    ("user_hour_share", BUCKETS, "share", "events in the 3-hour bucket (UTC) of the moment"),
    ("user_weekday_share", BUCKETS, "share", "events on the weekday (UTC) of the moment"),
    ("user_viewed_price", RATIO, "ln price", "mean logarithm of the prices of views"),
    ("user_paid_price", RATIO, "ln price", "mean logarithm of the prices of purchases"),
)
_PRODUCT = _group(
    PRODUCT,
    ("product_popularity_fast", DECAYED, "ln(1 + sum)", "weighted events, half-life 3 days"),
    ("product_popularity_slow", DECAYED, "ln(1 + sum)", "weighted events, half-life 30 days"),
    ("product_trend", RATIO, "ln ratio", "fast over slow, each for one day; 0: steady"),
    ("product_purchases", COUNT, "ln(1 + n)", "purchases"),
    ("product_shoppers", DISTINCT, "ln(1 + n)", "different shoppers with any event"),
    ("product_reorder_rate", RATIO, "share", "purchases by who bought it before, smoothed"),
    ("product_view_to_cart", RATIO, "1", "additions to the cart for each view, smoothed"),
    ("product_cart_to_purchase", RATIO, "1", "purchases for each addition, smoothed"),
    ("product_view_to_purchase", RATIO, "1", "purchases for each view, smoothed"),
    ("product_since_event_days", LAST, "days", "age of its newest event"),
    ("product_age_days", LAST, "days", "since `created`, else since its first event"),
    ("product_price", VALUE, "ln price", "logarithm of the price"),
    ("product_price_in_department", RATIO, "ln ratio", "price over its department's mean"),
)
_USER_PRODUCT = _group(
    USER_PRODUCT,
    ("pair_views", COUNT, "events", "views of this product"),
    ("pair_carts", COUNT, "events", "additions of this product to the cart"),
    ("pair_purchases", COUNT, "events", "purchases of this product"),
    ("pair_since_view_hours", LAST, "hours", "age of the newest view of it"),
    ("pair_since_cart_hours", LAST, "hours", "age of the newest addition of it"),
    ("pair_since_purchase_hours", LAST, "hours", "age of the newest purchase of it"),
    ("pair_events_since", LAST, "events", "events after the newest one with it"),
    ("pair_decayed", DECAYED, "1", "weighted events with it, half-life 7 days"),
    ("pair_due", RATIO, "1", "age of its newest purchase over the usual gap between them"),
    ("department_share", RATIO, "share", "events in this product's department"),
    ("aisle_share", RATIO, "share", "events in this product's aisle"),
    ("brand_share", RATIO, "share", "events with this product's brand"),
    ("department_bought_share", RATIO, "share", "purchases in this product's department"),
    ("department_since_hours", LAST, "hours", "age of the newest event in its department"),
    ("aisle_since_hours", LAST, "hours", "age of the newest event in its aisle"),
    ("price_to_viewed", RATIO, "ln ratio", "its price over the mean price of views"),
    ("price_to_paid", RATIO, "ln ratio", "its price over the mean price of purchases"),
)
_CONTEXT = _group(
    CONTEXT,
    ("hour_utc", VALUE, "hour", "hour of the day, 0 to 23"),
    ("weekday", VALUE, "day", "0: Monday to 6: Sunday"),
    ("device", VALUE, "code", "0: desktop, 1: mobile, 2: tablet, 3: app"),
)

FEATURES: tuple[Feature, ...] = _USER + _PRODUCT + _USER_PRODUCT + _CONTEXT
NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
USER_COLUMNS, PRODUCT_COLUMNS = len(_USER), len(_PRODUCT)
PAIR_COLUMNS, CONTEXT_COLUMNS = len(_USER_PRODUCT), len(_CONTEXT)
PRODUCT_NAMES: tuple[str, ...] = tuple(feature.name for feature in _PRODUCT)

"""The definitions of features as values of the ETL's statements (``data/sql``)."""

from __future__ import annotations

from endcap.domain.times import DAY_US
from endcap.features.definitions import (
    BUCKET_HOURS,
    FAST_HALF_LIFE_DAYS,
    HISTORY_EVENTS,
    ORDER_PAUSE_MINUTES,
    PAIR_HALF_LIFE_DAYS,
    SLOW_HALF_LIFE_DAYS,
    TYPE_WEIGHTS,
)
from endcap.features.past import PRIOR
from endcap.features.times import HOUR_US

MOST_PER_USER = 1000  # items of one user that co-occurrence counts, as ``models/item_item.py``
SHRINKAGE = 1.0  # users by which a count is doubted
NEIGHBOURS_KEPT = 500  # of each item
MOST_EVENTS_A_DAY = 1000  # a user with more is hardly a person
YEAR_2000_US = 946_684_800_000_000
_MONDAY = 3  # days from 1970-01-01, a Thursday, back to the Monday before


def parameters(as_of: int) -> dict[str, int | float]:
    """By the names under which the statements ask for them; ``as_of`` in µs."""
    view, cart, purchase = TYPE_WEIGHTS
    return {
        "as_of": as_of,
        "day_us": DAY_US,
        "week_us": 7 * DAY_US,
        "hour_us": HOUR_US,
        "monday_us": _MONDAY * DAY_US,
        "bucket_us": BUCKET_HOURS * HOUR_US,
        "pause_us": ORDER_PAUSE_MINUTES * 60_000_000,
        "history_events": HISTORY_EVENTS,
        "view_weight": view,
        "cart_weight": cart,
        "purchase_weight": purchase,
        "fast_half_life_days": FAST_HALF_LIFE_DAYS,
        "slow_half_life_days": SLOW_HALF_LIFE_DAYS,
        "pair_half_life_days": PAIR_HALF_LIFE_DAYS,
        "prior": PRIOR,
        "most_per_user": MOST_PER_USER,
        "shrinkage": SHRINKAGE,
        "neighbours_kept": NEIGHBOURS_KEPT,
        "most_events_a_day": MOST_EVENTS_A_DAY,
        "year_2000_us": YEAR_2000_US,
    }

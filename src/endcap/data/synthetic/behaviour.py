"""The numbers that say how shoppers behave. ``docs/synthetic.md`` gives the formulas."""

from __future__ import annotations

import numpy as np

# Shoppers
SLOTS = 6  # aisles that a shopper likes: two each of three departments
STAPLE_SLOTS = 4  # the first four are of consumable departments
ACTIVITY_SPREAD, MOST_ACTIVITY_Z = 0.7, 3.0  # log-normal
JOINING_SHARE = 0.15  # of the shoppers join during the first part of the period
JOINING_SPAN = 0.8  # how long that part is, as a share of the period
TIER_EDGES = (0.35, 0.8)  # cumulative shares of the cheap and the middle budget
LOYALTY, CURIOSITY = (0.3, 0.4), (0.06, 0.14)  # least, span of the two shares of picks
FAVOURITES = 12
_favourite_weight = 1.0 / (np.arange(FAVOURITES) + 1.5)
FAVOURITE_SHARES = _favourite_weight / _favourite_weight.sum()

# Sessions
CHAINS = np.array([0.50, 0.25, 0.13, 0.08, 0.04])  # probability of 1 … 5 chains in a session
CONTINUE = 0.4  # probability that a chain goes on
STEPS = 3  # at most
OFFSETS = np.array([0.6, 0.3, 0.1])  # how far it goes along the ring: 1, 2 or 3
FAVOURITE, TASTE, POPULAR, NEXT = 0, 1, 2, 3  # where a looked-at item comes from

# Events, by that source
ADD = np.array([0.50, 0.20, 0.10, 0.30])  # a view goes into the cart
BUY = np.array([0.75, 0.50, 0.45, 0.60])  # what is in the cart is bought
MANY_SHARE = 0.22  # of purchases of consumables are of two or three

# When a session begins, hour by hour from 6 to 22 UTC, for four kinds of shopper
FIRST_HOUR = 6
HOURS = np.array(
    [
        [3, 6, 8, 7, 5, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0],  # in the morning
        [0, 1, 1, 1, 2, 4, 9, 8, 4, 2, 1, 1, 1, 1, 1, 1, 0],  # at lunch
        [0, 1, 1, 1, 1, 1, 2, 1, 1, 2, 3, 5, 7, 9, 9, 6, 3],  # in the evening
        [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1],  # at any time
    ],
    dtype=np.float64,
)
LEAST_GAP_S, MEAN_GAP_S, MOST_GAP_S = 10, 35, 150  # between two views: a session is below 1 h
CHECKOUT_S = 40

# Weight of each day from Monday to Sunday, for four kinds of shopper
WEEKS = np.array(
    [
        [1.0, 0.9, 0.9, 1.0, 1.3, 1.6, 1.1],  # the weekly shop
        [0.5, 0.5, 0.5, 0.6, 1.0, 2.2, 2.0],  # weekends
        [1.4, 1.3, 1.3, 1.3, 1.1, 0.5, 0.4],  # working days
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    ]
)
GROWTH_PER_YEAR = 0.25

# Items
TIERS = 3  # of price, within an aisle
AFFINITY = np.array([[1.0, 0.4, 0.1], [0.4, 1.0, 0.4], [0.12, 0.5, 1.0]])  # budget × tier
RING = 12  # products that are bought together; more than STEPS times the longest offset
NEW_SHARE = 0.08  # of the items come during the period
NEW_LIFT = 2.0  # interest in a new product in the period in which it comes
OUT_OF_STOCK_SHARE = 0.03
TRENDING_SHARE, TREND_HEIGHT = 0.1, 1.6  # of the items; log of the highest factor
SEASON_HEIGHT = 0.9  # log of the factor at the best time of the year
BEST_DAY = {"spring": 105, "summer": 196, "autumn": 258, "winter": 349}  # of the year


def events_per_session() -> float:
    """Expected events of one session, from the average shares of the sources of its visits."""
    loyalty, curiosity = LOYALTY[0] + LOYALTY[1] / 2, CURIOSITY[0] + CURIOSITY[1] / 2
    per_chain = sum(CONTINUE**step for step in range(STEPS + 1))
    visits = np.array([loyalty, 1 - loyalty - curiosity, curiosity, per_chain - 1])  # of a chain
    chains = CHAINS @ np.arange(1, len(CHAINS) + 1)
    return float(chains * (visits @ (1.0 + ADD * (1.0 + BUY))))

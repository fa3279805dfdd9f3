"""What is wanted when: tables of exact probabilities, constant within a period.

Two distributions over the items, for each period:
``taste(period, tier, aisle)`` within one aisle, for shoppers of one budget tier, and
``popular(period)`` over the whole shop. Both are kept as cumulative sums, so that a draw is one
binary search and a probability is one difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from endcap.data.synthetic.behaviour import (
    AFFINITY,
    BEST_DAY,
    GROWTH_PER_YEAR,
    NEW_LIFT,
    SEASON_HEIGHT,
    TIERS,
    TREND_HEIGHT,
    TRENDING_SHARE,
    WEEKS,
)
from endcap.data.synthetic.catalogue import (
    Catalogue,
    aisle_words,
    build_catalogue,
    department_of_aisle,
)
from endcap.data.synthetic.plan import DAY_S, Plan
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s

MOST_PERIODS = 26
MOST_CELLS = 16_000_000  # numbers in all tables together: 128 MB


@dataclass(frozen=True)
class Shop:
    """A plan with everything that shoppers share. A aisles, P periods, n items."""

    plan: Plan
    catalogue: Catalogue
    period_of_day: Int32s  # (days,)
    aisle_season: Float64s  # (P, A) factor
    aisle_draw: Float64s  # (A,) department number + cumulative share within it
    taste_draw: Float64s  # (P * TIERS * n,) group of (period, tier, aisle) + cumulative share
    popular_draw: Float64s  # (P * n,) period + cumulative share
    week_draw: Float64s  # (weeks * days,) kind of week + cumulative share of the days

    @property
    def periods(self) -> int:
        return len(self.aisle_season)

    def available(self, period: int) -> Bools:
        """(n,) which items are sold."""
        return self.catalogue.first_period <= period

    def taste(self, period: int, tier: int) -> Float64s:
        """(n,) probability of each item within its own aisle."""
        aisles, n = len(self.aisle_draw), len(self.catalogue)
        group = period * TIERS + tier
        shares = self.taste_draw[group * n : (group + 1) * n] - (
            group * aisles + self.catalogue.aisle
        )
        result = np.diff(shares, prepend=0.0)
        first = self.catalogue.aisle_starts[:-1]
        result[first] = shares[first]
        return result

    def popular(self, period: int) -> Float64s:
        """(n,) probability of each item in the whole shop."""
        n = len(self.catalogue)
        return np.diff(self.popular_draw[period * n : (period + 1) * n] - period, prepend=0.0)

    def day_shares(self, week: int) -> Float64s:
        """(days + 1,) cumulative share of a shopper's sessions before each day."""
        days = self.plan.days
        return np.concatenate(([0.0], self.week_draw[week * days : (week + 1) * days] - week))

    def draw_taste(self, period: Int32s, tier: Int64s, aisle: Int32s, u: Float64s) -> Int32s:
        """Items (m,), one of each given aisle."""
        group = period.astype(np.int64) * TIERS + tier
        found = np.searchsorted(self.taste_draw, group * len(self.aisle_draw) + aisle + u)
        return (found - group * len(self.catalogue)).astype(np.int32)

    def draw_popular(self, period: Int32s, u: Float64s) -> Int32s:
        """Items (m,) of the whole shop."""
        found = np.searchsorted(self.popular_draw, period + u)
        return (found - period.astype(np.int64) * len(self.catalogue)).astype(np.int32)


def open_shop(plan: Plan) -> Shop:
    """All tables of ``plan``; the same plan gives the same tables."""
    periods = max(1, min(plan.days // 7, MOST_PERIODS, MOST_CELLS // ((TIERS + 1) * plan.items)))
    catalogue = build_catalogue(plan, periods)
    rng = np.random.Generator(np.random.PCG64([plan.seed, 2]))
    days = np.arange(plan.days)
    aisles = len(aisle_words())
    season = _seasons(plan, periods)  # (P, A)
    aisle_share = np.exp(0.5 * rng.standard_normal(aisles))
    weights = catalogue.popularity * _lifts(catalogue, periods, rng)  # (P, n)
    wanted = AFFINITY[:, catalogue.tier]  # (TIERS, n)
    taste = np.concatenate([weights[p] * wanted[t] for p in range(periods) for t in range(TIERS)])
    groups = np.add.outer(np.arange(periods * TIERS) * aisles, catalogue.aisle).ravel()
    popular = (weights * (season * aisle_share)[:, catalogue.aisle]).ravel()
    return Shop(
        plan=plan,
        catalogue=catalogue,
        period_of_day=(days * periods // plan.days).astype(np.int32),
        aisle_season=season,
        aisle_draw=cumulative(aisle_share, department_of_aisle()),
        taste_draw=cumulative(taste, groups),
        popular_draw=cumulative(popular, np.repeat(np.arange(periods), plan.items)),
        week_draw=cumulative(
            _day_weights(plan).ravel(), np.repeat(np.arange(len(WEEKS)), plan.days)
        ),
    )


def cumulative(weights: Float64s, groups: Int64s | Int32s) -> Float64s:
    """Group number + cumulative share within the group; ``groups`` ascend. All (n,).

    A group's last cell is exactly group + 1, so that a draw below it stays in its group.
    """
    edges = np.flatnonzero(np.diff(groups, prepend=-1))
    lengths = np.diff(np.append(edges, len(groups)))
    sums = np.cumsum(weights)
    sums -= np.repeat(sums[edges] - weights[edges], lengths)
    sums /= np.repeat(sums[edges + lengths - 1], lengths)
    return np.add(np.minimum(sums, 1.0), groups.astype(np.float64))


def _seasons(plan: Plan, periods: int) -> Float64s:
    """(P, A) a wave over the year for aisles that have a season, 1 for the others."""
    middle = plan.start_s + (np.arange(periods) + 0.5) / periods * plan.days * DAY_S
    day = np.array([datetime.fromtimestamp(s, UTC).timetuple().tm_yday for s in middle])
    seasons = [a.season for a in aisle_words()]
    best = np.array([BEST_DAY.get(season, 0) for season in seasons])
    height = np.array([SEASON_HEIGHT if season else 0.0 for season in seasons])
    result: Float64s = np.exp(height * np.cos(2 * np.pi * np.subtract.outer(day, best) / 365.25))
    return result


def _lifts(catalogue: Catalogue, periods: int, rng: np.random.Generator) -> Float64s:
    """(P, n) trends, the interest in what is new, and 0 for what is not sold yet."""
    n = len(catalogue)
    height = np.where(rng.random(n) < TRENDING_SHARE, TREND_HEIGHT, 0.0)
    peak, width = rng.random(n) * periods, 0.08 * periods + 0.5
    result = np.empty((periods, n))
    for period in range(periods):
        trend = np.exp(height * np.exp(-(((period + 0.5 - peak) / width) ** 2)))
        new = (catalogue.first_period == period) & (period > 0)
        sold = catalogue.first_period <= period
        result[period] = trend * np.where(new, NEW_LIFT, 1.0) * sold
    return result


def _day_weights(plan: Plan) -> Float64s:
    """(weeks, days) how many sessions fall on each day, for each kind of week."""
    days = np.arange(plan.days)
    monday_first = (plan.start_s // DAY_S + 3 + days) % 7  # 1970-01-01 was a Thursday
    result: Float64s = WEEKS[:, monday_first] * (1.0 + GROWTH_PER_YEAR * days / 365.25)
    return result

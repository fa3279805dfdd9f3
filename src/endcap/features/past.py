"""Counts of each product over the events before a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float64s, Int64s
from endcap.domain.errors import InvalidInput
from endcap.domain.times import DAY_US
from endcap.domain.values import ADD_TO_CART, EVENT_TYPES, PURCHASE, VIEW
from endcap.features.definitions import (
    FAST_HALF_LIFE_DAYS,
    SLOW_HALF_LIFE_DAYS,
    TYPE_WEIGHTS,
)

VIEW_CODE, CART_CODE, PURCHASE_CODE = map(EVENT_TYPES.index, (VIEW, ADD_TO_CART, PURCHASE))
PRIOR = 20.0  # a rate is drawn to the shop's as if by so many events more


def require_times(data: Interactions) -> None:
    """InvalidInput (features_need_times) for events whose times are only positions."""
    if not data.timed:
        raise InvalidInput("features_need_times", field="ts")


class Past:
    """The events of a shop in the order of time, with what each was at its time."""

    def __init__(self, data: Interactions) -> None:
        require_times(data)
        order = np.argsort(data.ts, kind="stable")
        self.items = data.n_items
        self.item, self.type, self.ts = data.item[order], data.type[order], data.ts[order]
        self.first_of_shopper = ~_repeats(data, np.ones(len(data), np.bool_))[order]
        self.bought_again = _repeats(data, data.type == PURCHASE_CODE)[order]

    def counts(self, as_of: int) -> ProductCounts:
        """Over the events before ``as_of`` (µs)."""
        stop = int(np.searchsorted(self.ts, as_of, side="left"))
        item, kind, ts = self.item[:stop], self.type[:stop], self.ts[:stop]
        weights = _weights(kind.astype(np.int64))
        age_days = (as_of - ts) / DAY_US
        first = np.full(self.items, -1, np.int64)
        last = np.full(self.items, -1, np.int64)
        last[item] = ts  # rising: the newest stays
        first[item[::-1]] = ts[::-1]
        return ProductCounts(
            views=self._count(item[kind == VIEW_CODE]),
            carts=self._count(item[kind == CART_CODE]),
            purchases=self._count(item[kind == PURCHASE_CODE]),
            repeats=self._count(item[self.bought_again[:stop]]),
            shoppers=self._count(item[self.first_of_shopper[:stop]]),
            fast=self._count(item, weights * np.exp2(-age_days / FAST_HALF_LIFE_DAYS)),
            slow=self._count(item, weights * np.exp2(-age_days / SLOW_HALF_LIFE_DAYS)),
            first=first,
            last=last,
        )

    def _count(self, item: np.ndarray, weights: Float64s | None = None) -> Float64s:
        return np.bincount(item, weights, self.items).astype(np.float64)


class ProductCounts(NamedTuple):
    """By item row, all (items,)."""

    views: Float64s
    carts: Float64s
    purchases: Float64s
    repeats: Float64s  # purchases by shoppers who had bought it before
    shoppers: Float64s
    fast: Float64s  # decayed, weighted events
    slow: Float64s
    first: Int64s  # µs; -1: no event
    last: Int64s

    def columns(self, as_of: int, created: Float64s) -> list[Float64s]:
        """Product features up to the price, each (items,)."""
        since = np.where(np.isnan(created), self.first, created)
        fast, slow = self.fast / FAST_HALF_LIFE_DAYS, self.slow / SLOW_HALF_LIFE_DAYS
        return [
            np.log1p(self.fast),
            np.log1p(self.slow),
            np.log((fast + 0.01) / (slow + 0.01)),
            np.log1p(self.purchases),
            np.log1p(self.shoppers),
            _rate(self.repeats, self.purchases),
            _rate(self.carts, self.views),
            _rate(self.purchases, self.carts),
            _rate(self.purchases, self.views),
            (as_of - self.last) / DAY_US,
            np.maximum(as_of - since, 0) / DAY_US,
        ]


def _rate(part: Float64s, whole: Float64s) -> Float64s:
    """part / whole, drawn to the shop's ratio; NaN where the shop has none."""
    total = whole.sum()
    if not total:
        return np.full(len(whole), np.nan)
    smoothed: Float64s = (part + PRIOR * part.sum() / total) / (whole + PRIOR)
    return smoothed


def _weights(kind: Int64s) -> Float64s:
    weights = np.ones(256)
    weights[: len(TYPE_WEIGHTS)] = TYPE_WEIGHTS
    return weights[kind]


def _repeats(data: Interactions, among: Bools) -> Bools:
    """(n,) events among those marked that have an earlier one of the same user and item."""
    marked = np.flatnonzero(among)
    pair = data.user[marked].astype(np.int64) * data.n_items + data.item[marked]
    by_pair = np.argsort(pair, kind="stable")  # earlier first: events are in order of time
    again = pair[by_pair][1:] == pair[by_pair][:-1]
    found = np.zeros(len(data), np.bool_)
    found[marked[by_pair[1:]][again]] = True
    return found

"""The shoppers: tastes, favourites, budgets and rhythms, each drawn from the shopper's own key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from endcap.data.synthetic.behaviour import (
    ACTIVITY_SPREAD,
    CURIOSITY,
    FAVOURITES,
    HOURS,
    JOINING_SHARE,
    JOINING_SPAN,
    LOYALTY,
    MOST_ACTIVITY_Z,
    SLOTS,
    STAPLE_SLOTS,
    TIER_EDGES,
    WEEKS,
)
from endcap.data.synthetic.demand import Shop
from endcap.data.synthetic.draws import Purpose, children, root, uniforms
from endcap.data.synthetic.plan import DAY_S
from endcap.data.synthetic.words import departments
from endcap.domain.arrays import Float64s, Int32s, Int64s, UInt64s

CITIES = (
    ("Berlin", "DE"), ("Hamburg", "DE"), ("München", "DE"), ("Köln", "DE"), ("London", "GB"),
    ("Manchester", "GB"), ("Bristol", "GB"), ("Paris", "FR"), ("Lyon", "FR"), ("Lille", "FR"),
    ("Madrid", "ES"), ("Valencia", "ES"), ("Sevilla", "ES"), ("Milano", "IT"), ("Torino", "IT"),
    ("Amsterdam", "NL"), ("Utrecht", "NL"), ("Wien", "AT"), ("Graz", "AT"), ("Zürich", "CH"),
)  # fmt: skip
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
AGE_SHARES = (0.12, 0.24, 0.22, 0.18, 0.14, 0.10)
DEVICES = ("mobile", "desktop", "tablet")
DEVICE_SHARES = (0.62, 0.3, 0.08)


@dataclass(frozen=True)
class Shoppers:
    """m shoppers; all arrays (m,) unless said otherwise."""

    rows: Int64s  # their numbers in the shop
    keys: UInt64s
    activity: Float64s  # 1 on average
    tier: Int64s  # budget: 0 cheap, 1 middle, 2 dear
    loyalty: Float64s  # share of first picks that are favourites
    curiosity: Float64s  # share of first picks that are what everybody wants
    aisles: Int32s  # (m, SLOTS)
    aisle_weights: Float64s  # (m, SLOTS), sum 1
    favourites: Int32s  # (m, FAVOURITES) items, the dearest first; may repeat
    week: Int64s  # kind of week
    joined_day: Int64s  # 0: before the period; no session lies before it
    hours: Int64s  # kind of day

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Int64s) -> Shoppers:
        """Some of them, by position (r,)."""
        return Shoppers(**{name: values[rows] for name, values in vars(self).items()})


def make_shoppers(shop: Shop, rows: Int64s) -> Shoppers:
    """The shoppers with these numbers (m,); nothing depends on which others are made."""
    keys = children(root(shop.plan.seed, 0), Purpose.SHOPPER, rows)
    slots = np.arange(SLOTS, dtype=np.int64)
    tier = np.searchsorted(TIER_EDGES, uniforms(keys, Purpose.TIER)).astype(np.int64)
    aisles = _liked_aisles(shop, keys)
    weights = -np.log(uniforms(keys[:, None], Purpose.SLOT_WEIGHT, slots)) + 0.2
    weights[:, :STAPLE_SLOTS] *= 1.5
    z = np.clip(ndtri(uniforms(keys, Purpose.ACTIVITY)), -MOST_ACTIVITY_Z, MOST_ACTIVITY_Z)
    joining = uniforms(keys, Purpose.JOINED) / JOINING_SHARE  # above 1: was always there
    joined = np.where(joining < 1, 1 + joining * JOINING_SPAN * (shop.plan.days - 1), 0)
    return Shoppers(
        rows=rows,
        keys=keys,
        activity=np.exp(ACTIVITY_SPREAD * z - ACTIVITY_SPREAD**2 / 2),
        tier=tier,
        loyalty=LOYALTY[0] + LOYALTY[1] * uniforms(keys, Purpose.LOYALTY),
        curiosity=CURIOSITY[0] + CURIOSITY[1] * uniforms(keys, Purpose.CURIOSITY),
        aisles=aisles,
        aisle_weights=weights / weights.sum(axis=1, keepdims=True),
        favourites=_favourites(shop, keys, aisles, tier),
        week=_below(uniforms(keys, Purpose.WEEK), len(WEEKS)),
        joined_day=joined.astype(np.int64),
        hours=_below(uniforms(keys, Purpose.HOURS), len(HOURS)),
    )


def _liked_aisles(shop: Shop, keys: UInt64s) -> Int32s:
    """(m, SLOTS): two aisles of each of three departments, the first two consumable."""
    slots = np.arange(SLOTS, dtype=np.int64)
    consumable = [number for number, d in enumerate(departments()) if d.consumable]
    drawn = uniforms(keys[:, None], Purpose.DEPARTMENT, slots[::2] // 2)  # (m, 3)
    staple = np.array(consumable)[_below(drawn[:, :2], len(consumable))]
    other = _below(drawn[:, 2:], len(departments()))
    department = np.repeat(np.concatenate([staple, other], axis=1), 2, axis=1)  # (m, SLOTS)
    u = uniforms(keys[:, None], Purpose.AISLE, slots)
    return np.searchsorted(shop.aisle_draw, department + u).astype(np.int32)


def _favourites(shop: Shop, keys: UInt64s, aisles: Int32s, tier: Int64s) -> Int32s:
    """(m, FAVOURITES) drawn from the staple aisles as they were at the beginning."""
    which = np.arange(FAVOURITES, dtype=np.int64)
    slot = _below(uniforms(keys[:, None], Purpose.FAVOURITE_SLOT, which), STAPLE_SLOTS)
    aisle = np.take_along_axis(aisles, slot, axis=1).ravel()
    u = uniforms(keys[:, None], Purpose.FAVOURITE_ITEM, which).ravel()
    first = np.zeros(len(aisle), np.int32)
    items = shop.draw_taste(first, np.repeat(tier, FAVOURITES), aisle, u)
    return items.reshape(len(keys), FAVOURITES)


def attributes(shop: Shop, shoppers: Shoppers) -> dict[str, list[str] | Int64s]:
    """The columns of the users file beside the id, (m,) each; CREATED in µs UTC."""
    keys = shoppers.keys
    city = _below(uniforms(keys, Purpose.CITY) ** 1.5, len(CITIES))
    age = np.searchsorted(np.cumsum(AGE_SHARES)[:-1], uniforms(keys, Purpose.AGE))
    device = np.searchsorted(np.cumsum(DEVICE_SHARES)[:-1], uniforms(keys, Purpose.DEVICE))
    before = 700 * DAY_S * uniforms(keys, Purpose.JOINED, 1)
    joined = shop.plan.start_s + shoppers.joined_day * DAY_S
    created_s = np.where(shoppers.joined_day > 0, joined, joined - before)
    return {
        "CITY": [CITIES[c][0] for c in city],
        "COUNTRY": [CITIES[c][1] for c in city],
        "AGE_BAND": [AGE_BANDS[a] for a in age],
        "DEVICE": [DEVICES[d] for d in device],
        "BUDGET": [("low", "middle", "high")[t] for t in shoppers.tier],
        "CREATED": created_s.astype(np.int64) * 1_000_000,
    }


def _below(u: Float64s, count: int) -> Int64s:
    """Whole numbers from 0 to ``count`` - 1, equally likely."""
    return (u * count).astype(np.int64)

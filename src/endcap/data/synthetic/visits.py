"""The step function: which items shoppers look at, session by session.

A shopper's sessions are a Poisson process. A session is a number of *chains*; a chain begins with
a *pick* from the shopper's distribution of the day and goes on, up to three times, to one of the
next three items of the last item's ring. See ``docs/synthetic.md`` for the formulas; ``truth.py``
computes with the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.data.synthetic.behaviour import (
    CHAINS,
    CONTINUE,
    FAVOURITE,
    FAVOURITE_SHARES,
    JOINING_SHARE,
    JOINING_SPAN,
    NEXT,
    OFFSETS,
    POPULAR,
    STEPS,
    TASTE,
    WEEKS,
    events_per_session,
)
from endcap.data.synthetic.demand import Shop
from endcap.data.synthetic.draws import Purpose, children, poisson, root, uniforms
from endcap.data.synthetic.shoppers import Shoppers
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s, UInt8s, UInt64s

FAVOURITE_DRAW = np.cumsum(FAVOURITE_SHARES)[:-1]


@dataclass(frozen=True)
class Sessions:
    """s sessions, in the order of shopper, then time; all arrays (s,)."""

    shopper: Int64s  # position in the given shoppers
    key: UInt64s
    day: Int64s
    number: Int64s  # of the shopper, from 0


@dataclass(frozen=True)
class Visits:
    """v looked-at items in the order of their sessions; all arrays (v,)."""

    session: Int64s  # position in the sessions
    key: UInt64s
    item: Int32s
    source: UInt8s  # FAVOURITE, TASTE, POPULAR or NEXT


def session_rate(shop: Shop, shoppers: Shoppers) -> Float64s:
    """(m,) expected sessions in the whole period of one who was there from the start.

    Scaled so that the events of all shoppers are expected to number ``plan.events``.
    """
    events = shop.plan.users * events_per_session() * present_share(shop)
    return shoppers.activity * shop.plan.events / events


def present_share(shop: Shop) -> float:
    """The share of a period for which the average shopper is there."""
    joined = (1 + (np.arange(512) + 0.5) / 512 * JOINING_SPAN * (shop.plan.days - 1)).astype(int)
    before = np.mean([shop.day_shares(week)[joined].mean() for week in range(len(WEEKS))])
    return float(1.0 - JOINING_SHARE * before)


def day_window(
    shop: Shop, shoppers: Shoppers, first_day: int, last_day: int
) -> tuple[Float64s, Float64s]:
    """(m,) and (m,): the shares of the period's sessions before the first day on which a session
    may lie, and before ``last_day``. The second is never below the first."""
    shares = np.stack([shop.day_shares(week) for week in range(len(WEEKS))])  # (weeks, days + 1)
    begin = shares[shoppers.week, np.maximum(first_day, shoppers.joined_day)]
    return begin, np.maximum(begin, shares[shoppers.week, last_day])


def sample_sessions(
    shop: Shop, shoppers: Shoppers, first_day: int, last_day: int, world: int = 0
) -> Sessions:
    """The sessions on days ``first_day`` ≤ day < ``last_day`` in one world.

    Worlds are independent given the shoppers. World 0 with all days is the data.
    """
    keys = children(root(shop.plan.seed, world), Purpose.SESSION, shoppers.rows)
    begin, end = day_window(shop, shoppers, first_day, last_day)
    counts = poisson(uniforms(keys, Purpose.SESSIONS), session_rate(shop, shoppers) * (end - begin))
    shopper, number = _expand(counts)
    key = children(keys[shopper], Purpose.SESSION, number)
    u = uniforms(key, Purpose.DAY)
    share = begin[shopper] + (end - begin)[shopper] * u
    days = np.searchsorted(shop.week_draw, shoppers.week[shopper] + share)
    day = np.clip(days - shoppers.week[shopper] * shop.plan.days, first_day, last_day - 1)
    order = np.lexsort((day, shopper))
    return Sessions(shopper, key[order], day[order], number)


def sample_visits(shop: Shop, shoppers: Shoppers, sessions: Sessions) -> Visits:
    """The items of each session, in the order in which they are looked at."""
    u = uniforms(sessions.key, Purpose.CHAINS)
    session, number = _expand(1 + np.searchsorted(np.cumsum(CHAINS)[:-1], u).astype(np.int64))
    key = children(sessions.key[session], Purpose.CHAIN, number)
    period = shop.period_of_day[sessions.day[session]]
    item, source = _picks(shop, shoppers, sessions.shopper[session], period, key)
    place = np.arange(len(session), dtype=np.int64) * (STEPS + 1)  # order among all visits
    pieces = [(place, session, key, item, source)]
    for step in range(1, STEPS + 1):
        item, going = _next(shop, period, key, item, step)
        place, session, key, period = place[going], session[going], key[going], period[going]
        step_key = children(key, Purpose.STEP, step)
        pieces.append((place + step, session, step_key, item, np.full(len(item), NEXT, np.uint8)))
    joined = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return Visits(*(column[order] for column in joined[1:]))


def _picks(
    shop: Shop, shoppers: Shoppers, shopper: Int64s, period: Int32s, key: UInt64s
) -> tuple[Int32s, UInt8s]:
    """The first items of chains (c,): a favourite, something to the taste, or what is popular."""
    u = uniforms(key, Purpose.SOURCE)
    loyalty, curiosity = shoppers.loyalty[shopper], shoppers.curiosity[shopper]
    source = np.where(u < loyalty, FAVOURITE, np.where(u < 1 - curiosity, TASTE, POPULAR))
    pick, pick_item = uniforms(key, Purpose.PICK), uniforms(key, Purpose.PICK_ITEM)
    item = shoppers.favourites[shopper, np.searchsorted(FAVOURITE_DRAW, pick)]
    tasting = np.flatnonzero(source == TASTE)
    who, when = shopper[tasting], period[tasting]
    sums = np.cumsum(slot_weights(shop, shoppers, who, when), axis=1)  # (t, SLOTS)
    slot = (sums[:, :-1] < pick[tasting, None] * sums[:, -1:]).sum(axis=1)
    aisle = shoppers.aisles[who, slot]
    item[tasting] = shop.draw_taste(when, shoppers.tier[who], aisle, pick_item[tasting])
    popular = np.flatnonzero(source == POPULAR)
    item[popular] = shop.draw_popular(period[popular], pick_item[popular])
    return item, source.astype(np.uint8)


def slot_weights(shop: Shop, shoppers: Shoppers, shopper: Int64s, period: Int32s) -> Float64s:
    """(t, SLOTS) weights of the aisles that each likes, by the season; they do not sum to 1."""
    season = shop.aisle_season[period[:, None], shoppers.aisles[shopper]]
    result: Float64s = shoppers.aisle_weights[shopper] * season
    return result


def _next(
    shop: Shop, period: Int32s, key: UInt64s, item: Int32s, step: int
) -> tuple[Int32s, Bools]:
    """The next items of the chains that go on (g,), and which those are (c,).

    A chain also ends where it would come to an item that is not sold yet.
    """
    offset = 1 + np.searchsorted(np.cumsum(OFFSETS)[:-1], uniforms(key, Purpose.OFFSET, step))
    after = shop.catalogue.after(item, offset.astype(np.int64))
    sold = shop.catalogue.first_period[after] <= period
    going = sold & (uniforms(key, Purpose.CONTINUE, step) < CONTINUE)
    return after[going], going


def _expand(counts: Int64s) -> tuple[Int64s, Int64s]:
    """Owner and ordinal of each of ``counts`` (m,) things: (sum,) and (sum,)."""
    owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner), dtype=np.int64) - first[owner]

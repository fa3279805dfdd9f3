"""From looked-at items to events: view, add_to_cart, purchase, with times and amounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap.data.synthetic.behaviour import (
    ADD,
    BUY,
    CHECKOUT_S,
    FIRST_HOUR,
    HOURS,
    LEAST_GAP_S,
    MANY_SHARE,
    MEAN_GAP_S,
    MOST_GAP_S,
)
from endcap.data.synthetic.catalogue import Catalogue
from endcap.data.synthetic.demand import Shop
from endcap.data.synthetic.draws import Purpose, uniforms
from endcap.data.synthetic.plan import DAY_S
from endcap.data.synthetic.shoppers import Shoppers
from endcap.data.synthetic.visits import Sessions, Visits, sample_sessions, sample_visits
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s, UInt8s


@dataclass(frozen=True)
class Events:
    """e events in the order of shopper, then time; all arrays (e,)."""

    shopper: Int64s  # number in the shop
    item: Int32s
    type: UInt8s  # 0 view, 1 add_to_cart, 2 purchase
    ts_s: Int64s
    value: Float64s  # amount paid; NaN unless bought
    session: Int64s  # number of the shopper's session


def sample_events(shop: Shop, shoppers: Shoppers) -> Events:
    """All events of these shoppers in the whole period."""
    sessions = sample_sessions(shop, shoppers, 0, shop.plan.days)
    visits = sample_visits(shop, shoppers, sessions)
    shopper = sessions.shopper[visits.session]
    added = uniforms(visits.key, Purpose.ADD) < ADD[visits.source]
    wanted = added & (uniforms(visits.key, Purpose.BUY) < BUY[visits.source])
    bought = _bought(shop.catalogue, visits, shopper, wanted)
    begin = _session_starts(shop, shoppers, sessions)
    view_s = _view_times(begin, visits)
    add_s = view_s + 3 + (uniforms(visits.key, Purpose.ADD_DELAY) * 6).astype(np.int64)
    cart, till = np.flatnonzero(added), np.flatnonzero(bought)
    till_s = _checkout_times(visits, view_s, till)
    which = np.concatenate([np.arange(len(shopper)), cart, till])
    kind = np.repeat(np.arange(3, dtype=np.uint8), [len(shopper), len(cart), len(till)])
    ts = np.concatenate([view_s, add_s[cart], till_s])
    value = np.concatenate(
        [np.full(len(shopper) + len(cart), np.nan), _amounts(shop.catalogue, visits, till)]
    )
    order = np.lexsort((kind, ts, shopper[which]))
    which = which[order]
    return Events(
        shopper=shoppers.rows[shopper[which]],
        item=visits.item[which],
        type=kind[order],
        ts_s=ts[order],
        value=value[order],
        session=sessions.number[visits.session[which]],
    )


def _bought(catalogue: Catalogue, visits: Visits, shopper: Int64s, wanted: Bools) -> Bools:
    """(v,) what is bought: each item once in a session, what lasts once by one shopper."""
    rows = np.flatnonzero(wanted)
    item = visits.item[rows].astype(np.int64)
    lasting = ~catalogue.consumable[item]
    owner = np.where(lasting, -1 - shopper[rows], visits.session[rows])
    order = np.lexsort((rows, item, owner))
    first = np.ones(len(rows), np.bool_)
    same = (np.diff(owner[order]) == 0) & (np.diff(item[order]) == 0)
    first[order[1:][same]] = False
    result = np.zeros(len(wanted), np.bool_)
    result[rows[first]] = True
    return result


def _session_starts(shop: Shop, shoppers: Shoppers, sessions: Sessions) -> Int64s:
    """(s,) epoch seconds."""
    sums = np.cumsum(HOURS, axis=1)
    sums /= sums[:, -1:]
    kind = shoppers.hours[sessions.shopper]
    u = uniforms(sessions.key, Purpose.HOUR)
    keys = (sums + np.arange(len(HOURS))[:, None]).ravel()
    hour = np.searchsorted(keys, kind + u) - kind * HOURS.shape[1] + FIRST_HOUR
    second = (uniforms(sessions.key, Purpose.SECOND) * 3600).astype(np.int64)
    result: Int64s = shop.plan.start_s + sessions.day * DAY_S + hour * 3600 + second
    return result


def _view_times(begin: Int64s, visits: Visits) -> Int64s:
    """(v,) epoch seconds: the session's start and the gaps up to each view."""
    drawn = -np.log(uniforms(visits.key, Purpose.GAP)) * MEAN_GAP_S
    gap = np.minimum(LEAST_GAP_S + drawn, MOST_GAP_S).astype(np.int64)
    total = np.cumsum(gap)
    first = np.flatnonzero(np.diff(visits.session, prepend=-1))
    base = np.repeat(total[first], np.diff(np.append(first, len(gap))))
    result: Int64s = begin[visits.session] + total - base
    return result


def _checkout_times(visits: Visits, view_s: Int64s, till: Int64s) -> Int64s:
    """(b,) after the last view of the session, one second for each thing bought."""
    if not len(till):
        return np.zeros(0, np.int64)
    last = np.flatnonzero(np.diff(visits.session, append=visits.session[-1] + 1))
    last_s = np.zeros(int(visits.session[-1]) + 1, np.int64)
    last_s[visits.session[last]] = view_s[last]
    session = visits.session[till]
    first = np.flatnonzero(np.diff(session, prepend=-1))
    ordinal = np.arange(len(till)) - np.repeat(first, np.diff(np.append(first, len(till))))
    result: Int64s = last_s[session] + CHECKOUT_S + ordinal
    return result


def _amounts(catalogue: Catalogue, visits: Visits, till: Int64s) -> Float64s:
    """(b,) price times quantity."""
    u = uniforms(visits.key[till], Purpose.QUANTITY)
    item = visits.item[till]
    many = (u < MANY_SHARE) & catalogue.consumable[item]
    quantity = np.where(many, np.where(u < MANY_SHARE / 3, 3, 2), 1)
    return np.round(catalogue.price[item] * quantity, 2)

"""The best recall that any recommender could reach on the last days of a synthetic shop.

The probability that a shopper looks at an item after the split is exact (``inclusion``). The best
list ranks items by it. The expected recall of those lists is a mean over simulated futures, with
its standard error. ``docs/synthetic.md`` has the formulas.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from endcap.data.synthetic.behaviour import (
    CHAINS,
    CONTINUE,
    FAVOURITE_SHARES,
    OFFSETS,
    STEPS,
    TIERS,
)
from endcap.data.synthetic.demand import Shop
from endcap.data.synthetic.shoppers import Shoppers, make_shoppers
from endcap.data.synthetic.visits import (
    day_window,
    sample_sessions,
    sample_visits,
    session_rate,
    slot_weights,
)
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s
from endcap.domain.times import iso

CUTS = (5, 10, 20)
MOST_SHOPPERS, MOST_FUTURES, LEAST_FUTURES = 2_000, 50, 10
MOST_CELLS = 40_000_000  # shoppers × items whose probabilities are computed
CELLS_AT_ONCE = 500_000
MOST_VISITS = 4_000_000  # in all futures together

PROTOCOL = (
    "Split at split_at. A shopper is asked about if at least one event is later. Relevant: the "
    "distinct items of the shopper's later events of any type. All items of the shop are ranked, "
    "also those already seen. recall@k = relevant items among the first k / all relevant items, "
    "mean over the shoppers asked about. The best list knows the shopper's true parameters and "
    "the shop's true tables; given these the past adds nothing."
)


class Figure(Struct, frozen=True):
    """``value`` is expected over futures; ``realised`` is that of the one written future."""

    value: float
    standard_error: float
    realised: float | None  # None: no shopper has a later event


class Truth(Struct, frozen=True):
    """What ``truth.json`` holds."""

    split_at: str
    split_s: int
    protocol: str
    shoppers: int  # for how many the lists were computed, evenly spaced
    futures: int
    best: dict[str, Figure]
    popularity: dict[str, Figure]  # one list for all: most events before the split


def state_truth(shop: Shop, earlier: Int64s, progress: Callable[[float], None]) -> Truth:
    """``earlier``: (items,) events of each item before the split, of all shoppers."""
    plan = shop.plan
    progress(0.0)
    shoppers, futures = _sample(shop)
    top = min(max(CUTS), plan.items)
    best = best_lists(shop, shoppers, top)
    popular = np.argsort(-earlier, kind="stable")[:top].astype(np.int32)
    sums = np.zeros((2, len(shoppers), futures, len(CUTS)))
    asked = np.zeros((len(shoppers), futures), np.bool_)
    lists = (best, np.broadcast_to(popular, best.shape))
    for future in range(futures):
        for number, ranked in enumerate(lists):
            recall, asked[:, future] = recalls(shop, shoppers, ranked, future + 1)
            sums[number, :, future] = recall
        progress((future + 1) / futures)
    whole = len(shoppers) == plan.users
    figures = []
    for number, ranked in enumerate(lists):
        realised, present = recalls(shop, shoppers, ranked, 0)
        figures.append(
            {
                f"recall@{k}": Figure(
                    *_ratio(sums[number, :, :, cut], asked, whole),
                    float(realised[present, cut].mean()) if present.any() else None,
                )
                for cut, k in enumerate(CUTS)
            }
        )
    return Truth(
        iso(plan.split_s * 1_000_000),
        plan.split_s,
        PROTOCOL,
        len(shoppers),
        futures,
        figures[0],
        figures[1],
    )


def inclusion(shop: Shop, shoppers: Shoppers) -> Float64s:
    """(m, items) the probability that each item is looked at after the split. Exact."""
    plan = shop.plan
    expected = np.zeros((len(shoppers), plan.items))  # of sessions that hold the item
    rate = session_rate(shop, shoppers)
    periods = shop.period_of_day[plan.split_day :]
    for period in np.unique(periods):
        days = plan.split_day + np.flatnonzero(periods == period)
        begin, end = day_window(shop, shoppers, int(days[0]), int(days[-1]) + 1)
        missed = 1.0 - chain_visits(shop, shoppers, int(period))
        none = np.zeros_like(missed)  # that no chain of a session comes to the item
        for share in CHAINS[::-1]:
            none += share
            none *= missed
        expected += (rate * (end - begin))[:, None] * (1.0 - none)
    result: Float64s = -np.expm1(-expected)
    return result


def chain_visits(shop: Shop, shoppers: Shoppers, period: int) -> Float64s:
    """(m, items) the probability that one chain comes to each item.

    A chain never comes to an item twice, so the probabilities of its steps add up.
    """
    reached = pick_shares(shop, shoppers, period)
    total = reached.copy()
    items = np.arange(shop.plan.items, dtype=np.int32)
    before = [
        shop.catalogue.after(items, np.asarray(-offset, np.int64))
        for offset in range(1, len(OFFSETS) + 1)
    ]
    sold = CONTINUE * shop.available(period)  # (items,)
    for _ in range(STEPS):
        after = np.zeros_like(reached)
        for share, rows in zip(OFFSETS, before, strict=True):
            after += share * reached[:, rows]
        reached = after * sold
        total += reached
    return total


def pick_shares(shop: Shop, shoppers: Shoppers, period: int) -> Float64s:
    """(m, items) the distribution of the first item of a chain; each row sums to 1."""
    m = len(shoppers)
    result = np.outer(shoppers.curiosity, shop.popular(period))
    everyone = np.arange(m)
    weights = slot_weights(shop, shoppers, everyone, np.full(m, period, np.int32))
    weights /= weights.sum(axis=1, keepdims=True)
    weights *= (1.0 - shoppers.loyalty - shoppers.curiosity)[:, None]
    tastes = [shop.taste(period, tier) for tier in range(TIERS)]
    starts = shop.catalogue.aisle_starts
    for shopper in everyone:
        taste = tastes[shoppers.tier[shopper]]
        for aisle, weight in zip(shoppers.aisles[shopper], weights[shopper], strict=True):
            span = slice(starts[aisle], starts[aisle + 1])
            result[shopper, span] += weight * taste[span]
    loyal = shoppers.loyalty[:, None] * FAVOURITE_SHARES
    np.add.at(result, (everyone[:, None], shoppers.favourites), loyal)
    return result


def best_lists(shop: Shop, shoppers: Shoppers, top: int) -> Int32s:
    """(m, top) the items that each most likely looks at after the split, best first."""
    step = max(1, CELLS_AT_ONCE // shop.plan.items)
    parts = []
    for begin in range(0, len(shoppers), step):
        rows = np.arange(begin, min(begin + step, len(shoppers)))
        parts.append(_first(inclusion(shop, shoppers.take(rows)), top))
    return np.concatenate(parts).astype(np.int32)


def _first(values: Float64s, top: int) -> Int64s:
    """(m, top) columns of the largest of (m, n), largest first."""
    chosen = np.argpartition(values, values.shape[1] - top, axis=1)[:, -top:]
    order = np.argsort(-np.take_along_axis(values, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def recalls(shop: Shop, shoppers: Shoppers, ranked: Int32s, world: int) -> tuple[Float64s, Bools]:
    """(m, len(CUTS)) recall of the lists (m, top) in one future, 0 where there is none, and
    (m,) who has later events. World 0 is the written data."""
    shopper, item = later_items(shop, shoppers, world)
    m, n = len(shoppers), shop.plan.items
    listed = np.arange(m)[:, None] * n + ranked  # (m, top)
    order = np.argsort(listed, axis=None)
    keys, wanted = listed.ravel()[order], shopper * n + item
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    rank = np.where(keys[found] == wanted, order[found] % ranked.shape[1], n)
    sizes = np.bincount(shopper, minlength=m)
    hits = np.stack([np.bincount(shopper, rank < k, minlength=m) for k in CUTS], axis=1)
    return hits / np.maximum(sizes, 1)[:, None], sizes > 0


def later_items(shop: Shop, shoppers: Shoppers, world: int) -> tuple[Int64s, Int32s]:
    """Distinct (shopper's position, item) after the split in one world, sorted."""
    plan = shop.plan
    first = plan.split_day if world else 0
    sessions = sample_sessions(shop, shoppers, first, plan.days, world)
    visits = sample_visits(shop, shoppers, sessions)
    later = sessions.day[visits.session] >= plan.split_day
    shopper = sessions.shopper[visits.session[later]]
    pairs = np.unique(shopper * plan.items + visits.item[later])
    return pairs // plan.items, (pairs % plan.items).astype(np.int32)


def _sample(shop: Shop) -> tuple[Shoppers, int]:
    """Evenly spaced shoppers and the number of futures, within the limits above."""
    plan = shop.plan
    later = plan.events / plan.users * (plan.days - plan.split_day) / plan.days
    most = min(MOST_CELLS // plan.items, int(MOST_VISITS / LEAST_FUTURES / max(later, 0.1)))
    count = max(1, min(plan.users, MOST_SHOPPERS, most))
    rows = np.arange(count, dtype=np.int64) * plan.users // count
    futures = int(MOST_VISITS / (count * max(later, 0.1)))
    return make_shoppers(shop, rows), max(LEAST_FUTURES, min(MOST_FUTURES, futures))


def _ratio(recall: Float64s, asked: Bools, whole: bool) -> tuple[float, float]:
    """Mean recall over shoppers and futures (both (m, futures)), and its standard error.

    With all shoppers of the shop only the futures are drawn at random; else the shoppers are
    too, and the futures within each are one cluster.
    """
    total = int(asked.sum())
    if total == 0:
        return 0.0, 0.0
    value = float(recall.sum() / total)
    axis = 0 if whole else 1
    rest = recall.sum(axis=axis) - value * asked.sum(axis=axis)
    clusters = len(rest)
    spread = np.sqrt((rest**2).sum() * clusters / max(clusters - 1, 1))
    return value, float(spread / total)

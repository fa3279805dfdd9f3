"""The products: what they are called, what they cost, which go together, when they came."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

import numpy as np

from endcap.data.synthetic.behaviour import NEW_SHARE, OUT_OF_STOCK_SHARE, RING, TIERS
from endcap.data.synthetic.plan import DAY_S, Plan
from endcap.data.synthetic.words import AisleWords, aisles, departments
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s, UInt8s

MOST_WORDS = 16  # in any list of ``words.toml``


class Names(NamedTuple):
    """What items are called: positions in the aisle's word lists, all (n,)."""

    kind: Int32s
    quality: Int32s
    size: Int32s
    brand: Int32s
    pack: Int32s  # 1, or how many are sold together


@dataclass(frozen=True)
class Catalogue:
    """n items in the order of their aisles; all arrays (n,) unless said otherwise."""

    aisle: Int32s
    aisle_starts: Int64s  # (aisles + 1,)
    names: Names
    price: Float64s
    tier: UInt8s  # 0 cheap, 1 middle, 2 dear, within its aisle
    consumable: Bools
    popularity: Float64s  # weight within its aisle
    first_period: Int32s  # the period from which it is sold
    created_s: Int64s
    stock: Int32s
    ring: Int32s  # (n,) items in ring order
    place: Int32s  # where an item stands in ``ring``
    ring_start: Int32s  # where its ring begins in ``ring``
    ring_size: Int32s

    def __len__(self) -> int:
        return len(self.aisle)

    def after(self, items: Int32s, offset: Int64s) -> Int32s:
        """The items ``offset`` places further in their rings."""
        start = self.ring_start[items]
        moved = (self.place[items] - start + offset) % self.ring_size[items]
        return self.ring[start + moved]


def build_catalogue(plan: Plan, periods: int) -> Catalogue:
    """The catalogue of ``plan``; ``periods`` divide its days evenly."""
    rng = np.random.Generator(np.random.PCG64([plan.seed, 1]))
    n, count = plan.items, len(aisles())
    starts = np.arange(count + 1, dtype=np.int64) * n // count
    aisle = np.repeat(np.arange(count, dtype=np.int32), np.diff(starts))
    ordinal = np.arange(n, dtype=np.int64) - starts[aisle]
    names = _names(aisle, ordinal, rng)
    price = _prices(aisle, names, rng)
    first = _first_periods(ordinal, periods, rng)
    ring, place, ring_start, ring_size = _rings(aisle, rng)
    consumable = np.array([d.consumable for d, _ in aisles()])[aisle]
    period_s = plan.days * DAY_S / periods
    age_s = rng.random(n) * np.where(first > 0, 0.9 * period_s, 730.0 * DAY_S)
    stock = rng.integers(1, np.where(consumable, 500, 60), n)
    return Catalogue(
        aisle=aisle,
        aisle_starts=starts,
        names=names,
        price=price,
        tier=_tiers(aisle, price),
        consumable=consumable,
        popularity=_popularity(aisle, starts, rng),
        first_period=first,
        created_s=(plan.start_s + first * period_s - age_s).astype(np.int64),
        stock=np.where(rng.random(n) < OUT_OF_STOCK_SHARE, 0, stock).astype(np.int32),
        ring=ring,
        place=place,
        ring_start=ring_start,
        ring_size=ring_size,
    )


def _names(aisle: Int32s, ordinal: Int64s, rng: np.random.Generator) -> Names:
    """A different combination of words for every item of an aisle, in a scrambled order.

    The ordinal times a number prime to the count of combinations walks through all of them;
    after the last one they come again as multi-packs.
    """
    shapes = np.array(
        [
            [len(words.split("|")) for words in (a.kinds, a.qualities, a.sizes)] + [len(d.brands)]
            for d, a in aisles()
        ]
    )
    counts = shapes.prod(axis=1)  # (aisles,)
    steps = np.array([_coprime(int(count)) for count in counts])
    shift = rng.integers(0, counts)
    code = (shift[aisle] + ordinal * steps[aisle]) % counts[aisle]
    digits = []
    for column in range(4):
        digits.append((code % shapes[aisle, column]).astype(np.int32))
        code = code // shapes[aisle, column]
    pack = (ordinal // counts[aisle] + 1).astype(np.int32)
    return Names(digits[0], digits[1], digits[2], digits[3], pack)


def _coprime(count: int) -> int:
    step = max(1, int(count * 0.381966))  # the golden section spreads neighbours apart
    while gcd(step, count) > 1:
        step += 1
    return step


def _prices(aisle: Int32s, names: Names, rng: np.random.Generator) -> Float64s:
    """Log-uniform by kind within the aisle's range, dearer by size, quality and brand."""
    kind, quality, size, brand, pack = names
    low, high = np.array([a.prices for _, a in aisles()])[aisle].T
    shape = (len(aisles()), MOST_WORDS)
    kind_level, quality_level, brand_level = rng.random((3, *shape))
    quality_factor = np.where(quality > 0, 1.0 + 0.3 * quality_level[aisle, quality], 1.0)
    brand_factor = 0.75 + 0.6 * brand_level[aisle, brand]
    raw = low * (high / low) ** (0.8 * kind_level[aisle, kind]) * 1.6**size
    raw *= quality_factor * brand_factor * pack**0.9
    raw *= np.exp(0.04 * rng.standard_normal(len(aisle)))
    cents = np.where(raw < 10, np.round(raw * 10) * 10 - 1, np.round(raw) * 100 - 1)
    prices: Float64s = np.maximum(cents, 19.0) / 100.0
    return prices


def _tiers(aisle: Int32s, price: Float64s) -> UInt8s:
    """Thirds of each aisle by price."""
    order = np.lexsort((price, aisle))
    rank = np.empty(len(aisle), np.int64)
    rank[order] = np.arange(len(aisle))
    sizes = np.bincount(aisle)
    first = np.cumsum(sizes) - sizes
    return ((rank - first[aisle]) * TIERS // sizes[aisle]).astype(np.uint8)


def _popularity(aisle: Int32s, starts: Int64s, rng: np.random.Generator) -> Float64s:
    """Zipf's law within each aisle: weight 1 / (rank + 1), ranks in a random order."""
    order = np.lexsort((rng.random(len(aisle)), aisle))
    rank = np.empty(len(aisle), np.int64)
    rank[order] = np.arange(len(aisle))
    weight: Float64s = np.divide(1.0, rank - starts[aisle] + 2.0)
    return weight


def _first_periods(ordinal: Int64s, periods: int, rng: np.random.Generator) -> Int32s:
    """0 for what was always there. The first item of each aisle always was."""
    fresh = (rng.random(len(ordinal)) < NEW_SHARE) & (ordinal > 0) & (periods > 1)
    drawn = rng.integers(1, max(2, periods), len(ordinal))
    return np.where(fresh, drawn, 0).astype(np.int32)


def _rings(aisle: Int32s, rng: np.random.Generator) -> tuple[Int32s, Int32s, Int32s, Int32s]:
    """Items of one occasion in random order, cut into rings of ``RING``; the last is longer."""
    n = len(aisle)
    occasions = sorted({a.occasion for _, a in aisles()})
    occasion = np.array([occasions.index(a.occasion) for _, a in aisles()])[aisle]
    ring = np.lexsort((rng.random(n), occasion)).astype(np.int32)
    place = np.empty(n, np.int32)
    place[ring] = np.arange(n, dtype=np.int32)
    start = np.minimum(place // RING, n // RING - 1) * RING
    size = np.where(start == (n // RING - 1) * RING, n - start, RING)
    return ring, place, start.astype(np.int32), size.astype(np.int32)


def describe(catalogue: Catalogue, row: int) -> dict[str, str]:
    """Name, brand, department, aisle and description of one item."""
    department, words = aisles()[catalogue.aisle[row]]
    names = catalogue.names
    kind, quality, size = (
        text.split("|")[position[row]]
        for text, position in (
            (words.kinds, names.kind),
            (words.qualities, names.quality),
            (words.sizes, names.size),
        )
    )
    brand, pack = department.brands[names.brand[row]], int(names.pack[row])
    title = f"{quality} {kind}".strip()
    return {
        "name": f"{f'{pack} × ' * (pack > 1)}{title} {size}",
        "brand": brand,
        "department": department.name,
        "aisle": words.name,
        "description": f"{title} by {brand}, {size}. {department.blurb}",
    }


def aisle_words() -> tuple[AisleWords, ...]:
    return tuple(a for _, a in aisles())


def department_of_aisle() -> Int32s:
    """(aisles,) the department's number."""
    numbers = [number for number, d in enumerate(departments()) for _ in d.aisles]
    return np.array(numbers, np.int32)

"""Who took what, by attribute: the counts that lifts are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.domain.values import Attributes
from endcap.models.newcomer_fields import Field, codes_of

MOST_PEOPLE, MOST_EVENTS = 200_000, 3_000_000  # drawn beyond
POOL = 2000  # items, the most wanted of all
POOL_OF_VALUE, POOL_OF_VALUES = 20, 3000  # and of the holders of each value, fewer for many
SHAPES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 1e4)


class People(NamedTuple):
    """m shoppers with what is known of them: ``rows`` (m,) rising, of the data's users."""

    rows: Int64s
    known: Sequence[Attributes]


class Moments(NamedTuple):
    """Shoppers' distinct items, each at its first event; all (n,)."""

    person: Int64s  # place among the people
    item: Int32s
    ts: Int64s
    before: Int64s  # events of the shopper before it

    def of(self, people: Any) -> Moments:
        """Those of the people under the mask (m,)."""
        mask = people[self.person]
        return Moments(*(column[mask] for column in self))


def people_rows(data: Interactions, seed: int) -> Int64s:
    """(m,) users to learn from, rising: all with events, or as many drawn as the limits permit."""
    rows = np.unique(data.user).astype(np.int64)
    share = min(MOST_PEOPLE / max(len(rows), 1), MOST_EVENTS / max(len(data), 1))
    if share >= 1:
        return rows
    return np.sort(np.random.default_rng(seed).permutation(rows)[: int(share * len(rows))])


def moments_of(data: Interactions, people: People) -> Moments:
    """Of the people alone, in their order, then in that of time."""
    place = np.full(data.n_users, -1, np.int64)
    place[people.rows] = np.arange(len(people.rows))
    events = np.flatnonzero(place[data.user] >= 0)
    keys = data.user[events].astype(np.int64) * data.n_items + data.item[events]
    first = events[np.sort(np.unique(keys, return_index=True)[1])]
    before = first - data.starts()[data.user[first]]
    return Moments(place[data.user[first]], data.item[first], data.ts[first], before)


def value_codes(fields: Sequence[Field], people: People, moments: Moments) -> Int32s:
    """(fields, n); -1: none."""
    found = [codes_of(field, people.known, moments.person, moments.ts) for field in fields]
    return np.stack(found) if found else np.zeros((0, len(moments.item)), np.int32)


def pool_of(n_items: int, fields: Sequence[Field], codes: Int32s, item: Int32s) -> Int32s:
    """(p,) rising: what anybody without a history could be shown."""
    chosen = np.zeros(n_items, np.bool_)
    chosen[_most(np.bincount(item, minlength=n_items), POOL)] = True
    values = sum(len(field.values) for field in fields)
    each = min(POOL_OF_VALUE, max(1, POOL_OF_VALUES // max(values, 1)))
    for field, code in zip(fields, codes, strict=True):
        for value in range(len(field.values)):
            counts = np.bincount(item[code == value], minlength=n_items)
            chosen[_most(counts, each)] = True
    return np.flatnonzero(chosen).astype(np.int32)


def places_in(pool: Int32s, n_items: int) -> Int64s:
    """(items,) where each item stands in the pool; -1: nowhere."""
    place = np.full(n_items, -1, np.int64)
    place[pool] = np.arange(len(pool))
    return place


class Table(NamedTuple):
    """Of one field with w values and the p items of the pool: both (w, p)."""

    taken: Float64s  # shoppers with the value who took the item
    expected: Float64s  # how many by chance

    @staticmethod
    def of(values: int, size: int, code: Int32s, place: Int64s) -> Table:
        """code: (n,) the value of each taken item, -1 none; place: (n,) in the pool, -1 none."""
        told = code >= 0
        holders = np.bincount(code[told], minlength=values)
        inside = told & (place >= 0)
        cells = code[inside].astype(np.int64) * size + place[inside]
        taken = np.bincount(cells, minlength=values * size).reshape(values, size)
        share = holders / max(holders.sum(), 1)
        return Table(taken.astype(np.float64), np.outer(share, taken.sum(axis=0)))

    def shape(self) -> float:
        """The s under which the counts are most likely, of those tried."""
        known = self.expected > 0
        n, e = self.taken[known], self.expected[known]

        def likelihood(s: float) -> float:
            each = gammaln(n + s) - gammaln(s) + s * np.log(s / (s + e)) + n * np.log(e / (s + e))
            return float(each.sum())

        return max(SHAPES, key=likelihood)

    def lifts(self, s: float) -> Float32s:
        return np.asarray(np.log((self.taken + s) / (self.expected + s)), np.float32)


def tables(fields: Sequence[Field], codes: Int32s, place: Int64s, size: int) -> list[Table]:
    """One for each field. codes: (fields, n); place: (n,)."""
    return [
        Table.of(len(field.values), size, code, place)
        for field, code in zip(fields, codes, strict=True)
    ]


def stacked(found: Sequence[Table], shapes: Sequence[float]) -> Float32s:
    """(v + 1, p) lifts of the values of all fields; the last row is that of no value: 0."""
    lifts = [table.lifts(s) for table, s in zip(found, shapes, strict=True)]
    return np.concatenate([*lifts, np.zeros((1, lifts[0].shape[1]), np.float32)])


def _most(counts: Int64s, n: int) -> Int64s:
    """Rows of the n greatest of counts (items,) above 0; of equal ones the lower row."""
    rows = np.flatnonzero(counts)
    if len(rows) > n:
        own = counts[rows]
        rows = rows[own >= np.partition(own, len(own) - n)[len(own) - n]]
    return rows[np.argsort(-counts[rows], kind="stable")[:n]]

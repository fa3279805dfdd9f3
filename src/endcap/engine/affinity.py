"""Answers before the first training: popular items, nearer when they share what was looked at.

The profile of a shopper is the share of their (recency-weighted) events in each department,
aisle and brand; an item's score is its popularity times one plus the profile's share of the
item's own values.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Float64s, Int32s
from endcap.domain.values import Attributes
from endcap.engine.histories import History
from endcap.engine.sellable import newest_of
from endcap.engine.state import LiveState
from endcap.models.queries import Scored

FIELDS = ("department", "aisle", "brand")
HALF_LIFE_EVENTS = 10
NEWEST_EVENTS = 50
# What a full match is worth against popularity alone.
STRENGTH = 20.0
POOL = 500

_UNREAD = -1


class Shelves:
    """The values of ``FIELDS`` of each item as codes, read when first asked for.

    Kept while one state is pinned. Code 0 stands for no value.
    """

    def __init__(self, state: LiveState) -> None:
        self._state = state
        self._codes: dict[tuple[str, str], int] = {("", ""): 0}
        self._of_rows = np.full((0, len(FIELDS)), _UNREAD, np.int32)
        self._read = 0

    def codes(self, rows: Int32s) -> Int32s:
        """(n, FIELDS) codes of n rows."""
        self._follow()
        found = self._of_rows[rows]
        for row in rows[found[:, 0] == _UNREAD].tolist():
            self._of_rows[row] = self._look(self._state.item_attributes(row))
        return self._of_rows[rows]

    def __len__(self) -> int:
        """How many codes there are."""
        return len(self._codes)

    def _look(self, attributes: Attributes) -> list[int]:
        pairs = [
            ("", "") if attributes.get(field) is None else (field, str(attributes[field]))
            for field in FIELDS
        ]
        return [self._codes.setdefault(pair, len(self._codes)) for pair in pairs]

    def _follow(self) -> None:
        rows, changed = len(self._state.items), self._state.of_items.changed
        if rows > len(self._of_rows):
            grown = np.full((rows + rows // 2 + 64, len(FIELDS)), _UNREAD, np.int32)
            grown[: len(self._of_rows)] = self._of_rows
            self._of_rows = grown
        if self._read < len(changed):
            self._of_rows[changed[self._read :]] = _UNREAD
            self._read = len(changed)


def recency(history: History) -> tuple[Int32s, Float64s]:
    """(rows of the newest events, newest first; their weights, which sum to 1)."""
    newest = history.items[-NEWEST_EVENTS:][::-1]
    weights = 0.5 ** (np.arange(len(newest)) / HALF_LIFE_EVENTS)
    return newest, weights / weights.sum()


def profile(shelves: Shelves, history: History) -> Float64s:
    """(codes,) share of the newest events, the newest counting most, that had each code."""
    newest, weights = recency(history)
    codes = shelves.codes(newest)  # (events, FIELDS)
    each = np.repeat(weights, len(FIELDS))
    shares: Float64s = np.bincount(codes.reshape(-1), each, len(shelves)).astype(np.float64)
    shares[0] = 0.0
    return shares


def by_affinity(
    state: LiveState,
    shelves: Shelves,
    allowed: Bools | None,
    history: History,
    at: int,
    left_out: Int32s,
) -> Scored:
    """Popular and the newest items under ``allowed`` (items,), None: all, best first; nothing where
    no looked-at item has a shelf."""
    rows, counts = state.popular(at, POOL + len(left_out), allowed=allowed)
    fresh = newest_of(allowed, len(state.items), POOL, np.concatenate((rows, left_out)))
    typical = float(np.median(counts)) if len(counts) else 1.0
    pool = np.concatenate((rows, fresh))
    base = np.concatenate((counts, np.full(len(fresh), typical, np.float32)))
    kept = ~np.isin(pool, left_out)
    pool, base = pool[kept], base[kept]
    codes = shelves.codes(pool)  # (items, FIELDS)
    shares = profile(shelves, history)
    if not shares.any():
        return Scored(pool[:0], base[:0])
    lift = shares[codes].sum(axis=1)
    scores = (np.log1p(base) * (1.0 + STRENGTH * lift)).astype(np.float32)
    order = np.argsort(-scores, kind="stable")
    return Scored(pool[order], scores[order])


def lifts(shelves: Shelves, history: History, row: int) -> Float64s:
    """(events,) what each event adds to the lift of one item: its weight, once for each shelf
    that they share. The sum is the item's lift."""
    newest, weights = recency(history)
    own = shelves.codes(np.array([row], np.int32))[0]  # (FIELDS,)
    codes = shelves.codes(newest)  # (newest, FIELDS)
    shared = ((codes == own) & (own > 0)).sum(axis=1)
    out = np.zeros(len(history.items))
    out[len(history.items) - len(newest) :] = (weights * shared)[::-1]
    return out

"""Answers before the first training: popular items, nearer when they share what was looked at.

The profile of a shopper is the share of their (recency-weighted) events in each department,
aisle and brand; an item's score is its popularity times one plus the profile's share of the
item's own values.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.values import Attributes
from endcap.engine.state import History, LiveState

FIELDS = ("department", "aisle", "brand")
HALF_LIFE_EVENTS = 10
# What a full match is worth against popularity alone.
STRENGTH = 20.0
POOL = 500


def profile(state: LiveState, history: History) -> dict[tuple[str, str], float]:
    """Share (0 to 1 within each field) of the newest events by attribute value."""
    shares: dict[tuple[str, str], float] = {}
    newest = history.items[-50:][::-1]
    weights = 0.5 ** (np.arange(len(newest)) / HALF_LIFE_EVENTS)
    for row, weight in zip(newest.tolist(), (weights / weights.sum()).tolist(), strict=True):
        for key in keys(state.item_attributes(row)):
            shares[key] = shares.get(key, 0.0) + weight
    return shares


def keys(attributes: Attributes) -> list[tuple[str, str]]:
    return [(f, str(attributes[f])) for f in FIELDS if attributes.get(f) is not None]


def by_affinity(state: LiveState, history: History, at: int, n: int) -> tuple[Int32s, Float32s]:
    """At most n vocabulary rows with scores, best first; new items join the popular pool."""
    rows, counts = state.popular(at, POOL)
    fresh = np.array(state.new_items()[-POOL:], np.int32)
    fresh = fresh[~np.isin(fresh, rows)]
    typical = float(np.median(counts)) if len(counts) else 1.0
    pool = np.concatenate((rows, fresh)).astype(np.int32)
    base = np.concatenate((counts, np.full(len(fresh), typical))).astype(np.float32)
    shares = profile(state, history)
    lift = np.array(
        [sum(shares.get(key, 0.0) for key in keys(state.item_attributes(r))) for r in pool.tolist()]
    )
    scores = (np.log1p(base) * (1.0 + STRENGTH * lift)).astype(np.float32)
    order = np.argsort(-scores, kind="stable")[:n]
    return pool[order], scores[order]

"""Events of a shop of any size, made directly as arrays: millions a second, and worth learning.

Items stand in aisles. A shopper likes a few aisles; a visit stays in one. The next item of a visit
is often a companion of the one before (each item has three), otherwise one of the aisle by its
popularity, sometimes one that the shopper had before. Popularity follows a power law.
"""

from __future__ import annotations

import numpy as np

from endcap.data.interactions import Interactions
from endcap.features.compiled import jit

ITEMS_PER_AISLE = 50
EVENTS_PER_USER = 50
LIKED = 4  # aisles of a shopper
DAYS = 90
DAY_US = 86_400_000_000


def shop(events: int, items: int, seed: int = 0) -> Interactions:
    """About ``events`` events (the last shopper is not cut short); the same for a seed."""
    draw = np.random.default_rng(seed)
    users = max(1, events // EVENTS_PER_USER)
    lengths = np.maximum(2, draw.gamma(1.2, EVENTS_PER_USER / 1.2, users)).astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    item, kind, gap = (np.empty(starts[-1], t) for t in (np.int32, np.uint8, np.float32))
    _walk(starts, items, max(1, items // ITEMS_PER_AISLE), seed, item, kind, gap)
    user = np.repeat(np.arange(users, dtype=np.int32), lengths)
    return Interactions(
        user=user,
        item=item,
        type=kind,
        ts=_times(starts, gap, draw),
        user_ids=[f"user-{row}" for row in range(users)],
        item_ids=[f"item-{row}" for row in range(items)],
    )


def _times(starts: np.ndarray, gap: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Each shopper's gaps spread over a part of the days, (n,) µs, rising within a shopper."""
    total = np.cumsum(gap, dtype=np.float64)
    before = np.concatenate(([0.0], total))[starts]
    lengths = np.diff(starts)
    place = total - np.repeat(before[:-1], lengths)
    place /= np.repeat(np.maximum(np.diff(before), 1e-9), lengths)
    begin = draw.random(len(lengths)) * 0.8
    width = (1 - begin) * (0.3 + 0.7 * draw.random(len(lengths)))
    part = np.repeat(begin, lengths) + place * np.repeat(width, lengths)
    return (part * DAYS * DAY_US).astype(np.int64)


@jit
def _popular(n: int) -> int:
    """A place below n; early ones more often."""
    return min(int(n * np.random.random() ** 2.5), n - 1)


@jit
def _walk(
    starts: np.ndarray,
    items: int,
    aisles: int,
    seed: int,
    item: np.ndarray,
    kind: np.ndarray,
    gap: np.ndarray,
) -> None:
    np.random.seed(seed)
    shelf = items // aisles
    liked = np.empty(LIKED, np.int64)
    for user in range(len(starts) - 1):
        for at in range(LIKED):
            liked[at] = _popular(aisles)
        first, aisle = starts[user], liked[0]
        for at in range(first, starts[user + 1]):
            new_visit = at == first or np.random.random() < 0.2
            chance = np.random.random()
            if new_visit:
                aisle = liked[min(int(LIKED * np.random.random() ** 1.5), LIKED - 1)]
                if np.random.random() < 0.1:
                    aisle = _popular(aisles)
            if not new_visit and chance < 0.45:
                companion = 1 + min(int(3 * np.random.random() ** 2), 2)
                place = item[at - 1] // aisles
                place = (place * 7 + companion * 11) % shelf
                item[at] = place * aisles + aisle
            elif at > first and chance > 0.92:
                item[at] = item[first + int((at - first) * np.random.random())]
            else:
                item[at] = _popular(shelf) * aisles + aisle
            chance = np.random.random()
            kind[at] = 2 if chance < 0.08 else (1 if chance < 0.25 else 0)
            gap[at] = (2.0 if new_visit else 0.01) * np.random.random()

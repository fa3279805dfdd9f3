"""How much work a trial of the search is, before it is done: seconds of one core, from sizes alone.

Measured on one core of a busy machine, so that a search ends within its budget there too. They
say what fits, not how long it takes: the same data and budget make the same choices everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from endcap.data.interactions import Interactions
from endcap.models import item_item, pair_counts, spectral
from endcap.models.item_item import (
    ALIKE,
    COOCCURRENCE,
    EASE,
    MOST_PER_USER,
    REPEAT,
    SPECTRAL,
    TRANSITION,
    WALK,
    WINDOW,
    Family,
    Fitted,
    Room,
)  # fmt: skip
from endcap.models.judging import Judge
from endcap.models.reading import PAIR

LEAST = 0.05
COUNTED = 6e-9  # a pair, added to its row
LISTED = 1e-6  # an event, put in order by item
MULTIPLIED = 2e-11  # one of a product of dense matrices


def fit_seconds(family: Family, data: Interactions, room: Room) -> float:
    """Of one fit; counts that an earlier fit left are counted again."""
    return _SECONDS[family.name](family, data, room) if len(data) else 0.0


def _nothing(family: Family, data: Interactions, room: Room) -> float:
    del family, data, room
    return 0.0


def _ease(family: Family, data: Interactions, room: Room) -> float:
    n, pairs = data.n_items, pairs_of(data)
    if not item_item.exact(n, room):
        return _cooccurrence(family, data, room) + n * local_seconds(data)
    counted = min(pairs * 4e-9, MULTIPLIED * data.n_users * n * n)
    return counted + 2 * MULTIPLIED * float(n) ** 3 + LEAST


def _spectral(family: Family, data: Interactions, room: Room) -> float:
    del family, room
    cells = float(data.n_items) ** 2
    return spectral.DIRECTIONS * (len(data) * 1.4e-8 + cells * 1.2e-10) + LEAST


def _cooccurrence(family: Family, data: Interactions, room: Room) -> float:
    del family, room
    return pairs_of(data) * COUNTED + len(data) * LISTED + data.n_items * 2e-5 + LEAST


def _near(data: Interactions) -> float:
    """Of counting pairs within the window."""
    gaps = 2 * min(WINDOW, len(data) / max(data.n_users, 1))
    return len(data) * (gaps * COUNTED + LISTED) + LEAST


def _transition(family: Family, data: Interactions, room: Room) -> float:
    del family, room
    return 2 * _near(data) + data.n_items * local_seconds(data)


def _walk(family: Family, data: Interactions, room: Room) -> float:
    del room
    each = item_item.hop_neighbours(data.n_items) ** 2 * 2e-8 if family.hops else 1e-5
    return _near(data) + data.n_items * each


def _pair(family: Family, data: Interactions, room: Room) -> float:
    del family, room
    return min(len(data), pair_counts.MOST_EVENTS) * 5e-6 + LEAST


def _alike(family: Family, data: Interactions, room: Room) -> float:
    del family, room
    return len(data) * 2e-6 + data.n_items * 1.5e-3 + 1.0


def pairs_of(data: Interactions) -> float:
    """Pairs of events of the same user, of long histories as many as are counted."""
    return float(np.square(np.minimum(np.diff(data.starts()), MOST_PER_USER), dtype=float).sum())


def local_seconds(data: Interactions) -> float:
    """Of one item's small regression."""
    return 4e-5 + 4e-8 * item_item.sources_of(data) ** 2


def judge_seconds(judge: Judge, fitted: Fitted) -> float:
    """Of answering all held-out queries."""
    per_row = len(fitted.columns) / max(fitted.n_rows, 1)
    return (len(judge.held.queries.rows) * per_row * 5 + judge.held.queries.size * 2e4) * 1e-9


_SECONDS: dict[str, Callable[[Family, Interactions, Room], float]] = {
    EASE: _ease,
    SPECTRAL: _spectral,
    COOCCURRENCE: _cooccurrence,
    TRANSITION: _transition,
    WALK: _walk,
    PAIR: _pair,
    REPEAT: _nothing,
    ALIKE: _alike,
}

"""How good segments of users are: who was said to want an item, against who took it.

The split is Personalize's for segments: the oldest four fifths of each user's events train.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s
from endcap.evaluation.personalize_metrics import COVERAGE, LEAST_USERS
from endcap.models.queries import Queries

AT = (5, 10, 25)  # users of a segment
NEWEST = 0.2  # of each user's events
MOST_ITEMS, MOST_USERS = 100, 20_000  # drawn at random


class SegmentExam(NamedTuple):
    """``taken`` (items, queries): whether the user of a query took each of ``items`` in the end."""

    fitting: Interactions
    queries: Queries
    items: Int32s
    taken: Bools


def split_each(data: Interactions, seed: int) -> SegmentExam | None:
    """None where fewer than ``LEAST_USERS`` have events before and after, or nobody took an item
    that somebody had before."""
    draw = np.random.default_rng(seed)
    bounds = data.starts()
    lengths = np.diff(bounds)
    taken = np.round(NEWEST * lengths).astype(np.int64)
    taken[lengths >= 2] = np.maximum(taken[lengths >= 2], 1)
    late = np.arange(len(data)) >= np.repeat(bounds[1:] - taken, lengths)
    fitting = data.where(~late)
    users = _drawn(np.flatnonzero((taken > 0) & (lengths > taken)), MOST_USERS, draw)
    before = np.bincount(fitting.item, minlength=data.n_items)
    after = np.bincount(data.item[late], minlength=data.n_items)
    items = _drawn(np.flatnonzero((before > 0) & (after > 0)), MOST_ITEMS, draw)
    if len(users) < LEAST_USERS or not len(items):
        return None
    truth = np.zeros((len(items), len(users)), np.bool_)
    place, column = np.full(data.n_items, -1), np.full(data.n_users, -1)
    place[items], column[users] = np.arange(len(items)), np.arange(len(users))
    rows, columns = place[data.item[late]], column[data.user[late]]
    told = (rows >= 0) & (columns >= 0)
    truth[rows[told], columns[told]] = True
    return SegmentExam(fitting, _queries(data, late, users), items.astype(np.int32), truth)


def segment_measures(exam: SegmentExam, scores: Float32s) -> dict[str, float]:
    """Of ``scores`` (queries, items): means over the items that anybody took. ``hit_at_k``: how
    many of the best k users took the item; ``recall_at_k``: how many of those who took it are
    among them, a share; coverage: the share of users in any segment of the largest k."""
    asked = exam.taken.any(axis=1)
    order = np.argsort(-scores.T, axis=1, kind="stable")[:, : max(AT)]  # (items, users)
    hits = np.take_along_axis(exam.taken, order, axis=1)[asked]
    takers = exam.taken[asked].sum(axis=1)
    found = {COVERAGE: len(np.unique(order)) / max(exam.queries.size, 1)}
    for k in AT:
        found[f"hit_at_{k}"] = float(hits[:, :k].sum(axis=1).mean()) if len(hits) else 0.0
    for k in AT:
        shares = hits[:, :k].sum(axis=1) / np.maximum(takers, 1)
        found[f"recall_at_{k}"] = float(shares.mean()) if len(hits) else 0.0
    return found


def no_segments_measured() -> dict[str, float]:
    """All names with 0: where there was too little to measure anything."""
    counted = [f"{name}_at_{k}" for name in ("hit", "recall") for k in AT]
    return dict.fromkeys([COVERAGE, *counted], 0.0)


def _queries(data: Interactions, late: Bools, users: Int64s) -> Queries:
    """What each user did before, at the time of what came first after."""
    kept = ~late & np.isin(data.user, users)
    counts = np.bincount(data.user[kept], minlength=data.n_users)[users]
    first = np.full(data.n_users, np.iinfo(np.int64).max)
    np.minimum.at(first, data.user[late], data.ts[late])
    ages = np.maximum(first[data.user[kept]] - data.ts[kept], 0) / 1e6
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Queries(starts, data.item[kept], data.type[kept], ages.astype(np.float32))


def _drawn(places: Int64s, most: int, draw: np.random.Generator) -> Int64s:
    """At most ``most`` of them, ascending."""
    if len(places) <= most:
        return places
    return np.sort(draw.choice(places, most, replace=False))

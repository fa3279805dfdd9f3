"""Segments: the users who most likely want an item, or items with certain attributes.

Every user's live history is scored, in blocks, so that memory does not grow with the users. What
was asked in one file is worked out in one walk over the users.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from endcap.app.version_loading import Opened
from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.filters import Filtering
from endcap.domain.values import PERSONAL, Query
from endcap.engine.filtered_users import matching_users
from endcap.engine.histories import NO_HISTORY
from endcap.engine.moment import Live
from endcap.engine.state import LiveState
from endcap.models.queries import Queries

BLOCK = 2048  # users scored at once
MOST_ITEMS = 200  # of those with the attributes: the most popular ones speak for all
MOST_ROWS = 4096  # items of one walk over the users


class Target(NamedTuple):
    """What users are scored for: the sum of their scores of model rows, times weights, (n,)."""

    rows: Int32s
    weights: Float32s


class Segment(NamedTuple):
    """Users, best first."""

    user_ids: list[str]
    scores: Float32s  # (n,)


def users_for_item(
    opened: Opened, item_id: str, n: int, at: int, asked: Filtering | None = None
) -> Segment:
    """The n users who most likely want an item; fewer where fewer ever did anything. ``asked``: a
    filter of users. Raises NotFound (unknown_item), InvalidInput (filter_of_items)."""
    return segments(opened, [target_of_item(opened, item_id)], n, at, asked)[0]


def users_for_attributes(
    opened: Opened, wanted: Filtering, n: int, at: int, asked: Filtering | None = None
) -> Segment:
    """The n users who most likely want items that ``wanted``, a filter of items, permits. Raises
    InvalidInput (no_such_items, filter_of_items)."""
    return segments(opened, [target_of_attributes(opened, wanted, at)], n, at, asked)[0]


def target_of_item(opened: Opened, item_id: str) -> Target:
    """For an item that the version does not know speak those whose content is like it. Raises
    NotFound (unknown_item)."""
    now = opened.live
    row = now.state.items.row(item_id)
    own = now.serving.model_row(row)
    if own >= 0:
        return Target(np.array([own], np.int32), np.ones(1, np.float32))
    near = now.cold.neighbours(row) if row >= 0 else None
    if near is None or not len(near.rows) or near.scores.sum() <= 0:
        raise NotFound("unknown_item", field="itemId", value=item_id)
    return Target(near.rows, (near.scores / near.scores.sum()).astype(np.float32))


def target_of_attributes(opened: Opened, wanted: Filtering, at: int) -> Target:
    """Raises InvalidInput (no_such_items)."""
    now = opened.live
    every = np.arange(len(now.state.items), dtype=np.int32)
    permitted = now.masks.permitted(wanted, Query(PERSONAL, at=at), NO_HISTORY)
    rows = now.serving.model_rows(every[permitted.of(every)])
    rows = rows[rows >= 0]
    recipe = now.serving.recipe
    order = recipe.mixture.prior_order if recipe is not None else rows
    rows = order[np.isin(order, rows)][:MOST_ITEMS]
    if not len(rows):
        raise InvalidInput("no_such_items", field="itemAttributes", value=wanted.text)
    return Target(rows, np.full(len(rows), 1 / len(rows), np.float32))


def segments(
    opened: Opened, targets: Sequence[Target], n: int, at: int, asked: Filtering | None = None
) -> list[Segment]:
    """One for each target. Of equal scores, who came to the shop first stands first."""
    state = opened.live.state
    who = None if asked is None else matching_users(state, asked, at)
    found: list[Segment] = []
    for group in groups_of(targets):
        found += _walk(opened, group, n, at, who)
    return found


def groups_of(targets: Sequence[Target]) -> Iterator[list[Target]]:
    """In their order, with at most ``MOST_ROWS`` rows each unless one alone has more."""
    group: list[Target] = []
    rows = 0
    for target in targets:
        if group and rows + len(target.rows) > MOST_ROWS:
            yield group
            group, rows = [], 0
        group.append(target)
        rows += len(target.rows)
    if group:
        yield group


def _walk(
    opened: Opened, targets: Sequence[Target], n: int, at: int, who: Bools | None
) -> list[Segment]:
    now = opened.live
    columns = np.unique(np.concatenate([target.rows for target in targets]))
    mixing = np.zeros((len(columns), len(targets)), np.float32)
    for place, target in enumerate(targets):
        mixing[np.searchsorted(columns, target.rows), place] = target.weights
    best = [(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in targets]
    for users, queries in histories(now, at, who):
        scores = scores_of(now, queries, columns) @ mixing  # (users, targets)
        for place, (rows, kept) in enumerate(best):
            best[place] = _best(
                np.concatenate((rows, users)), np.concatenate((kept, scores[:, place])), n
            )
    return [Segment([now.state.users.id(row) for row in rows.tolist()], s) for rows, s in best]


def _best(rows: Int64s, scores: Float32s, n: int) -> tuple[Int64s, Float32s]:
    """The n greatest, greatest first; equal ones by row."""
    order = np.lexsort((rows, -scores))[:n]
    return rows[order], scores[order]


def scores_of(now: Live, queries: Queries, columns: Int32s) -> Float32s:
    """(queries, columns) of model rows, 0 where one cannot be scored."""
    recipe = now.serving.recipe
    if recipe is None:
        return np.zeros((queries.size, len(columns)), np.float32)
    starts = np.arange(queries.size + 1, dtype=np.int64) * len(columns)
    every = np.tile(columns, queries.size)
    scores = recipe.mixture.linear_scores(queries, starts, every)
    return np.nan_to_num(scores, nan=0.0).reshape(queries.size, len(columns))


def histories(now: Live, at: int, who: Bools | None = None) -> Iterator[tuple[Int64s, Queries]]:
    """(user rows, what they did) in blocks of users who did anything that the model knows."""
    total = len(now.state.users)
    for first in range(0, total, BLOCK):
        rows = np.arange(first, min(first + BLOCK, total))
        if who is not None:
            rows = rows[who[rows]]
        there = np.array([bool(now.state.users.id(row)) for row in rows.tolist()], np.bool_)
        users, queries = _block(now, now.state, rows[there] if len(rows) else rows, at)
        if len(users):
            yield users, queries


def _block(now: Live, state: LiveState, rows: Int64s, at: int) -> tuple[Int64s, Queries]:
    found = [state.histories.get(row) for row in rows.tolist()]
    lengths = np.array([len(each.items) for each in found], np.int64)
    if not lengths.sum():
        return rows[:0], Queries(np.zeros(1, np.int64), *_NOTHING)
    items = now.serving.model_rows(np.concatenate([each.items for each in found]))
    types = np.concatenate([each.types for each in found])
    ts = np.concatenate([each.ts for each in found])
    owner = np.repeat(np.arange(len(rows)), lengths)
    known = items >= 0
    counts = np.bincount(owner[known], minlength=len(rows))
    kept = counts > 0
    starts = np.concatenate(([0], np.cumsum(counts[kept]))).astype(np.int64)
    ages = np.maximum(at - ts[known], 0) / 1e6
    return rows[kept], Queries(
        starts, items[known], now.type_codes[types[known]], ages.astype(np.float32)
    )


_NOTHING = (np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.float32))

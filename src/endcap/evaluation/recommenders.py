"""A trained recipe as a recommender that can be evaluated: as the engine would answer, batched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Int32s, Int64s
from endcap.evaluation.baselines import decayed_popularity, excluded_pairs
from endcap.evaluation.newcomers import Arrivals, newcomer_recommender
from endcap.evaluation.protocols import Recommend, UserBatch
from endcap.models.queries import Queries
from endcap.models.recipe import Recipe


class Reading(NamedTuple):
    """What of a history the engine reads, and what answers without one: ``Settings`` has both."""

    history_events: int = 500
    popular_half_life_days: float = 14.0


READING = Reading()


def recipe_recommender(
    recipe: Recipe,
    train: Interactions,
    seen: str,
    reading: Reading = READING,
    arrivals: Arrivals | None = None,
) -> Recommend:
    """Lists of ``recipe`` for histories in the rows of ``train``, under the seen policy ``seen``.

    As in the engine: the newest ``history_events`` count; users without a history get what
    ``arrivals`` says of them; they, and places that the recipe leaves empty, get what is popular
    lately. Items of ``train`` that the recipe
    does not know are left out of the query.
    """
    to_model, to_row = match_ids(train.item_ids, recipe.item_ids)
    popular = decayed_popularity(train, seen, reading.popular_half_life_days)
    new = None
    if arrivals is not None:
        new = newcomer_recommender(arrivals, train, reading.popular_half_life_days)

    def recommend(batch: UserBatch) -> Int32s:
        queries = _queries(batch, to_model, reading.history_events, timed=train.timed)
        starts, excluded = _excluded(batch, train, seen, to_model)
        rows, _ = recipe.candidates_many(queries, batch.k, starts, excluded)
        lists = np.full((len(batch.users), batch.k), -1, np.int32)
        lists[:, : rows.shape[1]] = np.where(rows >= 0, to_row[rows], -1)
        lists[np.diff(queries.starts) == 0] = -1  # nothing to ask with
        first = np.flatnonzero(np.diff(batch.starts) == 0)
        if new is not None and len(first):
            lists[first] = new(without_history(batch, first))
        return filled(lists, popular(batch))

    return recommend


def without_history(batch: UserBatch, places: Int64s) -> UserBatch:
    """The users of a batch at ``places``, with nothing known of what they did."""
    return UserBatch(
        batch.users[places], batch.at[places], np.zeros(len(places) + 1, np.int64),
        batch.items[:0], batch.types[:0], batch.ts[:0], batch.k,
    )  # fmt: skip


def match_ids(ids: Sequence[str], model_ids: Sequence[str]) -> tuple[Int32s, Int32s]:
    """The model's row of each of ``ids`` (len(ids),) and the other way (len(model_ids),); −1
    where the other side does not have the id."""
    rows = {model_ids[row]: row for row in range(len(model_ids))}
    to_model = np.fromiter((rows.get(i, -1) for i in ids), np.int32, len(ids))
    to_row = np.full(len(model_ids), -1, np.int32)
    known = to_model >= 0
    to_row[to_model[known]] = np.flatnonzero(known)
    return to_model, to_row


def filled(lists: Int32s, more: Int32s) -> Int32s:
    """``lists`` (b, k) with their empty places (−1) taken, in order, by those items of ``more``
    (b, k) that a list does not hold yet."""
    lists = lists.copy()
    for b in np.flatnonzero((lists < 0).any(axis=1)):
        held = lists[b][lists[b] >= 0]
        new = more[b][(more[b] >= 0) & ~np.isin(more[b], held)]
        found = np.concatenate((held, new))[: lists.shape[1]]
        lists[b], lists[b, : len(found)] = -1, found
    return lists


def _queries(batch: UserBatch, to_model: Int32s, newest: int, *, timed: bool) -> Queries:
    """The newest events of each history whose items the model knows."""
    lengths = np.diff(batch.starts)
    owner = np.repeat(np.arange(len(lengths)), lengths)  # (events,)
    from_end = batch.starts[1:][owner] - np.arange(len(owner))  # 1 is the newest
    rows = to_model[batch.items]
    kept = (from_end <= newest) & (rows >= 0)
    ages = np.maximum(batch.at[owner] - batch.ts, 0) / 1e6 if timed else np.zeros(len(owner))
    return Queries(
        starts=_starts(owner[kept], len(lengths)),
        rows=rows[kept],
        types=batch.types[kept],
        ages_s=ages[kept].astype(np.float32),
    )


def _excluded(
    batch: UserBatch, train: Interactions, seen: str, to_model: Int32s
) -> tuple[Int64s, Int32s]:
    """(starts, model rows) of what each list must not hold."""
    owner, items = excluded_pairs(batch, train, seen)
    rows = to_model[items]
    known = rows >= 0
    return _starts(owner[known], len(batch.users)), rows[known]


def _starts(owner: Int64s, users: int) -> Int64s:
    """Where each user's part begins and ends, for owners in rising order: (users + 1,)."""
    counts = np.bincount(owner, minlength=users)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)

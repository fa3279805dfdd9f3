"""Answers for somebody without a history, by who they are and when they ask.

What is known are the attributes that the shop upserted for the user, the context of the query, and
the time. Popularity is that of now: items that come up come up for newcomers at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s
from endcap.domain.values import Attributes
from endcap.engine.counted import CONTEXT_POOL, context_first
from endcap.engine.moment import Moment, Ranked
from endcap.engine.toplist import top_rows
from endcap.models.newcomers import Told


def for_newcomer(moment: Moment) -> Ranked | None:
    """The items with a count, best first, at most k, or ``CONTEXT_POOL`` where a context chooses
    among them; None: no model knows anything of the shopper."""
    serving, query, state = moment.live.serving, moment.query, moment.live.state
    told = told_of(moment)
    if serving.newcomers is None or not told:
        return None
    mask = moment.allowed
    wanted = max(query.k, CONTEXT_POOL) if query.context else query.k
    rows = serving.to_row.take(serving.newcomers.pool)  # (p,) -1: the vocabulary lacks it
    counts = state.popularity(query.at, rows)
    scores = np.log1p(counts) + serving.newcomers.lift(told)
    usable = (rows >= 0) & (counts > 0)
    if mask is not None:
        usable &= mask[rows]
    rows, scores = rows[usable], scores[usable]
    # Of the items outside the pool, which have popularity alone, no more can be in the list.
    popular, more = state.popular(query.at, wanted, None, mask)
    outside = ~_places(moment, popular)[1]
    rows = np.concatenate((rows, popular[outside]))
    scores = np.concatenate((scores, np.log1p(more[outside]))).astype(np.float32)
    best = top_rows(scores.astype(np.float64), wanted)
    return context_first(state, query, Ranked(rows[best], scores[best], "newcomer"))


def newcomer_scores(moment: Moment, rows: Int32s, told: Sequence[Told]) -> tuple[Int32s, Float32s]:
    """Those of ``rows`` (n,), rising, that have a count, and their scores."""
    counts = moment.live.state.popularity(moment.query.at, rows)
    rows, counts = rows[counts > 0], counts[counts > 0]
    newcomers = moment.live.serving.newcomers
    scores = np.log1p(counts)
    if newcomers is not None:
        lift = newcomers.lift(told)  # (pool,)
        place, inside = _places(moment, rows)
        scores[inside] += lift[place[inside]]
    return rows, scores.astype(np.float32)


def told_of(moment: Moment) -> list[Told]:
    """What the model knows of the shopper: nothing without a map."""
    newcomers = moment.live.serving.newcomers
    return [] if newcomers is None else newcomers.told(known_of(moment), moment.query.at)


def known_of(moment: Moment) -> Attributes:
    """The context says what is so now."""
    query = moment.query
    stored = moment.live.state.user_attributes(query.user_id) if query.user_id else {}
    return {**stored, **query.context}


def lifts_of(moment: Moment, row: int) -> Float32s:
    """(told,) what each thing that is known adds to the item at vocabulary ``row``."""
    told = told_of(moment)
    place, inside = _places(moment, np.array([row], np.int32))
    newcomers = moment.live.serving.newcomers
    if newcomers is None or not inside[0]:
        return np.zeros(len(told), np.float32)
    return np.asarray(newcomers.lifts[[each.row for each in told], place[0]], np.float32)


def _places(moment: Moment, rows: Int32s) -> tuple[Int32s, Bools]:
    """((n,) places of vocabulary rows in the pool, whether they are in it)."""
    newcomers, serving = moment.live.serving.newcomers, moment.live.serving
    assert newcomers is not None  # noqa: S101 - whoever asks has found it
    model = serving.model_rows(rows)
    if not len(newcomers.pool):
        return np.zeros(len(rows), np.int32), np.zeros(len(rows), np.bool_)
    place = np.minimum(np.searchsorted(newcomers.pool, model), len(newcomers.pool) - 1)
    return place.astype(np.int32), newcomers.pool[place] == model

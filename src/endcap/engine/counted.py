"""Lists from the live counts, popular and trending, and how other lists are filled from them."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.values import OF_VISITOR, POPULAR, TRENDING, Attributes, Query
from endcap.engine.guarding import FILL
from endcap.engine.moment import Moment, Ranked
from endcap.engine.state import LiveState

# Of how many popular items those are looked for that match the query's context.
CONTEXT_POOL = 500


def popular(moment: Moment) -> Ranked:
    """What sells now, in the query's context first; then the rest of the catalogue, newest first,
    so that a shop without enough events still answers."""
    found = from_counts(moment, POPULAR)
    missing = moment.query.k - len(found.rows)
    if missing <= 0:
        return found
    taken = np.concatenate((found.rows, moment.left_out))
    rows = moment.newest(missing, taken)
    return appended(found, rows, np.zeros(len(rows), np.float32))


def trending(moment: Moment) -> Ranked:
    """What sells more than its own past lets expect; may be empty."""
    return from_counts(moment, TRENDING)


def from_counts(moment: Moment, which: str) -> Ranked:
    """At most k sellable items with a count."""
    query, state = moment.query, moment.live.state
    counts = state.trending if which == TRENDING else state.popular
    wanted = max(query.k, CONTEXT_POOL) if query.context else query.k
    rows, scores = counts(query.at, wanted + len(moment.left_out), query.event_type, moment.allowed)
    if len(moment.left_out):
        kept = ~np.isin(rows, moment.left_out)
        rows, scores = rows[kept], scores[kept]
    found = Ranked(rows, scores, which)
    return first(context_first(state, query, found), query.k)


def context_first(state: LiveState, query: Query, found: Ranked) -> Ranked:
    """Items that match the context come first; the scores of others are capped below theirs."""
    page = {name: said for name, said in query.context.items() if name not in OF_VISITOR}
    if not page:
        return found
    fits = np.array([matches(state, row, page) for row in found.rows.tolist()], bool)
    inside = Ranked(found.rows[fits], found.scores[fits], found.strategy)
    if not len(inside.rows):
        return found
    return appended(inside, found.rows[~fits], np.minimum(found.scores[~fits], inside.scores[-1]))


def matches(state: LiveState, row: int, page: Attributes) -> bool:
    attributes = state.item_attributes(row)
    return all(attributes.get(name) == value for name, value in page.items())


def fill(moment: Moment, found: Ranked) -> Ranked:
    """At most k: what was found, then popular items with scores below it."""
    query = moment.query
    if len(found.rows) >= query.k:
        return first(found, query.k)
    moment.watch.finish(FILL)
    avoid = np.concatenate((moment.left_out, found.rows))
    more = popular(moment.leaving_out(avoid))
    if not len(found.rows):
        return first(more, query.k)
    more = first(more, query.k - len(found.rows))
    floor = float(found.scores[-1])
    steps = np.arange(1, len(more.rows) + 1) * max(abs(floor) * 1e-3, 1e-9)
    return appended(found, more.rows, (floor - steps).astype(np.float32))


def first(found: Ranked, k: int) -> Ranked:
    if len(found.rows) <= k:
        return found
    return Ranked(found.rows[:k], found.scores[:k], found.strategy)


def appended(found: Ranked, rows: Int32s, scores: Float32s) -> Ranked:
    """``found`` with more behind; its strategy stays."""
    return Ranked(
        np.concatenate((found.rows, rows)), np.concatenate((found.scores, scores)), found.strategy
    )

"""From a query to an answer: observe → surface → answer. Pure: no clock, no I/O.

Every strategy that an answer can name stands in ``STRATEGIES`` and in docs/engine.md.
"""

from __future__ import annotations

from math import isfinite

import numpy as np
from msgspec.structs import replace

from endcap.domain.values import RERANK, Answer, Query, ScoredItem
from endcap.engine.guarding import CANDIDATES, SHOW
from endcap.engine.moment import Live, Moment, Ranked, observe
from endcap.engine.probability import by_ranker
from endcap.engine.surfaces import SURFACE

STRATEGIES = (
    "personal", "content", "embedding", "affinity", "newcomer", "popular", "trending", "related",
    "none",
)  # fmt: skip


def answer(now: Live, query: Query, without: tuple[str, ...] = ()) -> Answer:
    """The engine's entry where a failure is to be seen; ``fallback.guarded`` never fails.
    ``without``: stages that are left out."""
    return compose(observe(now, query, without=without))


def compose(moment: Moment) -> Answer:
    """The answer to what was observed."""
    moment.watch.enter(CANDIDATES)
    ranked = SURFACE[moment.query.surface](moment)
    if moment.query.likely and ranked.strategy == "personal":
        likely = by_ranker(moment, ranked.rows)
        moment.watch.finish(SHOW)
        return replace(shown(moment, ranked), likely=likely)
    moment.watch.finish(SHOW)
    return shown(moment, ranked)


def shown(moment: Moment, ranked: Ranked, fallback: str = "") -> Answer:
    """Rows as the ids that clients know."""
    now, query = moment.live, moment.query
    ids = now.state.items.ids(ranked.rows)
    scores = ranked.scores.tolist()
    if not isfinite(sum(scores)):  # a model that broke after it was loaded
        raise FloatingPointError("a score is not a number")
    items = tuple(map(ScoredItem, ids, scores))
    if query.surface == RERANK and len(items) < query.k:
        items += unknown_items(moment, items)
    strategy = ranked.strategy if items else "none"
    return Answer(items, strategy, now.serving.version, newest_age(moment), fallback)


def unknown_items(moment: Moment, known: tuple[ScoredItem, ...]) -> tuple[ScoredItem, ...]:
    """Ids of a list to order that the shop has never heard of: at the end, as they came, unless a
    filter wants what they do not have."""
    now, query = moment.live, moment.query
    if moment.filtered is not None and not moment.filtered.of(np.array([-1], np.int32))[0]:
        return ()
    floor = min((item.score for item in known), default=0.0)
    strange = dict.fromkeys(i for i in query.item_ids if now.state.items.row(i) < 0)
    return tuple(ScoredItem(i, min(floor, 0.0)) for i in strange)[: query.k - len(known)]


def newest_age(moment: Moment) -> float | None:
    """Seconds since the shopper's newest event; without a history, since the shop's newest."""
    newest = int(moment.history.ts[-1]) if len(moment.history.ts) else moment.live.state.newest_ts
    return max(moment.query.at - newest, 0) / 1e6 if newest else None

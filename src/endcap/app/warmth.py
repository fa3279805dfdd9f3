"""Answers before the first request, so that no shopper waits for compilation or cold pages.

The supervisor starts one worker first: what it compiles lies in the cache when the others start.
"""

from __future__ import annotations

import logging

from endcap.domain.values import PERSONAL, POPULAR, RELATED, RERANK, TRENDING, Query
from endcap.engine.answer import answer
from endcap.engine.moment import Live

log = logging.getLogger("endcap.warmth")

SAMPLE = 3


def warm(live: Live, at: int) -> None:
    """Ask for one answer of each surface, for some shoppers. Changes nothing."""
    state = live.state
    users = [state.users.id(row) for row in range(min(len(state.users), SAMPLE))]
    items = tuple(state.items.id(row) for row in range(min(len(state.items), SAMPLE)))
    queries = [Query(surface, at=at) for surface in (POPULAR, TRENDING)]
    queries += [Query(PERSONAL, at=at, user_id=user, likely=True) for user in users if user]
    queries += [Query(RERANK, at=at, user_id=user, item_ids=items) for user in users if user]
    queries += [Query(RELATED, at=at, item_id=item) for item in items]
    try:
        if live.serving.ranker is not None:
            live.serving.ranker.warm()
        for query in queries:
            answer(live, query)
    except Exception:  # it will show again where somebody asks; starting goes on
        log.exception("could not warm up")

"""An answer whatever happens: when a stage fails or takes too long, what is popular instead."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec.structs import replace

from endcap.domain.values import RELATED, RERANK, Answer, Query
from endcap.engine.answer import compose, shown
from endcap.engine.counted import popular
from endcap.engine.guarding import Watch, reason_of
from endcap.engine.histories import NO_HISTORY
from endcap.engine.moment import NO_QUERY, Judged, Live, Moment, Ranked, observe
from endcap.engine.surfaces import rerank
from endcap.models.queries import Scored

# Told of each failure: stage, reason, and what was raised.
Failed = Callable[[str, str, Exception], None]


def guarded(
    now: Live,
    query: Query,
    watch: Watch,
    failed: Failed,
    near: Scored | None = None,
    judged: Judged | None = None,
) -> Answer:
    """``answer`` that never raises. ``fallback`` of the answer is ``stage:reason`` when it is
    made of popular items because of a failure, or in the recipe's order because the ranker
    failed; nothing of it stays for the next query. ``near`` and ``judged`` as in ``Moment``."""
    try:
        return told(compose(observe(now, query, watch, near=near, judged=judged)), watch, failed)
    except Exception as error:
        stage, reason = watch.stage, reason_of(error)
        failed(stage, reason, error)
    return fall_back(now, query, f"{stage}:{reason}")


def told(found: Answer, watch: Watch, failed: Failed) -> Answer:
    """The answer, with what it had to do without."""
    if watch.spared is None:
        return found
    failed(*watch.spared)
    return replace(found, fallback=f"{watch.spared.stage}:{watch.spared.reason}")


def fall_back(now: Live, query: Query, fallback: str) -> Answer:
    """Popular items, less what the seen policy removes; less still where that fails as well."""
    for look, source in (
        (without_model, by_popularity),
        (without_history, by_popularity),
        (without_history, by_newness),
    ):
        try:
            moment = look(now, query)
            return shown(moment, source(moment), fallback)
        except Exception:  # noqa: S112 - the failure is told already; the next source may do
            continue
    return Answer((), "none", now.serving.version, None, fallback)


def without_model(now: Live, query: Query) -> Moment:
    return Moment(query, now, observe(now, query).history, known=NO_QUERY)


def without_history(now: Live, query: Query) -> Moment:
    return Moment(query, now, NO_HISTORY, known=NO_QUERY)


def by_popularity(moment: Moment) -> Ranked:
    if moment.query.surface == RERANK:
        return rerank(moment)
    return popular(without_itself(moment))


def by_newness(moment: Moment) -> Ranked:
    """The newest products: asks for no counts."""
    query = moment.query
    if query.surface == RERANK:  # in the order given
        rows = [moment.live.state.items.row(item_id) for item_id in query.item_ids]
        known = np.array([row for row in rows if row >= 0], np.int32)
        if (filtered := moment.filtered) is not None:
            known = known[filtered.of(known)]
        known = known[: query.k]
    else:
        known = moment.newest(query.k, without_itself(moment).left_out)
    return Ranked(known, np.zeros(len(known), np.float32), "popular")


def without_itself(moment: Moment) -> Moment:
    if moment.query.surface != RELATED:
        return moment
    row = moment.live.state.items.row(moment.query.item_id or "")
    return moment.leaving_out(np.append(moment.left_out, np.int32(row)))

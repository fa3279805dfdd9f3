"""One function for each surface: a moment in, ranked vocabulary rows out."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.values import PERSONAL, POPULAR, RELATED, RERANK, TRENDING, Query
from endcap.engine.affinity import by_affinity
from endcap.engine.moment import NOTHING, Live, Moment, Ranked
from endcap.engine.state import LiveState

# How many more candidates than asked are fetched, since unavailable items fall out afterwards.
SPARE = 20


def personal(moment: Moment) -> Ranked:
    """The shopper's own list; popular in context when nothing is known of them."""
    if not len(moment.history.items):
        return popular(moment)
    found = from_model(moment)
    if found is None:
        found = by_affinity_of(moment)
    return fill(moment, available(moment, found), moment.left_out)


def from_model(moment: Moment) -> Ranked | None:
    """Candidates of the recipe and of cold items, best first; None: no model, or no overlap."""
    serving, query = moment.live.serving, moment.query
    if serving.recipe is None or not len(moment.known.rows):
        return None
    excluded = serving.model_rows(moment.left_out)
    warm = serving.recipe.candidates(moment.known, query.k + SPARE, exclude=excluded[excluded >= 0])
    rows, scores = serving.to_row[warm.rows], warm.scores
    cold = cold_candidates(moment)
    if len(cold.rows):
        rows, scores = np.concatenate((rows, cold.rows)), np.concatenate((scores, cold.scores))
    return best_first(rows[rows >= 0], scores[rows >= 0], "personal")


def cold_candidates(moment: Moment) -> Ranked:
    now = moment.live
    forbidden = set(moment.left_out.tolist())
    rows = [row for row in now.cold.rows() if row not in forbidden]
    scores = now.cold.scores(moment.known, rows)
    kept = np.isfinite(scores)
    return Ranked(np.array(rows, np.int32)[kept], scores[kept], "content")


def by_affinity_of(moment: Moment) -> Ranked:
    """Before the first training: popular items of the departments that the shopper looks at."""
    query = moment.query
    rows, scores = by_affinity(moment.live.state, moment.history, query.at, query.k + SPARE)
    kept = ~np.isin(rows, moment.left_out)
    return best_first(rows[kept], scores[kept], "affinity")


def popular(moment: Moment) -> Ranked:
    return from_counts(moment, POPULAR)


def trending(moment: Moment) -> Ranked:
    return from_counts(moment, TRENDING)


def from_counts(moment: Moment, which: str) -> Ranked:
    """The top of the live counts; items that match the query's context come first."""
    query, state = moment.query, moment.live.state
    counts = state.trending if which == TRENDING else state.popular
    wanted = (query.k + SPARE + len(moment.left_out)) * (10 if query.context else 1)
    rows, scores = counts(query.at, wanted, query.event_type)
    kept = ~np.isin(rows, moment.left_out)
    rows, scores = rows[kept], scores[kept]
    if query.context:
        fits = np.array([matches(state, int(r), query) for r in rows], bool)
        order = np.argsort(~fits, kind="stable")
        rows, scores = rows[order], scores[order]
    found = available(moment, Ranked(rows, scores, which))
    return add_uncounted(moment, found)


def matches(state: LiveState, row: int, query: Query) -> bool:
    attributes = state.item_attributes(row)
    return all(attributes.get(name) == value for name, value in query.context.items())


def add_uncounted(moment: Moment, found: Ranked) -> Ranked:
    """A shop without enough events still answers: catalogue items follow, newest first."""
    k, state = moment.query.k, moment.live.state
    if len(found.rows) >= k or moment.query.surface == TRENDING:
        return found
    taken = set(found.rows.tolist()) | set(moment.left_out.tolist())
    extra: list[int] = []
    for row in range(len(state.items) - 1, -1, -1):
        if len(found.rows) + len(extra) >= k:
            break
        if row not in taken and is_available(state, row):
            extra.append(row)
    rows = np.concatenate((found.rows, np.array(extra, np.int32)))
    scores = np.concatenate((found.scores, np.zeros(len(extra), np.float32)))
    return Ranked(rows, scores, found.strategy)


def related(moment: Moment) -> Ranked:
    """Items that go with one item: by behaviour, else by content, else what is popular."""
    now, query = moment.live, moment.query
    row = now.state.items.row(query.item_id or "")
    itself = np.array([row], np.int32) if row >= 0 else np.zeros(0, np.int32)
    moment = moment._replace(left_out=np.union1d(moment.left_out, itself).astype(np.int32))
    found = related_by_model(now, row, query.k + SPARE + 1)
    found = available(moment, without(found, moment.left_out))
    return fill(moment, found, moment.left_out)


def related_by_model(now: Live, row: int, n: int) -> Ranked:
    recipe, serving = now.serving.recipe, now.serving
    if row < 0 or recipe is None:
        return NOTHING
    model_row = serving.model_row(row)
    if model_row >= 0:
        found, strategy = recipe.related(model_row, n), "related"
        if not len(found.rows) and serving.content is not None:
            found, strategy = serving.content.similar(model_row, n), "content"
        rows, scores = found.rows, found.scores
    else:
        rows, scores = now.cold.neighbours(row)
        strategy = "content"
    rows = serving.to_row[rows]
    return best_first(rows[rows >= 0], scores[rows >= 0], strategy)


def rerank(moment: Moment) -> Ranked:
    """The given items in the shopper's order. What cannot be scored follows, by popularity."""
    now, query = moment.live, moment.query
    rows = np.array([now.state.items.row(item_id) for item_id in query.item_ids], np.int32)
    known = rows[(rows >= 0) & ~np.isin(rows, moment.left_out)]
    if query.seen is None:  # the caller chose these items: nothing is left out unasked
        known = rows[rows >= 0]
    known = known[np.sort(np.unique(known, return_index=True)[1])]
    scores = scores_of(moment, known)
    strategy = "personal" if np.isfinite(scores).any() else "popular"
    order = np.lexsort((-popularity(moment, known), -np.nan_to_num(scores, nan=-np.inf)))
    floor = float(np.nanmin(scores)) if strategy == "personal" else 0.0
    shown = np.nan_to_num(scores, nan=min(floor, 0.0)).astype(np.float32)
    return Ranked(known[order][: query.k], shown[order][: query.k], strategy)


def scores_of(moment: Moment, rows: Int32s) -> Float32s:
    """Scores (len(rows),) of vocabulary rows for this shopper; NaN where nothing is known."""
    serving = moment.live.serving
    scores = np.full(len(rows), np.nan, np.float32)
    if serving.recipe is None or not len(moment.known.rows):
        return scores
    model_rows = serving.model_rows(rows)
    warm = model_rows >= 0
    scores[warm] = serving.recipe.score(moment.known, model_rows[warm])
    cold = rows[~warm].tolist()
    scores[~warm] = moment.live.cold.scores(moment.known, cold)
    return scores


def popularity(moment: Moment, rows: Int32s) -> Float32s:
    return moment.live.state.popularity(moment.query.at, rows)


def fill(moment: Moment, found: Ranked, left_out: Int32s) -> Ranked:
    """Popular items behind what was found, when that is fewer than k; their scores stay below."""
    query = moment.query
    if len(found.rows) >= query.k:
        return Ranked(found.rows[: query.k], found.scores[: query.k], found.strategy)
    avoid = np.concatenate((left_out, found.rows)).astype(np.int32)
    more = popular(moment._replace(left_out=avoid))
    more = Ranked(more.rows[: query.k - len(found.rows)], more.scores, more.strategy)
    if not len(found.rows):
        return Ranked(more.rows, more.scores[: len(more.rows)], "popular")
    floor = float(found.scores[-1])
    below = floor - (np.arange(len(more.rows)) + 1) * max(abs(floor), 1e-6) * 1e-3
    rows = np.concatenate((found.rows, more.rows))
    scores = np.concatenate((found.scores, below.astype(np.float32)))
    return Ranked(rows, scores, found.strategy)


def available(moment: Moment, found: Ranked) -> Ranked:
    """At most k of the found items: those the shop can sell."""
    state, kept = moment.live.state, []
    for i, row in enumerate(found.rows.tolist()):
        if is_available(state, row):
            kept.append(i)
            if len(kept) == moment.query.k:
                break
    return Ranked(found.rows[kept], found.scores[kept], found.strategy)


def is_available(state: LiveState, row: int) -> bool:
    """Whether the shop can sell it: in the catalogue, where there is one, and not withdrawn.
    An event may name any id; that alone must not put it before other shoppers."""
    attributes = state.item_attributes(row)
    if not attributes:
        return not state.has_catalogue
    return attributes.get("available") is not False


def without(found: Ranked, rows: Int32s) -> Ranked:
    kept = ~np.isin(found.rows, rows)
    return Ranked(found.rows[kept], found.scores[kept], found.strategy)


def best_first(rows: Int32s, scores: Float32s, strategy: str) -> Ranked:
    order = np.argsort(-scores, kind="stable")
    return Ranked(rows[order], scores[order], strategy)


SURFACE = {
    PERSONAL: personal,
    RELATED: related,
    TRENDING: trending,
    POPULAR: popular,
    RERANK: rerank,
}

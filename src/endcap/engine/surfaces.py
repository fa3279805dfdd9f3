"""One function for each surface: a moment in, ranked vocabulary rows out."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.values import EMBEDDING, PERSONAL, POPULAR, RELATED, RERANK, TRENDING, Query
from endcap.engine.affinity import by_affinity
from endcap.engine.counted import appended, fill, popular, trending
from endcap.engine.guarding import COLD
from endcap.engine.moment import NOTHING, Live, Moment, Ranked, observe
from endcap.engine.newcomer import for_newcomer
from endcap.engine.rank import asked_of, rank, rank_given, wanted
from endcap.engine.serving import Serving
from endcap.models.queries import ModelQuery, Scored


def personal(moment: Moment) -> Ranked:
    """The shopper's own list; for somebody without a history what newcomers like them want, or
    what is popular in context."""
    if not len(moment.history.items):
        found = for_newcomer(moment)
        return popular(moment) if found is None else fill(moment, found)
    return fill(moment, from_model(moment) or from_shelves(moment))


def from_model(moment: Moment) -> Ranked | None:
    """Candidates of the recipe and of cold items, best first; None: no model knows anything of
    the history."""
    warm = warm_candidates(moment)
    if warm is None:
        return None
    return with_cold(moment, in_vocabulary(moment.live.serving, rank(moment, warm), "personal"))


def warm_candidates(moment: Moment) -> Scored | None:
    """The recipe's candidates in model rows, best first; None: it knows nothing of the history."""
    now, n = moment.live, wanted(moment)
    recipe = now.serving.recipe
    if recipe is None:
        return None
    permitted = moment.allowed_models
    warm = recipe.live_candidates(moment.live_query(), n, permitted)
    if warm is None and len(moment.known.rows):  # cold items in the history
        excluded = now.serving.model_rows(moment.left_out)
        warm = recipe.candidates(moment.known, n, permitted, excluded[excluded >= 0])
    return warm


def ranker_question(now: Live, query: Query) -> Float32s | None:
    """What the answer to ``query`` will ask the ranker, (n, its columns); None: nothing, or not of
    the personal surface."""
    if query.surface != PERSONAL or now.serving.ranker is None:
        return None
    moment = observe(now, query)
    if not len(moment.history.items):
        return None
    return asked_of(moment, warm_candidates(moment))


def from_shelves(moment: Moment) -> Ranked:
    """Without a model that knows anything of the history: popular items of the departments that
    the shopper looks at."""
    now = moment.live
    found = by_affinity(
        now.state, now.shelves, moment.allowed, moment.history, moment.query.at, moment.left_out
    )
    return Ranked(found.rows, found.scores, "affinity")


def with_cold(moment: Moment, found: Ranked, query: ModelQuery | None = None) -> Ranked:
    """``found`` and the cold items that score for ``query`` (the history), best first."""
    if COLD in moment.without:
        return found
    moment.watch.enter(COLD)
    cold = moment.live.cold
    pool = cold.pool(moment.watch)
    if not len(pool.warm):  # nobody to speak for a cold item
        return found
    scores = cold.scores_in(pool, query or moment.known)
    # Only what can still get onto the list: k of the warm ones stand there already.
    enough = len(found.rows) >= moment.query.k
    kept = scores > found.scores[-1] if enough else np.isfinite(scores)
    if len(moment.left_out):
        kept &= ~np.isin(pool.rows, moment.left_out)
    if (filtered := moment.filtered) is not None:
        kept &= filtered.by_row[pool.rows]
    if not kept.any():
        return found
    return best_first(appended(found, pool.rows[kept], scores[kept]))


def related(moment: Moment) -> Ranked:
    """Items that go with one item: by behaviour, else by content, else what is popular."""
    now, query = moment.live, moment.query
    row = now.state.items.row(query.item_id or "")
    if row < 0:
        return fill(moment, NOTHING)
    moment = moment.leaving_out(np.append(moment.left_out, np.int32(row)))
    return fill(moment, related_to(moment, row))


def related_to(moment: Moment, row: int) -> Ranked:
    """What the model, or the content, says of the item at vocabulary ``row``."""
    now, wanted = moment.live, moment.query.k + len(moment.left_out)
    if moment.query.by == EMBEDDING and (placed := now.serving.embedded_row(row)) >= 0:
        return without(near(moment, placed, wanted), moment.left_out)
    recipe, content = now.serving.recipe, now.serving.content
    if recipe is None:
        return NOTHING
    model_row = now.serving.model_row(row)
    if model_row >= 0 and (content is None or recipe.reaches(model_row)):
        found = recipe.related(model_row, wanted, moment.allowed_models)
        alone = ModelQuery(np.array([model_row], np.int32), np.zeros(1, "u1"), np.zeros(1, "f4"))
        ranked = without(in_vocabulary(now.serving, found, "related"), moment.left_out)
        return with_cold(moment, ranked, alone)
    return without(
        in_vocabulary(now.serving, alike(moment, row, wanted), "content"), moment.left_out
    )


def near(moment: Moment, placed: int, n: int) -> Ranked:
    """The sellable items whose embeddings are near that of row ``placed``: those that were found
    elsewhere, if they are enough."""
    now, permitted = moment.live, moment.allowed_models
    if (found := moment.near) is not None:
        if permitted is not None:
            kept = permitted[found.rows]
            found = Scored(found.rows[kept], found.scores[kept])
        if len(found.rows) >= n:
            return in_vocabulary(now.serving, Scored(found.rows[:n], found.scores[:n]), "embedding")
    embeddings = now.serving.embeddings
    assert embeddings is not None  # noqa: S101 - somebody found the row in them
    found = embeddings.related(placed, n, permitted)
    return in_vocabulary(now.serving, found, "embedding")


def alike(moment: Moment, row: int, n: int) -> Scored:
    """The permitted warm items that resemble the item at vocabulary ``row``."""
    return moment.live.cold.similar(row, n, moment.allowed_models)


def rerank(moment: Moment) -> Ranked:
    """The given items in the shopper's order. What cannot be scored follows, by popularity."""
    now, query = moment.live, moment.query
    rows = np.array([now.state.items.row(item_id) for item_id in query.item_ids], np.int32)
    known = rows[rows >= 0]
    if (filtered := moment.filtered) is not None:
        known = known[filtered.of(known)]
    if query.seen is not None:  # the caller chose these items: nothing is left out unasked
        known = known[~np.isin(known, moment.left_out)]
    known = known[np.sort(np.unique(known, return_index=True)[1])]
    scores = rank_given(moment, known, scores_of(moment, known))
    counts = now.state.popularity(query.at, known)
    told = np.isfinite(scores)
    if not told.any():
        order = np.argsort(-counts, kind="stable")
        return Ranked(known[order][: query.k], counts[order][: query.k], "popular")
    order = np.lexsort((-counts, -np.where(told, scores, -np.inf)))
    shown = np.where(told, scores, min(float(scores[told].min()), 0.0)).astype(np.float32)
    return Ranked(known[order][: query.k], shown[order][: query.k], "personal")


def scores_of(moment: Moment, rows: Int32s) -> Float32s:
    """Scores (len(rows),) of vocabulary rows for this shopper; NaN where nothing is known."""
    serving = moment.live.serving
    scores = np.full(len(rows), np.nan, np.float32)
    if serving.recipe is None or not len(moment.known.rows):
        return scores
    model_rows = serving.model_rows(rows)
    warm = model_rows >= 0
    scores[warm] = serving.recipe.score(moment.known, model_rows[warm])
    if not warm.all():
        moment.watch.enter(COLD)
        scores[~warm] = moment.live.cold.scores(moment.known, rows[~warm], moment.watch)
    return scores


def in_vocabulary(serving: Serving, found: Scored, strategy: str) -> Ranked:
    """Model rows that may be recommended (so the vocabulary knows them) to vocabulary rows."""
    return Ranked(serving.to_row.take(found.rows), found.scores, strategy)


def without(found: Ranked, rows: Int32s) -> Ranked:
    kept = ~np.isin(found.rows, rows)
    return Ranked(found.rows[kept], found.scores[kept], found.strategy)


def best_first(found: Ranked) -> Ranked:
    """Equal scores stay in their order."""
    order = np.argsort(-found.scores, kind="stable")
    return Ranked(found.rows[order], found.scores[order], found.strategy)


SURFACE = {
    PERSONAL: personal,
    RELATED: related,
    TRENDING: trending,
    POPULAR: popular,
    RERANK: rerank,
}

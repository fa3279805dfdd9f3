"""The ranker's stage: the recipe's candidates in the order of how likely they are bought.

A failure of it costs the ranker's order and nothing else: the recipe's is served.
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.domain.values import RERANK
from endcap.engine.guarding import RANK
from endcap.engine.moment import Moment, Ranking
from endcap.features.definitions import HISTORY_EVENTS
from endcap.features.rows import context_of, feature_rows
from endcap.models.queries import Scored
from endcap.models.ranker import CANDIDATES, COLUMNS, Ranker

_PLACES = np.arange(CANDIDATES)


def serving_ranker(moment: Moment) -> Ranker | None:
    """The ranker that this moment asks; None: the recipe's order is served, and nobody asked how
    likely its items are."""
    ranker = moment.live.serving.ranker
    if ranker is None or RANK in moment.without:
        return None
    return ranker if ranker.reorders or moment.query.likely else None


def wanted(moment: Moment) -> int:
    """How many candidates the recipe is asked for."""
    k = moment.query.k
    return max(k, CANDIDATES) if serving_ranker(moment) else k


def rank(moment: Moment, found: Scored) -> Scored:
    """The best k of the candidates ``found`` (model rows, in the recipe's order) as the ranker
    orders them. A place keeps its score, so that the list goes on falling on the recipe's scale
    and cold items find their place in it."""
    ranker, k = serving_ranker(moment), moment.query.k
    if ranker is None or len(found.rows) < 2:
        return Scored(found.rows[:k], found.scores[:k])
    moment.watch.finish(RANK)
    try:
        order = ordered(moment, ranker, found)
    except Exception as error:
        moment.without, moment.ranking = moment.watch.spare(error), None
        return Scored(found.rows[:k], found.scores[:k])
    return Scored(found.rows[order[:k]], found.scores[:k])


def ordered(moment: Moment, ranker: Ranker, found: Scored, places: Int64s | None = None) -> Int64s:
    """Positions (n,) of the candidates in the order to serve. Raises Late when this took too
    long, FloatingPointError for a ranker that broke after it was loaded."""
    moment.watch.check()
    asked = _places(len(found.rows)) if places is None else places
    margins = margins_of(moment, ranker, ranker_rows(moment, found.rows, found.scores, asked))
    if not isfinite(margins.sum()):
        raise FloatingPointError("a margin is not a number")
    moment.ranking = Ranking(found.rows, found.scores, asked, margins)
    order = ranker.arranged(margins)
    moment.watch.check()
    return order


def margins_of(moment: Moment, ranker: Ranker, rows: Float32s) -> Float32s:
    """(n,) what an endpoint said of exactly these rows (n, len(COLUMNS)), else the trees here."""
    told = moment.judged.of(rows) if moment.judged is not None else None
    return ranker.trees.margins(rows) if told is None else told


def asked_of(moment: Moment, found: Scored | None) -> Float32s | None:
    """The rows that ``rank`` will ask the ranker of the candidates ``found``; None: nothing."""
    if serving_ranker(moment) is None or found is None or len(found.rows) < 2:
        return None
    return ranker_rows(moment, found.rows, found.scores, _places(len(found.rows)))


def _places(n: int) -> Int64s:
    return _PLACES[:n] if n <= CANDIDATES else np.arange(n)


def rank_given(moment: Moment, rows: Int32s, scores: Float32s) -> Float32s:
    """``scores`` (n,) of vocabulary rows, exchanged among the items that the recipe knows so that
    they fall as the ranker orders these."""
    ranker = serving_ranker(moment)
    model_rows = moment.live.serving.model_rows(rows)
    known = np.flatnonzero((model_rows >= 0) & np.isfinite(scores))
    if ranker is None or len(known) < 2:
        return scores
    known = known[np.argsort(-scores[known], kind="stable")]
    asked = Scored(model_rows[known], scores[known])
    moment.watch.finish(RANK)
    try:
        order = ordered(moment, ranker, asked, recipe_places(moment, asked.rows))
    except Exception as error:
        moment.without, moment.ranking = moment.watch.spare(error), None
        return scores
    exchanged = scores.copy()
    exchanged[known[order]] = scores[known]
    return exchanged


def probabilities(moment: Moment, rows: Int32s, scores: Float32s) -> Float32s | None:
    """(n,) how likely the shopper buys each of the vocabulary rows within the horizon that the
    ranker learnt (``info["horizon_days"]``), above 0 and below 1; None without a ranker, or when
    nothing is known of the shopper. ``scores`` (n,): the recipe's, NaN where it has none."""
    ranker = moment.live.serving.ranker
    if ranker is None or not len(moment.known.rows):
        return None
    return ranker.probabilities(rows_of(moment, rows, scores))


def contributions(moment: Moment, rows: Int32s, scores: Float32s) -> Float64s | None:
    """(n, len(COLUMNS) + 1) how far each feature moved the log-odds of each vocabulary row; the
    last column is an average candidate's. None as in ``probabilities``."""
    ranker = moment.live.serving.ranker
    if ranker is None or not len(moment.known.rows):
        return None
    return ranker.trees.contributions(rows_of(moment, rows, scores))


def rows_of(moment: Moment, rows: Int32s, scores: Float32s) -> Float32s:
    """The ranker's rows of any vocabulary rows (n,)."""
    model_rows = moment.live.serving.model_rows(rows)
    return ranker_rows(moment, model_rows, scores, recipe_places(moment, model_rows))


def recipe_places(moment: Moment, model_rows: Int32s) -> Int64s:
    """(n,) the place of each among the recipe's candidates; ``CANDIDATES``: not among them."""
    now = moment.live
    places = np.full(len(model_rows), CANDIDATES, np.int64)
    if now.serving.recipe is None:
        return places
    left_out = now.serving.model_rows(moment.left_out)
    # Of a list to re-rank the filter takes items away; the order of the others is as without it.
    given = moment.query.surface == RERANK
    permitted = now.permitted.mask() if given else moment.allowed_models
    found = now.serving.recipe.candidates(
        moment.known, CANDIDATES, permitted, left_out[left_out >= 0]
    ).rows
    equal = model_rows[:, None] == found[None, :]  # (n, candidates)
    return np.where(equal.any(axis=1), equal.argmax(axis=1), places) if len(found) else places


def ranker_rows(moment: Moment, model_rows: Int32s, scores: Float32s, places: Int64s) -> Float32s:
    """(n, len(COLUMNS)) what the ranker is asked of these candidates at this moment."""
    now, history, query = moment.live, moment.history, moment.query
    serving = now.serving
    assert serving.ranker is not None  # noqa: S101  every caller has looked
    newest = slice(max(0, len(history.items) - HISTORY_EVENTS), None)
    rows = np.empty((len(model_rows), len(COLUMNS)), np.float32)
    feature_rows(
        serving.model_rows(history.items[newest]),
        now.type_codes[history.types[newest]],
        history.ts[newest],
        model_rows,
        serving.ranker.products,
        query.at,
        context_of(query.at, query.context),
        rows,
    )
    rows[:, -2], rows[:, -1] = scores, places
    return rows

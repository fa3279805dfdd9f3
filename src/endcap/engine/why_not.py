"""What became of one item in one shopper's answer: in it, or dropped by which stage and why."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.explanations import (
    EXCLUDED,
    FILTERED,
    IN_LIST,
    NEWCOMER,
    NO_SCORE,
    NOT_IN_CATALOGUE,
    OUTRANKED,
    UNAVAILABLE,
    UNKNOWN_ITEM,
    Verdict,
)
from endcap.domain.filter_text import expression_text
from endcap.domain.filters import EXCLUDE
from endcap.domain.values import EXCLUDE_PURCHASED, Answer, Query
from endcap.engine.accounts import ledger_of
from endcap.engine.answer import compose
from endcap.engine.cold import MOST_COLD
from endcap.engine.explaining import of_account
from endcap.engine.guarding import CANDIDATES, COLD, OBSERVE, RANK, SHOW
from endcap.engine.moment import PURCHASE_CODE, Live, Moment, observe
from endcap.engine.newcomer import newcomer_scores, told_of
from endcap.engine.ranker_accounts import ranker_ledger
from endcap.engine.surfaces import from_shelves, scores_of


def why_not(now: Live, query: Query, item_id: str) -> Verdict:
    """Exactly one verdict for any item; ``in_list`` if and only if the answer holds it.

    ``query`` is of the personal surface. Costs as much as scoring the whole catalogue once.
    """
    moment = observe(now, query)
    answer = compose(moment)
    for place, item in enumerate(answer.items, start=1):
        if item.id == item_id:
            return Verdict(item_id, IN_LIST, SHOW, rank=place, score=item.score)
    row = now.state.items.row(item_id)
    return dropped(moment, item_id, row) or ranked_out(moment, answer, item_id, row)


def dropped(moment: Moment, item_id: str, row: int) -> Verdict | None:
    """By a rule, whatever its score. None: by none."""
    now = moment.live
    if row < 0:
        return Verdict(item_id, UNKNOWN_ITEM, OBSERVE, "no event and no upsert ever named it")
    mask = now.sellable.mask()
    if mask is not None and not mask[row]:
        if not now.state.item_attributes(row):
            return Verdict(item_id, NOT_IN_CATALOGUE, CANDIDATES, "only events named it")
        return Verdict(item_id, UNAVAILABLE, CANDIDATES, "its attribute available is false")
    if row in moment.left_out:
        return excluded(moment, item_id, row)
    if (filtered := moment.filtered) is not None and not filtered.by_row[row]:
        return Verdict(
            item_id, FILTERED, CANDIDATES, f"filtered out by {why_filtered(moment, row)}"
        )
    return None


def why_filtered(moment: Moment, row: int) -> str:
    """The expression that takes the item away: the first EXCLUDE that it meets, else every INCLUDE
    in force, as it meets none of them."""
    query, now = moment.query, moment.live
    assert query.filter is not None  # noqa: S101 - it took the item away
    asked = query.filter
    included = []
    for expression in asked.filter.expressions:
        alone = replace(asked, filter=replace(asked.filter, expressions=(expression,)))
        permitted = now.masks.permitted(alone, query, moment.history)
        if permitted.of(np.array([row], np.int32))[0]:
            continue
        told = expression_text(expression, asked.filter.entity)
        if expression.effect == EXCLUDE:
            return told
        included.append(told)
    return " | ".join(included)


def excluded(moment: Moment, item_id: str, row: int) -> Verdict:
    """Names the newest event that the seen policy acted on."""
    history, state = moment.history, moment.live.state
    policy = moment.query.seen or moment.live.serving.seen_policy
    theirs = history.items == row
    if policy == EXCLUDE_PURCHASED:
        theirs &= history.types == PURCHASE_CODE
    event = int(np.flatnonzero(theirs)[-1])
    return Verdict(
        item_id, EXCLUDED, CANDIDATES, f"the seen policy {policy} leaves out what the shopper has",
        event_type=state.event_types[int(history.types[event])],
        event_age_seconds=max(moment.query.at - int(history.ts[event]), 0) / 1e6,
    )  # fmt: skip


def ranked_out(moment: Moment, answer: Answer, item_id: str, row: int) -> Verdict:
    """Nothing forbids it: others had more, or it had no score at all."""
    if answer.strategy == "personal":
        lacks = unscored(moment, row)
        if lacks:
            return Verdict(item_id, NO_SCORE, COLD, lacks)
        rows, scores = standings(moment)
    elif answer.strategy == "affinity":
        found = from_shelves(moment)
        rows, scores = found.rows, found.scores
    elif answer.strategy == "newcomer":
        rows, scores = newcomer_scores(moment, permitted(moment), told_of(moment))
    else:
        rows = permitted(moment)
        scores = moment.live.state.popularity(moment.query.at, rows)
    place = np.flatnonzero(rows == row)
    if not len(place):
        return Verdict(item_id, NO_SCORE, CANDIDATES, "too little is known of it to be compared")
    score = float(scores[place[0]])
    if score == 0 and answer.strategy == "popular":
        return Verdict(item_id, NO_SCORE, CANDIDATES, "nobody did anything with it of late")
    above = int(np.count_nonzero(scores > score)) + 1
    said = ranker_ledger(moment)
    if said is not None and (served := said.rank(row)) is not None:
        return below_ranked(moment, answer, item_id, row, served)
    return outranked(moment, answer, item_id, row, max(above, len(answer.items) + 1), score)


def below_ranked(moment: Moment, answer: Answer, item_id: str, row: int, served: int) -> Verdict:
    """An item that the ranker put at place ``served``, with the score of that place. The stage is
    the ranker's where the recipe would have listed the item."""
    said, ranking, k = ranker_ledger(moment), moment.ranking, len(answer.items)
    assert ranking is not None  # noqa: S101  it has a place
    score = float(ranking.scores[served - 1])
    found = outranked(moment, answer, item_id, row, max(served, k + 1), score)
    account = None if said is None else said.account(row)
    if account is None or found.explanation is None:
        return found
    features, told = account
    explanation = replace(found.explanation, score=score, features=features, ranker=told)
    found = replace(found, explanation=explanation)
    if told.recipe_rank is None or told.recipe_rank > k:
        return found
    lacks = f"the ranker moved it from place {told.recipe_rank} of the recipe to place {served}"
    return replace(found, stage=RANK, lacks=lacks)


def outranked(
    moment: Moment, answer: Answer, item_id: str, row: int, rank: int, score: float
) -> Verdict:
    ledger = ledger_of(moment)
    account = None if ledger is None else ledger.account(row, score)
    explanation = None
    if ledger is not None and account is not None:
        explanation = of_account(ledger, account)
    last = answer.items[-1].score
    lacks = "a greater score"
    if last < score:
        lacks = "items of the context come first"
    elif explanation is not None and explanation.source != NEWCOMER and not explanation.because:
        lacks = "nothing that the shopper did leads to it: it has its prior alone"
    return Verdict(
        item_id,
        OUTRANKED,
        CANDIDATES,
        lacks,
        rank,
        score,
        last,
        last - score,
        explanation=explanation,
    )


def unscored(moment: Moment, row: int) -> str:
    """Why the model cannot place a sellable item; empty: it can."""
    now = moment.live
    rows = np.array([row], np.int32)
    if np.isfinite(scores_of(moment, rows)[0]):
        cold = now.serving.model_row(row) < 0
        if cold and row not in now.cold.pool().rows:
            return f"it is not among the {MOST_COLD} newest items that no model has seen"
        return ""
    if now.serving.model_row(row) >= 0:
        return "the model gives it no score"
    return "no model has seen it, and nothing in the catalogue resembles it"


def permitted(moment: Moment) -> Int32s:
    """(n,) rows that no rule keeps out."""
    mask = moment.allowed
    rows = np.arange(len(moment.live.state.items)) if mask is None else np.flatnonzero(mask)
    return rows[~np.isin(rows, moment.left_out)].astype(np.int32)


def standings(moment: Moment) -> tuple[Int32s, Float32s]:
    """All rows that the model can place for this shopper, and their scores."""
    rows = permitted(moment)
    warm = rows[moment.live.serving.model_rows(rows) >= 0]
    cold = moment.live.cold.pool().rows
    if (filtered := moment.filtered) is not None:
        cold = cold[filtered.by_row[cold]]
    both = np.concatenate((warm, cold[~np.isin(cold, moment.left_out)]))
    scores = scores_of(moment, both)
    told = np.isfinite(scores)
    return both[told], scores[told]

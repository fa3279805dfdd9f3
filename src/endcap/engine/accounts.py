"""How a score comes about: a prior, and what each event of the history gave.

The prior and all amounts of an account sum to its score.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from msgspec.structs import replace

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.explanations import (
    AFFINITY,
    COLD,
    CONTENT,
    EMBEDDING,
    MODEL,
    NEWCOMER,
    Cause,
)
from endcap.domain.values import PERSONAL, RELATED, RERANK
from endcap.engine.affinity import STRENGTH, lifts
from endcap.engine.histories import History
from endcap.engine.moment import Live, Moment, standing_in, to_model_query
from endcap.engine.newcomer import lifts_of, told_of
from endcap.models.queries import ModelQuery
from endcap.models.recipe import Recipe

MOST_CAUSES = 5


class Account(NamedTuple):
    """``amounts`` (entries of the ledger,)."""

    source: str
    score: float
    prior: float
    amounts: Float32s
    components: dict[str, float] | None = None
    neighbours: dict[str, float] | None = None


class Ledger(Protocol):
    """What the accounts of one answer are kept over: a history, or the item that was named."""

    def account(self, row: int, told: float) -> Account | None:
        """Of the item at vocabulary ``row``, which retrieval scored ``told``; None: it has no
        such score."""

    def causes(self, amounts: Float32s) -> tuple[tuple[Cause, ...], float]:
        """(the entries that gave most, greatest first; what the rest gave together)."""


def ledger_of(moment: Moment) -> Ledger | None:
    """For the surface that was asked; None: nothing personal is in the answer."""
    query, now = moment.query, moment.live
    if query.surface == RELATED and (row := now.state.items.row(query.item_id or "")) >= 0:
        if query.by == EMBEDDING and now.serving.embedded_row(row) >= 0:
            return OfEmbedding(now, row)
        return OfItem(now, row)
    if query.surface == PERSONAL and not len(moment.history.items) and told_of(moment):
        return OfNewcomer(moment)
    if query.surface in (PERSONAL, RERANK) and len(moment.history.items):
        known = to_model_query(now, moment.history, query.at)
        if len(known.rows):
            return OfModel(moment, known)
        if query.surface == PERSONAL:
            return OfShelves(moment)
    return None


class OfModel:
    """Scores of the recipe for a history."""

    def __init__(self, moment: Moment, known: ModelQuery) -> None:
        self._moment, self._known = moment, known
        self._speakers = standing_in(moment.live, moment.history.items)  # (events,)
        self._places = np.flatnonzero(self._speakers >= 0)  # of known among the history

    def account(self, row: int, told: float) -> Account | None:
        del told  # the account is made anew: the two must agree
        return scored(self._moment.live, self._known, row)

    def causes(self, amounts: Float32s) -> tuple[tuple[Cause, ...], float]:
        events = self._places.tolist()
        return greatest([self._cause(e) for e in events], amounts)

    def _cause(self, event: int) -> Cause:
        now = self._moment.live
        cause = cause_of(self._moment, event)
        row, speaker = int(self._moment.history.items[event]), int(self._speakers[event])
        if now.serving.model_row(row) >= 0:
            return cause
        assert now.serving.recipe is not None  # noqa: S101 - a known history has a recipe
        return replace(cause, through=now.serving.recipe.item_ids[speaker])


class OfShelves:
    """Scores before the first training: departments, aisles and brands of the history."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def account(self, row: int, told: float) -> Account | None:
        moment = self._moment
        each = lifts(moment.live.shelves, moment.history, row)
        base = told / (1 + STRENGTH * float(each.sum()))  # its popularity alone
        return Account(AFFINITY, told, base, (base * STRENGTH * each).astype(np.float32))

    def causes(self, amounts: Float32s) -> tuple[tuple[Cause, ...], float]:
        return greatest(
            [cause_of(self._moment, e) for e in range(len(self._moment.history.items))], amounts
        )


class OfItem:
    """Scores of what goes with one item: it alone is the history."""

    def __init__(self, now: Live, row: int) -> None:
        self._now, self._row = now, row
        model_row = now.serving.model_row(row)
        recipe, content = now.serving.recipe, now.serving.content
        behaviour = recipe is not None and model_row >= 0
        if behaviour and recipe is not None and content is not None:
            behaviour = recipe.reaches(model_row)
        self._alone = None
        if behaviour:
            rows = np.array([model_row], np.int32)
            self._alone = ModelQuery(rows, np.zeros(1, np.uint8), np.zeros(1, np.float32))

    def account(self, row: int, told: float) -> Account | None:
        if self._alone is not None:
            return scored(self._now, self._alone, row, reordered=False)
        return Account(CONTENT, told, 0.0, np.array([told], np.float32))

    def causes(self, amounts: Float32s) -> tuple[tuple[Cause, ...], float]:
        item_id = self._now.state.items.id(self._row) or ""
        return greatest([Cause(item_id, 0.0, 0.0)], amounts)


class OfNewcomer:
    """Scores of somebody without a history: popularity, and what is known of them."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._known = [f"{told.name}={told.value}" for told in told_of(moment)]

    def account(self, row: int, told: float) -> Account | None:
        del told  # the account is made anew: the two must agree
        moment = self._moment
        count = moment.live.state.popularity(moment.query.at, np.array([row], np.int32))
        if count[0] <= 0:
            return None
        prior, amounts = float(np.log1p(count[0])), lifts_of(moment, row)
        known = dict(zip(self._known, amounts.tolist(), strict=True))
        return Account(NEWCOMER, prior + float(amounts.sum()), prior, amounts, known)

    def causes(self, amounts: Float32s) -> tuple[tuple[Cause, ...], float]:
        """No event is behind them."""
        return (), float(amounts.sum(dtype=np.float64))


class OfEmbedding:
    """Scores of what stands near one item in the embeddings: all of it is the item's."""

    def __init__(self, now: Live, row: int) -> None:
        self._id = now.state.items.id(row) or ""

    def account(self, row: int, told: float) -> Account | None:
        del row
        return Account(EMBEDDING, told, 0.0, np.array([told], np.float32))

    def causes(self, amounts: Float32s) -> tuple[tuple[Cause, ...], float]:
        return greatest([Cause(self._id, 0.0, 0.0)], amounts)


def scored(now: Live, known: ModelQuery, row: int, reordered: bool = True) -> Account | None:
    """The recipe's score of an item for a history; a cold item has it from its neighbours.
    ``reordered`` False: as related items are scored."""
    recipe = now.serving.recipe
    if recipe is None:
        return None
    model_row = now.serving.model_row(row)
    if model_row >= 0:
        own, once = np.array([model_row], np.int32), np.ones(1, np.float32)
        return summed(recipe, known, own, once, MODEL, reordered)
    voices = now.cold.voices(row, known)
    if not len(voices.rows):
        return None
    account = summed(recipe, known, voices.rows, voices.scores, COLD)
    if account is None:
        return None
    names = [recipe.item_ids[voice] for voice in voices.rows.tolist()]
    return account._replace(neighbours=dict(zip(names, voices.scores.tolist(), strict=True)))


def summed(
    recipe: Recipe,
    known: ModelQuery,
    rows: Int32s,
    weights: Float32s,
    source: str,
    reordered: bool = True,
) -> Account | None:
    """The weighted sum of the accounts of some model rows. None: they have no score."""
    prior = 0.0
    table = np.zeros((len(known.rows), len(recipe.component_names)))
    for row, weight in zip(rows.tolist(), weights.tolist(), strict=True):
        its_prior, its_table = recipe.account(known, row, reordered)
        prior += weight * its_prior
        table += weight * its_table
    score = prior + float(table.sum())
    if not np.isfinite(score):
        return None
    components: dict[str, float] = {}
    for name, amount in zip(recipe.component_names, table.sum(axis=0).tolist(), strict=True):
        components[name] = components.get(name, 0.0) + amount
    return Account(source, score, prior, table.sum(axis=1).astype(np.float32), components)


def cause_of(moment: Moment, event: int) -> Cause:
    history: History = moment.history
    state = moment.live.state
    return Cause(
        state.items.id(int(history.items[event])) or "", 0.0, 0.0,
        state.event_types[int(history.types[event])],
        max(moment.query.at - int(history.ts[event]), 0) / 1e6,
    )  # fmt: skip


def greatest(causes: list[Cause], amounts: Float32s) -> tuple[tuple[Cause, ...], float]:
    """The ``MOST_CAUSES`` entries whose amounts are greatest by size, and the sum of the rest."""
    sizes = np.abs(amounts)
    total = float(sizes.sum())
    order = np.argsort(-sizes, kind="stable")[:MOST_CAUSES]
    chosen = [place for place in order.tolist() if sizes[place] > 0]
    told = tuple(
        replace(causes[place], amount=float(amounts[place]), share=float(sizes[place]) / total)
        for place in chosen
    )
    return told, float(amounts.sum(dtype=np.float64)) - sum(cause.amount for cause in told)

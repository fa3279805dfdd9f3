"""What one answer is made from: the pinned models and state, and the shopper's moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, UInt8s
from endcap.domain.values import (
    EVENT_TYPES,
    EXCLUDE_NONE,
    EXCLUDE_PURCHASED,
    EXCLUDE_SEEN,
    PURCHASE,
    Query,
)
from endcap.engine.affinity import Shelves
from endcap.engine.cold import ColdItems
from endcap.engine.filter_masks import Masks, Permitted
from endcap.engine.guarding import UNWATCHED, Watch
from endcap.engine.histories import NO_HISTORY, History
from endcap.engine.sellable import Sellable, SellableByModel, newest_of
from endcap.engine.serving import Serving
from endcap.engine.state import LiveState
from endcap.models.live_numpy import LEFT_OUT_ALL, LEFT_OUT_NONE
from endcap.models.queries import LiveQuery, ModelQuery, Scored

PURCHASE_CODE = EVENT_TYPES.index(PURCHASE)


class Ranking(NamedTuple):
    """What the ranker said of the recipe's candidates, in the recipe's order."""

    rows: Int32s  # (n,) model rows
    scores: Float32s  # (n,) the recipe's
    places: Int64s  # (n,) among the recipe's candidates
    margins: Float32s  # (n,) log-odds


class Judged(NamedTuple):
    """What was said elsewhere of the ranker's rows, before the answer is made."""

    rows: Float32s  # (n, features)
    margins: Float32s  # (n,) log-odds

    def of(self, rows: Float32s) -> Float32s | None:
        """The margins, where exactly these rows are asked; the shopper may have gone on."""
        return self.margins if np.array_equal(self.rows, rows, equal_nan=True) else None


class Ranked(NamedTuple):
    """Vocabulary rows, best first, with their scores, and the strategy that made them."""

    rows: Int32s
    scores: Float32s
    strategy: str


NOTHING = Ranked(np.zeros(0, np.int32), np.zeros(0, np.float32), "none")


@dataclass(frozen=True)
class Live:
    """State and models as one process holds them; replaced as a whole, never changed in part.

    The rest is derived from both, follows the state by itself, and is used from one thread.
    """

    state: LiveState
    serving: Serving
    sellable: Sellable
    permitted: SellableByModel
    cold: ColdItems
    shelves: Shelves
    masks: Masks
    type_codes: UInt8s  # (256,) the state's event type codes to the model's


def live(state: LiveState, serving: Serving, beside: Live | None = None) -> Live:
    """``beside``: other models on the same state, with which it shares what hangs on the state
    alone; one on another state shares nothing."""
    shared = beside if beside is not None and beside.state is state else None
    codes = np.zeros(256, np.uint8)  # a type that the model never saw counts as a view
    for code, name in enumerate(state.event_types):
        if name in serving.event_types:
            codes[code] = serving.event_types.index(name)
    sellable = shared.sellable if shared else Sellable(state)
    columns = shared.masks.columns if shared else None
    return Live(
        state=state,
        serving=serving,
        sellable=sellable,
        permitted=SellableByModel(sellable, serving.to_row),
        cold=ColdItems(state, serving, sellable),
        shelves=shared.shelves if shared else Shelves(state),
        masks=Masks(state, sellable, serving.to_row, serving.to_model, columns),
        type_codes=codes,
    )


class Moment:
    """Everything that one answer knows at ``query.at``. Most answers need neither ``known`` nor
    ``left_out``: they are worked out when somebody asks."""

    __slots__ = (
        "_filtered", "_known", "_left_out", "history", "judged", "live", "near", "query", "ranking",
        "watch", "without",
    )  # fmt: skip

    def __init__(
        self,
        query: Query,
        now: Live,
        history: History,
        left_out: Int32s | None = None,
        known: ModelQuery | None = None,
        watch: Watch = UNWATCHED,
        without: tuple[str, ...] = (),
        near: Scored | None = None,
        judged: Judged | None = None,
    ) -> None:
        """``without``: stages that are left out. ``near``: model rows near the item asked about,
        best first, where something else than the model has found them already. ``judged``: what an
        endpoint said of the candidates."""
        self.query, self.live, self.history, self.watch = query, now, history, watch
        self.without, self.near, self.judged = without, near, judged
        self.ranking: Ranking | None = None
        self._known = known
        self._left_out = left_out
        self._filtered: Permitted | None = None

    @property
    def filtered(self) -> Permitted | None:
        """What the query's filter permits; None: there is none."""
        asked = self.query.filter
        if asked is not None and self._filtered is None:
            self._filtered = self.live.masks.permitted(asked, self.query, self.history)
        return self._filtered

    @property
    def allowed(self) -> Bools | None:
        """(items,) by vocabulary row, what may be in the answer. None: everything."""
        if self.query.filter is None:
            return self.live.sellable.mask()
        found = self.filtered
        return None if found is None else found.by_row

    @property
    def allowed_models(self) -> Bools | None:
        """(model rows,) the same by model row."""
        if self.query.filter is None:
            return self.live.permitted.mask()
        found = self.filtered
        return None if found is None else found.by_model

    def newest(self, n: int, avoid: Int32s) -> Int32s:
        """(≤ n,) rows that may be in the answer and are not in ``avoid``, the last come first."""
        return newest_of(self.allowed, len(self.live.state.items), n, avoid)

    @property
    def known(self) -> ModelQuery:
        """The history in model rows."""
        if self._known is None:
            self._known = to_model_query(self.live, self.history, self.query.at, self.watch)
        return self._known

    @property
    def policy(self) -> str:
        """The seen policy in force."""
        return self.query.seen or self.live.serving.seen_policy

    @property
    def left_out(self) -> Int32s:
        """Vocabulary rows that must not be in the answer: at first, what the policy removes."""
        if self._left_out is None:
            self._left_out = left_out(self.history, self.policy)
        return self._left_out

    def leaving_out(self, rows: Int32s) -> Moment:
        """The same moment with ``rows`` in place of ``left_out``."""
        moment = Moment(
            self.query, self.live, self.history, rows, self._known, self.watch, self.without,
            self.near, self.judged,
        )  # fmt: skip
        moment._filtered = self._filtered
        return moment

    def live_query(self) -> LiveQuery:
        """What ``Recipe.live_candidates`` takes: the history as it is."""
        now = self.live
        return LiveQuery(
            *self.history, self.query.at, now.serving.to_model, now.type_codes,
            POLICY_CODES[self.policy],
        )  # fmt: skip


POLICY_CODES = {
    EXCLUDE_NONE: LEFT_OUT_NONE,
    EXCLUDE_SEEN: LEFT_OUT_ALL,
    EXCLUDE_PURCHASED: PURCHASE_CODE,
}


def observe(
    now: Live,
    query: Query,
    watch: Watch = UNWATCHED,
    without: tuple[str, ...] = (),
    near: Scored | None = None,
    judged: Judged | None = None,
) -> Moment:
    """The shopper's history, read once."""
    history = now.state.history(query.user_id) if query.user_id else NO_HISTORY
    return Moment(query, now, history, watch=watch, without=without, near=near, judged=judged)


NO_ROWS = np.zeros(0, np.int32)
NO_QUERY = ModelQuery(NO_ROWS, np.zeros(0, np.uint8), np.zeros(0, np.float32))


def left_out(history: History, policy: str) -> Int32s:
    """Rows of the shopper's own items that must not be in the answer."""
    if policy == EXCLUDE_NONE or not len(history.items):
        return NO_ROWS
    if policy == EXCLUDE_SEEN:
        return np.unique(history.items)
    return np.unique(history.items[history.types == PURCHASE_CODE])


def to_model_query(now: Live, history: History, at: int, watch: Watch = UNWATCHED) -> ModelQuery:
    """The history as the model knows it: cold items stand in by content, or are left out."""
    if now.serving.recipe is None or not len(history.items):
        return NO_QUERY
    rows = standing_in(now, history.items, watch)
    kept = rows >= 0
    ages = np.maximum(at - history.ts, 0) / 1e6
    return ModelQuery(
        rows[kept], now.type_codes[history.types[kept]], ages[kept].astype(np.float32)
    )


def standing_in(now: Live, items: Int32s, watch: Watch = UNWATCHED) -> Int32s:
    """(n,) the model row that speaks for each of n vocabulary rows; -1: none."""
    rows = now.serving.model_rows(items)
    for i in np.flatnonzero(rows < 0):
        watch.check()
        rows[i] = now.cold.stand_in(int(items[i]))
    return rows

"""Which items a filter permits: bitmaps over rows, kept between answers, following every change.

What depends on no user is worked out once for all rows and kept; after a change only the rows that
changed are looked at again. What a user did touches the rows of the user's own events alone: in
a copy these are looked at anew.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from endcap.domain.arrays import Bools, Int32s
from endcap.domain.filters import Condition, Did, Filtering, Literal
from endcap.domain.values import Query
from endcap.engine.attribute_columns import Columns
from endcap.engine.filter_binding import Circumstances, bound, columns_of, says_did, stands_still
from endcap.engine.filter_conditions import evaluate, nobody_did
from endcap.engine.histories import History
from endcap.engine.sellable import Sellable
from endcap.engine.state import LiveState

# What is kept of all filters together; at least one is, however large the catalogue.
MOST_KEPT_BYTES = 64 << 20
MOST_BOUND = 1024  # filters whose condition is kept: those that stand still
REBUILD_SHARE = 4  # more changed rows than one in so many: all are looked at again


class Kept:
    """One condition's bitmap over rows, and over model rows."""

    def __init__(self, condition: Condition) -> None:
        self.condition, self.personal = condition, says_did(condition)
        self.columns = columns_of(condition)
        self.by_row: Bools = np.zeros(0, np.bool_)  # (capacity,) sellable and permitted
        self.by_model: Bools = np.zeros(0, np.bool_)  # (model rows,) the same
        self.rows = self.read = 0
        self.catalogue = False

    @property
    def size(self) -> int:
        return len(self.by_row) + len(self.by_model)


class Permitted:
    """What one answer may hold. Read the arrays, do not write."""

    __slots__ = ("_at", "_by_model", "_by_row", "_history", "_kept", "_masks", "_own")

    def __init__(self, masks: Masks, kept: Kept, history: History, at: int) -> None:
        self._masks, self._kept, self._history, self._at = masks, kept, history, at
        self._by_row: Bools | None = None
        self._by_model: Bools | None = None
        self._own: Bools | None = None

    @property
    def by_row(self) -> Bools:
        """(items,) sellable, and permitted by the filter."""
        if self._by_row is None:
            self._by_row = self._kept.by_row[: self._kept.rows]
            if self._kept.personal:
                self._by_row = patched(self._by_row, self._history.items, self._of_history())
        return self._by_row

    @property
    def by_model(self) -> Bools:
        """(model rows,) the same by model row."""
        if self._by_model is None:
            self._by_model = self._kept.by_model
            if self._kept.personal:
                rows, truths = self._masks.to_model_rows(self._history.items), self._of_history()
                self._by_model = patched(self._by_model, rows[rows >= 0], truths[rows >= 0])
        return self._by_model

    def of(self, rows: Int32s) -> Bools:
        """(n,) whether the filter alone, sold or not, permits each of n rows; -1: an item that
        nobody knows."""
        return self._masks.judge(self._kept, rows, self._history, self._at)

    def _of_history(self) -> Bools:
        """(events,) what becomes of the item of each of the user's events."""
        if self._own is None:
            rows = self._history.items
            truths = self._masks.judge(self._kept, rows, self._history, self._at, known=True)
            self._own = self._masks.sold(rows, truths)
        return self._own


def patched(mask: Bools, rows: Int32s, truths: Bools) -> Bools:
    """``mask`` where it says so of ``rows`` already, else a copy that does."""
    if np.array_equal(mask[rows], truths):
        return mask
    copied = mask.copy()
    copied[rows] = truths
    return copied


class Masks:
    """The filters of one shop while one state and one ``Serving`` are pinned. From one thread."""

    def __init__(
        self,
        state: LiveState,
        sellable: Sellable,
        to_row: Int32s,
        to_model: Int32s,
        columns: Columns | None = None,
    ) -> None:
        """``columns``: of the same state, which others may use as well."""
        self._state, self._sellable = state, sellable
        self._to_row, self._to_model = to_row, to_model
        self.columns = columns or Columns(state.of_items, lambda: len(state.items))
        self._bound: dict[Filtering, Condition] = {}
        self._kept: OrderedDict[Condition, Kept] = OrderedDict()
        self._bytes = 0
        self._codes: dict[tuple[Condition, int], Bools] = {}  # of event types, by what says so
        self._marks: Bools = np.zeros(0, np.bool_)  # (capacity,) false between two uses

    def permitted(self, asked: Filtering, query: Query, history: History) -> Permitted:
        """``query``: who asks, about what, and when; ``asked`` may be another than its own."""
        condition = self._bound.get(asked) or self._condition(asked, query)
        kept = self._kept.get(condition)
        if kept is None or not self._is_current(kept):
            kept = self._refreshed(condition)
        else:
            self._kept.move_to_end(condition)
        return Permitted(self, kept, history, query.at)

    def _condition(self, asked: Filtering, query: Query) -> Condition:
        found = bound(asked, circumstances(self._state, query))
        if stands_still(asked.filter):
            self._bound[asked] = found
            if len(self._bound) > MOST_BOUND:
                del self._bound[next(iter(self._bound))]
        return found

    def _is_current(self, kept: Kept) -> bool:
        state = self._state
        return (
            kept.rows == len(state.items)
            and kept.read == len(state.of_items.changed)
            and kept.catalogue == state.has_catalogue
        )

    def _refreshed(self, condition: Condition) -> Kept:
        kept = self._kept.pop(condition, None) or Kept(condition)
        self._bytes -= kept.size
        self.columns.need(kept.columns)
        self._follow(kept)
        self._kept[condition] = kept
        self._bytes += kept.size
        while self._bytes > MOST_KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size
        return kept

    def _follow(self, kept: Kept) -> None:
        """Bring both bitmaps up to date."""
        state, changed = self._state, self._state.of_items.changed
        items, catalogue = len(state.items), state.has_catalogue
        later = set(changed[kept.read :])
        whole = not len(kept.by_row) or kept.catalogue != catalogue
        if whole or len(later) * REBUILD_SHARE > items:
            self._rebuild(kept, items)
        else:
            later.update(range(kept.rows, items))
            self._patch(kept, np.array(sorted(later), np.int32), items)
        kept.rows, kept.read, kept.catalogue = items, len(changed), catalogue

    def _rebuild(self, kept: Kept, items: int) -> None:
        kept.by_row = np.zeros(items + items // 8 + 64, np.bool_)
        truths = evaluate(kept.condition, self.columns, None, items, nobody_did)
        sold = self._sellable.mask()
        kept.by_row[:items] = truths if sold is None else truths & sold
        known = self._to_row >= 0
        kept.by_model = kept.by_row[np.maximum(self._to_row, 0)] & known

    def _patch(self, kept: Kept, rows: Int32s, items: int) -> None:
        if items > len(kept.by_row):
            grown = np.zeros(items + items // 8 + 64, np.bool_)
            grown[: len(kept.by_row)] = kept.by_row
            kept.by_row = grown
        truths = evaluate(kept.condition, self.columns, rows, items, nobody_did)
        kept.by_row[rows] = truths = self.sold(rows, truths)
        model = self.to_model_rows(rows)
        kept.by_model[model[model >= 0]] = truths[model >= 0]

    def to_model_rows(self, rows: Int32s) -> Int32s:
        """(n,) model rows of vocabulary rows; -1: none."""
        found = np.full(len(rows), -1, np.int32)
        known = rows < len(self._to_model)
        found[known] = self._to_model[rows[known]]
        return found

    def sold(self, rows: Int32s, truths: Bools) -> Bools:
        """``truths`` (n,) of n rows, but false for what is not sold."""
        mask = self._sellable.mask()
        return truths if mask is None else truths & mask[rows]

    def judge(
        self, kept: Kept, rows: Int32s, history: History, at: int, known: bool = False
    ) -> Bools:
        """(n,) what the condition says of n rows for a user with this history; -1: of an item
        without attributes and events. ``known``: there is no -1."""
        if kept.columns:
            self.columns.need(kept.columns)
        there = None if known else rows >= 0
        looked = rows if there is None else np.where(there, rows, 0).astype(np.int32)

        def did(leaf: Did, asked: Int32s | None, items: int) -> Bools:
            return self._did(leaf, history, at, asked, items)

        items = len(self._state.items)
        return evaluate(kept.condition, self.columns, looked, items, did, there)

    def _did(self, leaf: Did, history: History, at: int, rows: Int32s | None, items: int) -> Bools:
        """Whether the user has the events that a condition speaks of, by row."""
        fits = self._meant(leaf)[history.types]
        if leaf.within_us is not None:
            fits &= history.ts >= at - leaf.within_us
        theirs = history.items[fits]
        if len(self._marks) < items:
            self._marks = np.zeros(items + items // 8 + 64, np.bool_)
        self._marks[theirs] = True
        found = self._marks[:items].copy() if rows is None else self._marks[rows]
        self._marks[theirs] = False
        return found

    def _meant(self, leaf: Did) -> Bools:
        key = (leaf, len(self._state.event_types))
        found = self._codes.get(key)
        if found is None:
            if len(self._codes) >= MOST_BOUND:
                self._codes.clear()
            found = self._codes[key] = of_types(leaf, self._state.event_types)
        return found


def circumstances(state: LiveState, query: Query) -> Circumstances:
    """What a filter may speak of beside the items that it chooses."""
    user = state.user_attributes(query.user_id) if query.user_id else {}
    item = state.item_attributes(state.items.row(query.item_id)) if query.item_id else {}
    return Circumstances(query.at, user, item)


def of_types(leaf: Did, event_types: list[str]) -> Bools:
    """(256,) by code, which event types a condition means; "*" means any."""
    wanted = {str(each.value) for each in leaf.types if isinstance(each, Literal)}
    fits = np.zeros(256, np.bool_)
    for code, name in enumerate(event_types):
        fits[code] = "*" in wanted or name.lower() in wanted
    return fits

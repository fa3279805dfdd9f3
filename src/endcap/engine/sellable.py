"""Which items the shop can sell: a bitmap over rows that follows the catalogue.

An item is sellable when it is in the catalogue, where there is one, and not withdrawn
(``available: false``). An event may name any id; that alone must not put it before shoppers.
"""

from __future__ import annotations

import re

import numpy as np

from endcap.domain.arrays import Bools, Int32s
from endcap.domain.values import Attributes
from endcap.engine.ragged import Blobs
from endcap.engine.state import LiveState

# How MessagePack writes ``available: false``. A text may hold the same bytes, so each place found
# is looked at; rows without them need not be decoded.
_WITHDRAWN = re.compile(re.escape(b"\xa9available\xc2"))


def is_sellable(attributes: Attributes) -> bool:
    """Whether an item of a shop with a catalogue can be sold."""
    return bool(attributes) and attributes.get("available") is not False


class Sellable:
    """Kept while one state is pinned. ``version`` grows when any row changes sides."""

    def __init__(self, state: LiveState) -> None:
        self._state = state
        self._rows = base_mask(state, state.of_items.base)  # (capacity,)
        self._read = 0
        self._had_catalogue = state.has_catalogue
        self.version = 0

    def mask(self) -> Bools | None:
        """(items,) by row: read it, do not write. None: there is no catalogue, all are sold."""
        state = self._state
        changed = state.of_items.changed
        if self._read < len(changed):
            self._follow(set(changed[self._read :]))
            self._read = len(changed)
        if not state.has_catalogue:
            return None
        rows = len(state.items)
        if rows > len(self._rows):
            self._grow(rows)
        return self._rows[:rows]

    def _follow(self, changed: set[int]) -> None:
        if max(changed) >= len(self._rows):
            self._grow(max(changed) + 1)
        for row in changed:
            now = is_sellable(self._state.item_attributes(row))
            if now != self._rows[row]:
                self._rows[row] = now
                self.version += 1
        if self._state.has_catalogue != self._had_catalogue:
            self._had_catalogue = True
            self.version += 1

    def _grow(self, rows: int) -> None:
        grown = np.zeros(rows + rows // 2 + 64, np.bool_)
        grown[: len(self._rows)] = self._rows
        self._rows = grown


def newest_of(mask: Bools | None, items: int, n: int, avoid: Int32s) -> Int32s:
    """(≤ n,) rows under ``mask`` (items,), None: all, that are not in ``avoid``, the last come
    first."""
    rows = np.arange(items) if mask is None else np.flatnonzero(mask)
    if n <= 0:
        return rows[:0].astype(np.int32)
    last = rows[-(n + len(avoid)) :][::-1]
    return last[~np.isin(last, avoid)][:n].astype(np.int32)


def base_mask(state: LiveState, base: Blobs) -> Bools:
    """(rows of the snapshot,) what is in its catalogue and not withdrawn."""
    mask: Bools = np.diff(base.starts) > 0
    places = [found.start() for found in _WITHDRAWN.finditer(base.flat.data)]
    for row in np.unique(np.searchsorted(base.starts, places, side="right") - 1).tolist():
        mask[row] = is_sellable(state.of_items.of_base(row))
    return mask


class SellableByModel:
    """The same by model row. Computed anew only when a row changed sides."""

    def __init__(self, sellable: Sellable, to_row: Int32s) -> None:
        self._sellable = sellable
        self._to_row = to_row
        self._version = -1
        self._mask: Bools | None = None

    def mask(self) -> Bools | None:
        """(model rows,) what may be recommended. None: everything."""
        by_row = self._sellable.mask()
        if self._version != self._sellable.version:
            self._version = self._sellable.version
            mask = self._to_row >= 0
            if by_row is not None:
                mask &= by_row[np.maximum(self._to_row, 0)] if len(by_row) else False
            self._mask = None if mask.all() else mask
        return self._mask

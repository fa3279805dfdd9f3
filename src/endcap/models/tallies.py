"""Exact counts: how often each item was met, and how many users or baskets hold two of them.

What a list "most viewed" or "bought together" promises is what stands here; nothing is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s, load_array
from endcap.domain.errors import Damaged
from endcap.models.item_ids import ItemIds, save_ids
from endcap.models.queries import Scored
from endcap.models.tally_kernel import pairs_of_groups

FORMAT = 1
MOST_NEIGHBOURS = 500  # of each item
BASKET_GAP_US = 30 * 60 * 1_000_000  # events further apart are of two baskets
USER, BASKET = "user", "basket"  # what holds two items together

_ARRAYS = ("amounts", "order", "starts", "columns", "counts")


@dataclass(frozen=True)
class Tallies:
    """Counts by model row, positions in ``item_ids``. Equal ones stand in order of their row.

    ``amounts`` (items,): of each item; ``order`` (≤ items,): rows with an amount above 0, greatest
    first. Neighbours of row i are ``columns[starts[i]:starts[i + 1]]``, best first, and how many
    groups hold both ``counts``; None where pairs were not counted.
    """

    item_ids: Sequence[str]
    amounts: Float64s
    order: Int32s
    starts: Int64s | None = None  # (items + 1,)
    columns: Int32s | None = None
    counts: Int32s | None = None
    info: dict[str, Any] | None = None

    @staticmethod
    def fit(data: Interactions, pairs: str | None = None, most: int = MOST_NEIGHBOURS) -> Tallies:
        """Count all events of ``data``: the caller has chosen which. ``pairs``: USER counts users
        who had both items, BASKET baskets (``baskets_of``) that hold both."""
        tallies = ranked(data.item_ids, np.bincount(data.item, minlength=data.n_items))
        if pairs is None:
            return tallies
        group = data.user.astype(np.int64) if pairs == USER else baskets_of(data)
        starts, items = distinct_items(group, data.item, data.n_items)
        by_popularity = np.argsort(-tallies.amounts, kind="stable")
        place = np.empty(data.n_items, np.int64)  # in the order of popularity
        place[by_popularity] = np.arange(data.n_items)
        found = pairs_of_groups(starts, items, place, most)
        return Tallies(data.item_ids, tallies.amounts, tallies.order, *found)

    def popular(
        self, n: int, allowed: Bools | None = None, exclude: Int32s | None = None
    ) -> Scored:
        """The n greatest amounts."""
        rows = _permitted(self.order, n, allowed, exclude)
        return Scored(rows, self.amounts[rows].astype(np.float32))

    def related(
        self, row: int, n: int, allowed: Bools | None = None, exclude: Int32s | None = None
    ) -> Scored:
        """The n items that share most groups with item ``row``; none for a row that is unknown."""
        if self.starts is None or self.columns is None or self.counts is None:
            return Scored(np.zeros(0, np.int32), np.zeros(0, np.float32))
        if not 0 <= row < len(self.starts) - 1:
            return Scored(np.zeros(0, np.int32), np.zeros(0, np.float32))
        own = slice(int(self.starts[row]), int(self.starts[row + 1]))
        columns, counts = self.columns[own], self.counts[own]
        kept = _places(columns, n, allowed, exclude)
        return Scored(columns[kept], counts[kept].astype(np.float32))

    def save(self, folder: Path) -> None:
        """Write into an existing empty folder: .npy arrays and manifest.json."""
        for name in _ARRAYS:
            array = getattr(self, name)
            if array is not None:
                np.save(folder / f"{name}.npy", np.asarray(array))
        save_ids(folder, self.item_ids)
        manifest = {"format": FORMAT, "pairs": self.starts is not None, "info": self.info or {}}
        (folder / "manifest.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        )

    @staticmethod
    def load(folder: Path, mmap: bool = True) -> Tallies:
        """Open a saved folder. Raises Damaged (model_unreadable)."""
        try:
            manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
            if manifest["format"] != FORMAT:
                raise ValueError(f"format {manifest['format']}")
            names = _ARRAYS if manifest["pairs"] else _ARRAYS[:2]
            arrays: dict[str, Any] = {
                name: load_array(folder / f"{name}.npy", mmap) for name in names
            }
            tallies = Tallies(ItemIds.load(folder, mmap), **arrays, info=manifest["info"])
            _check(tallies)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
            raise Damaged("model_unreadable", value=str(folder), reason=str(problem)) from problem
        return tallies


def ranked(item_ids: Sequence[str], amounts: Any) -> Tallies:
    """Tallies without pairs, of amounts (items,) that somebody else worked out."""
    amounts = np.asarray(amounts, np.float64)
    order = np.argsort(-amounts, kind="stable").astype(np.int32)
    return Tallies(item_ids, amounts, order[amounts[order] > 0])


def baskets_of(data: Interactions) -> Int64s:
    """(n,) the basket of each event: those of one user in one session; where no session is known,
    those at most 30 minutes after the one before."""
    session = np.full(len(data), -1) if data.session is None else data.session
    order = np.lexsort((data.ts, session, data.user))
    user, session, ts = data.user[order], session[order], data.ts[order]
    late = (session[1:] < 0) & (np.diff(ts) > BASKET_GAP_US)
    begins = (user[1:] != user[:-1]) | (session[1:] != session[:-1]) | late
    basket = np.empty(len(data), np.int64)
    basket[order] = np.concatenate((np.zeros(min(len(data), 1), np.int64), np.cumsum(begins)))
    return basket


def distinct_items(group: Int64s, item: Int32s, n_items: int) -> tuple[Int64s, Int32s]:
    """(starts (groups + 1,), items): the distinct items of each group, ascending."""
    from scipy import sparse  # here: answers do without

    shape = (int(group.max(initial=-1)) + 1, n_items)
    held = sparse.coo_array((np.ones(len(item), np.bool_), (group, item)), shape=shape).tocsr()
    held.sum_duplicates()
    return held.indptr.astype(np.int64), held.indices.astype(np.int32)


def _permitted(rows: Int32s, n: int, allowed: Bools | None, exclude: Int32s | None) -> Int32s:
    kept: Int32s = rows[_places(rows, n, allowed, exclude)]
    return kept


def _places(rows: Int32s, n: int, allowed: Bools | None, exclude: Int32s | None) -> Any:
    """Which of ``rows`` to answer: a slice or (≤ n,) places."""
    if allowed is None and (exclude is None or not len(exclude)):
        return slice(0, n)
    kept = np.ones(len(rows), np.bool_) if allowed is None else allowed[rows]
    if exclude is not None and len(exclude):
        kept = kept & ~np.isin(rows, exclude)
    return np.flatnonzero(kept)[:n]


def _check(tallies: Tallies) -> None:
    """Sizes and rows that must agree before anything is looked up."""
    n = len(tallies.item_ids)
    if len(tallies.amounts) != n or len(tallies.order) > n:
        raise ValueError("the arrays do not belong together")
    if tallies.starts is None or tallies.columns is None or tallies.counts is None:
        return
    pairs = int(tallies.starts[-1]) if len(tallies.starts) == n + 1 else -1
    if pairs != len(tallies.columns) or pairs != len(tallies.counts):
        raise ValueError("an array is shorter than it should be")

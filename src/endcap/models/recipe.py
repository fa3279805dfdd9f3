"""The default recipe: chooses between item-item families on held-out data, blends them, refits.

What it holds is sparse and memory-mapped; a shopper's history is the query, so that an answer
follows a click without training. It keeps no user ids and no per-user arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.data.interactions import Interactions, described
from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, load_array
from endcap.domain.errors import Damaged
from endcap.domain.values import Attributes
from endcap.models.item_ids import ItemIds, save_ids
from endcap.models.mixture import NO_PAIRS, NONE, Component, Mixture
from endcap.models.neighbours import Neighbours
from endcap.models.queries import LiveQuery, ModelQuery, Queries, Scored, one
from endcap.models.reorder import Reordering

__all__ = ["ModelQuery", "Queries", "Recipe", "Scored"]

FORMAT = 3
_WITHOUT_PAIRS, _LINEAR = 1, 2  # formats of earlier versions, still read
_REORDERING = "reordering"  # a folder, where the head is re-ordered
_STACK = ("starts", "columns", "weights")


def _silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


class Recipe:
    """A fitted model. Rows are positions in ``item_ids``; ``info`` is what training decided."""

    def __init__(self, item_ids: Sequence[str], mixture: Mixture, info: dict[str, Any]) -> None:
        self.item_ids, self.mixture, self.info = item_ids, mixture, info

    @staticmethod
    def fit(
        data: Interactions,
        catalogue: Sequence[Attributes] | None = None,
        *,
        seed: int = 0,
        threads: int = 1,
        budget_s: float | None = None,
        progress: Callable[[str, float], None] = _silent,
        memory_mb: int = 4096,
    ) -> Recipe:
        """Choose, blend and fit. ``budget_s`` bounds the estimated work of the search, not the
        final fit; ``memory_mb`` chooses between exact and local solutions. ``catalogue``: what is
        known of each item; without it nothing is learnt from attributes."""
        from endcap.models.training import train

        data = described(data, catalogue)
        mixture, info = train(data, seed, threads, budget_s, progress, memory_mb)
        return Recipe(data.item_ids, mixture, info)

    def refitted(
        self,
        data: Interactions,
        catalogue: Sequence[Attributes] | None = None,
        *,
        threads: int = 1,
        memory_mb: int = 4096,
    ) -> Recipe:
        """The same choices fitted on other events of the same items, without a search."""
        from endcap.models.training import refit

        data = described(data, catalogue)
        return Recipe(data.item_ids, refit(self.info, data, threads, memory_mb), self.info)

    def candidates(
        self,
        query: ModelQuery,
        n: int,
        allowed: Bools | None = None,
        exclude: Int32s | None = None,
    ) -> Scored:
        """The best n items for a history, best first; fewer where fewer are permitted."""
        batch = one(query)
        left_out = NONE if exclude is None else np.asarray(exclude, np.int32)
        starts = np.array([0, len(left_out)], np.int64)
        rows, scores = self.mixture.top(batch, n, allowed, starts, left_out)
        return _scored(rows[0], scores[0])

    def live_candidates(
        self, query: LiveQuery, n: int, allowed: Bools | None = None, exclude: Int32s = NONE
    ) -> Scored | None:
        """As ``candidates``, straight from the state's arrays; None: an item of the history is
        unknown to the model, so that somebody must say first what stands for it."""
        return self.mixture.live_top(query, n, allowed, exclude)

    def candidates_many(
        self,
        queries: Queries,
        n: int,
        exclude_starts: Int64s | None = None,
        exclude: Int32s = NONE,
    ) -> tuple[Int32s, Float32s]:
        """The same for many histories: rows (queries, n), -1 where there are fewer, and scores."""
        return self.mixture.top(queries, n, None, exclude_starts, exclude)

    def score(self, query: ModelQuery, rows: Int32s) -> Float32s:
        """Scores of ``rows`` (n,) on the scale of ``candidates``; NaN: cannot be scored."""
        asked = np.asarray(rows, np.int32)
        known = (asked >= 0) & (asked < self.mixture.n_items)
        out = np.full(len(asked), np.nan, np.float32)
        targets = asked[known]
        out[known] = self.mixture.scores(one(query), np.array([0, len(targets)], np.int64), targets)
        return out

    def related(self, row: int, n: int, allowed: Bools | None = None) -> Scored:
        """The best n items beside item ``row``: the linear answer to it alone, without itself."""
        own = ModelQuery(np.array([row], np.int32), np.zeros(1, np.uint8), np.zeros(1, "f4"))
        known = own.rows[(own.rows >= 0) & (own.rows < self.mixture.n_items)]
        starts = np.array([0, len(known)], np.int64)
        rows, scores = self.mixture.linear_top(one(own), n, allowed, starts, known)
        return _scored(rows[0], scores[0])

    def reaches(self, row: int) -> bool:
        """Whether item ``row`` says anything of other items; else ``related`` is the prior."""
        stack, n = self.mixture.stack, self.mixture.n_items
        for place in range(row, n * len(self.mixture.components), n):
            columns = stack.columns[stack.starts[place] : stack.starts[place + 1]]
            if (columns != row).any():
                return True
        return False

    def contributions(self, query: ModelQuery, row: int) -> Float32s:
        """How much each history entry gave to the score of item ``row``, (len(query.rows),).
        Their sum is the score less the item's prior, of which re-ordering makes its own."""
        return np.asarray(self.account(query, row)[1].sum(axis=1), np.float32)

    def account(
        self, query: ModelQuery, row: int, reordered: bool = True
    ) -> tuple[float, Float32s]:
        """How the score of item ``row`` comes about: (its prior, what each history entry gave by
        component (len(query.rows), components)); all of it sums to the score. What re-ordering
        makes of the score multiplies each part. ``reordered`` False: as ``related`` scores."""
        history = one(query)
        prior, table = self.mixture.prior[row], self.mixture.contributions(history, row)
        if not reordered or self.mixture.reordering is None:
            return float(prior), table
        factor = self.mixture.factor(history, row)
        return float(prior * factor), table * factor

    @property
    def component_names(self) -> tuple[str, ...]:
        """One for each column of ``account``; a family may come more than once."""
        return tuple(component.name for component in self.mixture.components)

    def save(self, folder: Path) -> None:
        """Write into an existing empty folder: .npy arrays and manifest.json."""
        stack = self.mixture.stack
        for name, array in zip(_STACK, (stack.starts, stack.columns, stack.weights), strict=True):
            np.save(folder / f"{name}.npy", np.asarray(array))
        np.save(folder / "pair_keys.npy", np.asarray(self.mixture.pair_keys))
        np.save(folder / "prior.npy", self.mixture.prior)
        np.save(folder / "prior_order.npy", self.mixture.prior_order)
        if self.mixture.reordering is not None:
            self.mixture.reordering.save(folder / _REORDERING)
        save_ids(folder, self.item_ids)
        manifest = {
            "format": _LINEAR if self.mixture.reordering is None else FORMAT,
            "components": msgspec.to_builtins(self.mixture.components),
            "info": self.info,
        }
        (folder / "manifest.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        )

    @staticmethod
    def load(folder: Path, mmap: bool = True) -> Recipe:
        """Open a saved folder; arrays are mapped read-only, shared between processes.
        Raises Damaged (model_unreadable)."""

        def array(name: str) -> Any:
            # A plain ndarray: compiled code takes a np.memmap many µs to recognise.
            return load_array(folder / f"{name}.npy", mmap)

        try:
            manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
            if manifest["format"] not in (_WITHOUT_PAIRS, _LINEAR, FORMAT):
                raise ValueError(f"format {manifest['format']}")
            components = msgspec.convert(manifest["components"], tuple[Component, ...])
            stack = Neighbours(*(array(name) for name in _STACK))
            prior, order = array("prior"), array("prior_order")
            ids = ItemIds.load(folder, mmap)
            keys = NO_PAIRS if manifest["format"] == _WITHOUT_PAIRS else array("pair_keys")
            _check(stack, len(components), keys, prior, ids)
            moves = None
            if manifest["format"] == FORMAT:
                part = folder / _REORDERING
                moves = Reordering.load(part, len(components), len(prior), mmap)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
            raise Damaged("model_unreadable", value=str(folder), reason=str(problem)) from problem
        return Recipe(ids, Mixture(stack, components, prior, order, keys, moves), manifest["info"])


def _check(stack: Neighbours, components: int, keys: Int64s, prior: Float32s, ids: ItemIds) -> None:
    """Sizes that must agree before a compiled kernel may read the arrays."""
    if stack.n_rows != components * len(prior) + len(keys) or len(ids) != len(prior):
        raise ValueError("the arrays do not belong together")
    if len(stack.columns) != stack.starts[-1] or len(stack.weights) != stack.starts[-1]:
        raise ValueError("an array is shorter than it should be")


def _scored(rows: Int32s, scores: Float32s) -> Scored:
    found = int(np.count_nonzero(rows >= 0))
    return Scored(rows[:found], scores[:found])

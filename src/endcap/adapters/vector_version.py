"""One version of a folder's vectors: ids in order, their index, and labels to filter by."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, load_array
from endcap.domain.errors import Damaged, InvalidInput
from endcap.models.item_ids import ItemIds, save_ids
from endcap.models.nearest import Nearest, checked

FILTERS_KEPT = 64  # bitmaps of filters, one byte a vector each
Filter = tuple[tuple[str, tuple[str, ...]], ...]


class VectorVersion:
    """Rows are positions in ``ids``, which rise by code point. ``codes`` (labels, n): each row's
    label as a position in ``values`` of that name."""

    def __init__(
        self,
        version: str,
        ids: Sequence[str],
        index: Nearest,
        values: Mapping[str, Sequence[str]],
        codes: Int32s,
    ) -> None:
        self.version, self.ids, self.index = version, ids, index
        self._values, self._codes = values, codes
        self._bitmap = lru_cache(FILTERS_KEPT)(self._compiled)

    @staticmethod
    def build(
        version: str,
        ids: Sequence[str],
        vectors: Float32s,
        labels: Mapping[str, Sequence[str]],
        *,
        seed: int,
        recall: float,
        exact_to: int,
    ) -> VectorVersion:
        """Raises InvalidInput (bad_vectors, vector_not_finite, duplicate_id,
        vector_counts_differ)."""
        kept = checked(vectors, "vectors")
        counts = {"vectors": len(kept)} | {name: len(given) for name, given in labels.items()}
        for field, count in counts.items():
            if count != len(ids):
                raise InvalidInput(
                    "vector_counts_differ", field=field, value=count, expected=len(ids)
                )
        order = sorted(range(len(ids)), key=ids.__getitem__)
        rising = [ids[at] for at in order]
        for one, after in pairwise(rising):
            if one == after:
                raise InvalidInput("duplicate_id", field="ids", value=one)
        values = {name: sorted(set(entries)) for name, entries in labels.items()}
        codes = np.empty((len(labels), len(ids)), np.int32)
        for at, (name, entries) in enumerate(labels.items()):
            numbers = {value: number for number, value in enumerate(values[name])}
            codes[at] = [numbers[entries[place]] for place in order]
        index = Nearest.build(kept[order], seed=seed, recall=recall, exact_to=exact_to)
        return VectorVersion(version, rising, index, values, codes)

    def rows(self, ids: Sequence[str]) -> Int32s:
        """The row of each id, (len(ids),); -1 unknown."""
        out = np.full(len(ids), -1, np.int32)
        for at, wanted in enumerate(ids):
            row = bisect_left(self.ids, wanted)
            if row < len(self.ids) and self.ids[row] == wanted:
                out[at] = row
        return out

    def permitted(self, where: Mapping[str, Collection[str]] | None) -> Bools | None:
        """The bitmap (n,) of a filter, kept for the next search; None: everything."""
        if not where:
            return None
        return self._bitmap(tuple((name, tuple(sorted(where[name]))) for name in sorted(where)))

    def _compiled(self, where: Filter) -> Bools:
        allowed = np.ones(len(self.ids), np.bool_)
        names = list(self._values)
        for name, wanted in where:
            if name not in self._values:
                return np.zeros(len(self.ids), np.bool_)
            places = [at for at, value in enumerate(self._values[name]) if value in set(wanted)]
            allowed &= np.isin(self._codes[names.index(name)], places)
        return allowed

    def without(self, rows: Int32s) -> VectorVersion:
        """A copy that lacks ``rows``."""
        kept = np.ones(len(self.ids), np.bool_)
        kept[rows] = False
        ids = [self.ids[row] for row in np.flatnonzero(kept).tolist()]
        return VectorVersion(
            self.version, ids, self.index.without(rows), self._values, self._codes[:, kept]
        )

    def save(self, folder: Path) -> None:
        """Write into an existing empty folder."""
        save_ids(folder, self.ids)
        np.save(folder / "codes.npy", self._codes)
        (folder / "labels.json").write_bytes(msgspec.json.encode(list(self._values.items())))
        (folder / "index").mkdir()
        self.index.save(folder / "index")

    @staticmethod
    def open(version: str, folder: Path) -> VectorVersion:
        """Arrays are mapped read-only. Raises Damaged (vectors_unreadable)."""

        def array(name: str) -> Any:
            return load_array(folder / f"{name}.npy")

        index = Nearest.load(folder / "index")
        try:
            pairs = msgspec.json.decode(
                (folder / "labels.json").read_bytes(), type=list[tuple[str, list[str]]]
            )
            ids, codes = ItemIds.load(folder), array("codes")
            if len(ids) != len(index) or codes.shape != (len(pairs), len(ids)):
                raise ValueError("the files do not belong together")
        except (OSError, ValueError, TypeError, EOFError) as problem:
            raise Damaged("vectors_unreadable", value=str(folder), reason=str(problem)) from problem
        return VectorVersion(version, ids, index, dict(pairs), codes)

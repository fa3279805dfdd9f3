"""The vectors nearest to a query by inner product: exact, or through lists (IVF).

Up to ``EXACT_TO`` vectors every one is scored. Beyond, vectors are divided into 4 √n lists
(``clusters.py``, trained on a sample), and a search reads the lists whose centres promise
most: as many as bring the recall that was asked for, measured on the index's own vectors (or on
queries that are given) and kept in its manifest. Source: Jégou, Douze & Schmid, "Product
quantization for nearest neighbor search" (IEEE TPAMI 33, 2011), without the quantizer.
"""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, UInt64s, load_array
from endcap.domain.errors import Damaged, InvalidInput
from endcap.models import clusters, nearest_kernel
from endcap.models.queries import Scored

FORMAT = 1
EXACT_TO = 100_000
LISTS = 4.0  # times √n
SAMPLE_PER_LIST, ROUNDS = 32, 6
MEASURED, MEASURED_AT = 500, 50  # queries that recall is measured on, and its k
_ALL, _NO_ROWS = np.zeros(0, np.bool_), np.zeros(0, np.int32)


class Facts(Struct, frozen=True):
    """What building decided and measured. An exact index has no lists and finds everything."""

    lists: int = 0
    probes: int = 0  # lists that a search reads
    enough: int = 0  # permitted vectors that a filtered search sees at least
    recall: float = 1.0  # share of the true ``recall_at`` nearest that is found
    recall_at: int = MEASURED_AT
    queries: int = 0  # that recall was measured on
    target: float = 1.0
    seed: int = 0


class Arrays(NamedTuple):
    """``vectors`` (n, d) list by list, ``rows`` (n,) of each, ``starts`` (lists + 1,), ``centres``
    (lists, d) of the lists. Exact: vectors by row, and the others are empty."""

    vectors: Float32s
    rows: Int32s
    starts: Int64s
    centres: Float32s


class _Scratch(threading.local):
    def __init__(self, lists: int) -> None:
        self.scores = np.empty(lists, np.float32)
        self.order = np.empty(lists, np.int32)


class Nearest:
    """Immutable; safe for several threads. Rows are positions in the vectors it was built of."""

    def __init__(self, arrays: Arrays, facts: Facts) -> None:
        self.arrays, self.facts = arrays, facts
        self._scratch = _Scratch(facts.lists)

    @staticmethod
    def build(
        vectors: Float32s,
        *,
        seed: int = 0,
        recall: float = 0.95,
        exact_to: int = EXACT_TO,
        queries: Float32s | None = None,
    ) -> Nearest:
        """Index ``vectors`` (n, d); ``queries`` (q, d): what it will be asked, where that differs
        from its own vectors. Raises InvalidInput (bad_vectors)."""
        kept = checked(vectors, "vectors")
        if len(kept) <= exact_to:
            none = np.zeros((0, kept.shape[1]), np.float32)
            return Nearest(Arrays(kept, _NO_ROWS, np.zeros(1, np.int64), none), Facts(seed=seed))
        draw = np.random.default_rng(seed)
        divided = _divide(kept, draw)
        asked = kept if queries is None else checked(queries, "queries")
        sample = draw.choice(len(asked), min(MEASURED, len(asked)), replace=False)
        return _tuned(divided, asked[sample], recall, seed)

    def __len__(self) -> int:
        return len(self.arrays.vectors)

    @property
    def dimensions(self) -> int:
        return int(self.arrays.vectors.shape[1])

    def top(self, query: Float32s, k: int, allowed: Bools | None = None) -> Scored:
        """The k rows of greatest inner product with ``query`` (d,), best first, equal ones by
        row; only those under ``allowed`` (n,). Fewer only where fewer are permitted."""
        rows, scores = self.top_many(query[None, :], k, allowed)
        found = int(np.count_nonzero(rows[0] >= 0))
        return Scored(rows[0, :found], scores[0, :found])

    def top_many(
        self, queries: Float32s, k: int, allowed: Bools | None = None, probes: int | None = None
    ) -> tuple[Int32s, Float32s]:
        """The same for queries (q, d): rows, -1 where there are fewer, and scores (q, k).
        ``probes``: read another number of lists than was tuned."""
        asked = np.ascontiguousarray(queries, np.float32)
        if asked.ndim != 2 or asked.shape[1] != self.dimensions:
            permitted = f"(queries, {self.dimensions})"
            raise InvalidInput("bad_vectors", field="queries", value=asked.shape, most=permitted)
        k = min(k, len(self))
        rows, scores = np.empty((len(asked), k), np.int32), np.empty((len(asked), k), np.float32)
        permits = _ALL if allowed is None else np.ascontiguousarray(allowed, np.bool_)
        if k == 0:
            return rows, scores
        if not self.facts.lists or self._few(permits):
            places = self._places if self.facts.lists else _NO_ROWS
            nearest_kernel.exact(
                self.arrays.vectors, places, permits, _words(permits), asked, rows, scores
            )
            return rows, scores
        nearest_kernel.probe(
            *self.arrays, self.facts.probes if probes is None else probes, self.facts.enough,
            permits, asked, self._scratch.scores, self._scratch.order, rows, scores,
        )  # fmt: skip
        return rows, scores

    def _few(self, allowed: Bools) -> bool:
        """Whether a filter leaves so few that a search through lists would see them all."""
        return bool(len(allowed)) and int(np.count_nonzero(allowed)) <= self.facts.enough

    def vectors_at(self, rows: Int32s) -> Float32s:
        """The vectors of ``rows`` (r,), (r, d)."""
        return self.arrays.vectors[rows if not self.facts.lists else self._places[rows]]

    @cached_property
    def _places(self) -> Int32s:
        """Where in ``arrays.vectors`` each row lies, (n,)."""
        places = np.empty(len(self), np.int32)
        places[self.arrays.rows] = np.arange(len(self), dtype=np.int32)
        return places

    def without(self, rows: Int32s) -> Nearest:
        """A copy that lacks ``rows``; what follows each moves up. Lists and probes stay."""
        gone = np.zeros(len(self), np.bool_)
        gone[rows] = True
        vectors, order, starts, centres = self.arrays
        if not self.facts.lists:
            return Nearest(self.arrays._replace(vectors=vectors[~gone]), self.facts)
        kept = ~gone[order]
        moved = np.cumsum(~gone, dtype=np.int32) - 1
        before = np.concatenate(([0], np.cumsum(kept)))
        left = Arrays(vectors[kept], moved[order[kept]], before[starts], centres)
        return Nearest(left, self.facts)

    def save(self, folder: Path) -> None:
        """Write into an existing empty folder: .npy arrays and manifest.json."""
        for name, array in self.arrays._asdict().items():
            np.save(folder / f"{name}.npy", array)
        manifest = {"format": FORMAT, "facts": msgspec.to_builtins(self.facts)}
        (folder / "manifest.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        )

    @staticmethod
    def load(folder: Path) -> Nearest:
        """Open a saved folder; arrays are mapped read-only, shared between processes.
        Raises Damaged (vectors_unreadable)."""
        try:
            manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
            if manifest["format"] != FORMAT:
                raise ValueError(f"format {manifest['format']}")
            facts = msgspec.convert(manifest["facts"], Facts)
            arrays = Arrays(*(_mapped(folder / f"{name}.npy") for name in Arrays._fields))
            _check(arrays, facts)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
            raise Damaged("vectors_unreadable", value=str(folder), reason=str(problem)) from problem
        return Nearest(arrays, facts)


def _words(allowed: Bools) -> UInt64s:
    """The bytes of ``allowed`` (n,) by eight, (n // 8,), without a copy where they lie so."""
    whole = allowed[: len(allowed) // 8 * 8]
    return (whole if whole.ctypes.data % 8 == 0 else whole.copy()).view(np.uint64)


def checked(vectors: Any, field: str) -> Float32s:
    """``vectors`` as contiguous float32 (n, d). Raises InvalidInput (bad_vectors)."""
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu":
        raise InvalidInput("bad_vectors", field=field, value=array.shape, most="(vectors, d)")
    kept = np.ascontiguousarray(array, np.float32)
    bad = np.flatnonzero(~np.isfinite(kept).all(axis=1))
    if len(bad):
        raise InvalidInput("vector_not_finite", field=field, value=int(bad[0]))
    return kept


def _divide(vectors: Float32s, draw: np.random.Generator) -> Arrays:
    """Vectors list by list."""
    n = len(vectors)
    lists = max(1, min(n // 4, round(LISTS * n**0.5)))
    sample = draw.choice(n, min(n, SAMPLE_PER_LIST * lists), replace=False)
    found = clusters.centres(vectors[np.sort(sample)], lists, ROUNDS, draw)
    owner = clusters.assigned(vectors, found)
    order = np.argsort(owner, kind="stable").astype(np.int32)
    starts = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=lists)))).astype(np.int64)
    return Arrays(vectors[order], order, starts, clusters.bounds(vectors, owner, found))


def _tuned(arrays: Arrays, asked: Float32s, target: float, seed: int) -> Nearest:
    """With the fewest probes that find ``target`` of the true nearest of ``asked`` (q, d)."""
    lists, k = len(arrays.centres), min(MEASURED_AT, len(arrays.rows))
    true = np.empty((len(asked), k), np.int32)
    nearest_kernel.exact(
        arrays.vectors,
        _NO_ROWS,
        _ALL,
        _words(_ALL),
        asked,
        true,
        np.empty((len(asked), k), np.float32),
    )  # places in arrays.vectors, list by list
    holder = np.searchsorted(arrays.starts, true, side="right") - 1  # (q, k) the list of each
    order = np.argsort(-(asked @ arrays.centres.T), axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(lists)[None, :], axis=1)
    reads = np.take_along_axis(place, holder, axis=1)  # lists read before each is found
    found = np.cumsum(np.bincount(reads.ravel(), minlength=lists)) / reads.size
    probes = min(int(np.searchsorted(found, target)) + 1, lists)
    sizes = np.diff(arrays.starts)
    seen = sizes[order[:, :probes]].sum(axis=1).mean()
    return Nearest(
        arrays,
        Facts(lists, probes, int(seen), float(found[probes - 1]), k, len(asked), target, seed),
    )


def _mapped(path: Path) -> Any:
    # A plain ndarray: compiled code takes a np.memmap many µs to recognise.
    return load_array(path)


def _check(arrays: Arrays, facts: Facts) -> None:
    """What must hold before a compiled kernel may read the arrays."""
    vectors, rows, starts, centres = arrays
    kinds = [a.dtype for a in arrays] == [np.float32, np.int32, np.int64, np.float32]
    if not kinds or vectors.ndim != 2 or centres.ndim != 2 or rows.ndim != 1 or starts.ndim != 1:
        raise ValueError("an array has another type or shape")
    n, d = vectors.shape
    if centres.shape != (facts.lists, d) or len(starts) != facts.lists + 1:
        raise ValueError("the lists do not belong together")
    if not facts.lists:
        return
    whole = starts[0] == 0 and starts[-1] == n == len(rows) and (np.diff(starts) >= 0).all()
    if n and not 0 <= rows.min() <= rows.max() < n:
        raise ValueError("a row lies beyond the vectors")
    if not whole or not np.array_equal(np.bincount(rows, minlength=n), np.ones(n)):
        raise ValueError("the lists do not hold every vector once")

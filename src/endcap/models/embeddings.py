"""Vectors of items, and of shoppers folded in from their history: for vector search.

An item has two vectors of the same space (``spectral.py``): ``folding`` is what it adds to the
vector of a shopper who had it, ``factors`` is what it is found by. A shopper's vector is the sum
of their events' foldings, each weighted by its reading, so that a click moves it at once; nothing
is kept per user. Score = inner product of the shopper's vector and the item's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float32s, Int32s, load_array
from endcap.domain.errors import Damaged
from endcap.models.item_ids import ItemIds, save_ids
from endcap.models.mixture import NONE, behind_of, read
from endcap.models.nearest import Nearest
from endcap.models.queries import ModelQuery, Queries, Scored, one
from endcap.models.reading import Reading

FORMAT = 1
DIMENSIONS = 64
SHORTEST = 1e-20  # a shorter factor is that of an item without events


def _silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


class Embeddings:
    """n items, d dimensions. Rows are positions in ``item_ids``; ``info`` is what fitting
    decided. Immutable; safe for several threads."""

    def __init__(
        self,
        item_ids: Sequence[str],
        folding: Float32s,
        index: Nearest,
        reading: Reading,
        known: Bools,
        info: dict[str, Any],
    ) -> None:
        self.item_ids, self.reading, self.info = item_ids, reading, info
        self.folding = folding  # (n, d)
        self.index = index  # of the factors (n, d)
        self.known = known  # (n,) items that training saw an event of
        self._whole = bool(known.all())

    @staticmethod
    def fit(
        data: Interactions,
        *,
        dimensions: int = DIMENSIONS,
        seed: int = 0,
        progress: Callable[[str, float], None] = _silent,
    ) -> Embeddings:
        """Choose exponents and reading on a held-out tail, then fit on everything."""
        from endcap.models.embedding_training import fit

        return fit(data, dimensions, seed, progress)

    @property
    def factors(self) -> Float32s:
        """What items are found by, (n, d)."""
        return self.index.vectors_at(np.arange(len(self.index), dtype=np.int32))

    def user_vector(self, query: ModelQuery) -> Float32s:
        """The shopper of this history, (d,): zeros where no item of it is known."""
        return self.user_vectors(one(query)).reshape(-1)

    def user_vectors(self, queries: Queries) -> Float32s:
        """The same of many histories, (queries, d)."""
        return folded(self.folding, queries, self.reading)

    def candidates(
        self,
        query: ModelQuery,
        n: int,
        allowed: Bools | None = None,
        exclude: Int32s | None = None,
    ) -> Scored:
        """The best n items for a history, best first; ``allowed`` (items,). Nothing for a history
        of unknown items alone."""
        vector = self.user_vector(query)
        if not vector.any():
            return Scored(NONE, np.zeros(0, np.float32))
        left_out = NONE if exclude is None else np.asarray(exclude, np.int32)
        found = self.index.top(vector, n + len(left_out), self._permitted(allowed))
        if not len(left_out):
            return found
        kept = ~np.isin(found.rows, left_out)
        return Scored(found.rows[kept][:n], found.scores[kept][:n])

    def related(self, row: int, n: int, allowed: Bools | None = None) -> Scored:
        """The best n items beside item ``row``: the answer to it alone, without itself."""
        own = np.array([row], np.int32)
        alone = ModelQuery(own, np.zeros(1, np.uint8), np.zeros(1, np.float32))
        return self.candidates(alone, n, allowed, own)

    def _permitted(self, allowed: Bools | None) -> Bools | None:
        if self._whole:
            return allowed
        return self.known if allowed is None else allowed & self.known

    def save(self, folder: Path) -> None:
        """Write into an existing empty folder: .npy arrays, ``index/`` and manifest.json."""
        np.save(folder / "folding.npy", self.folding)
        np.save(folder / "known.npy", self.known)
        save_ids(folder, self.item_ids)
        (folder / "index").mkdir()
        self.index.save(folder / "index")
        manifest = {
            "format": FORMAT,
            "reading": msgspec.to_builtins(self.reading),
            "info": self.info,
        }
        (folder / "manifest.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        )

    @staticmethod
    def load(folder: Path) -> Embeddings:
        """Open a saved folder; arrays are mapped read-only, shared between processes.
        Raises Damaged (embeddings_unreadable, vectors_unreadable)."""

        def array(name: str) -> Any:
            return load_array(folder / f"{name}.npy")

        index = Nearest.load(folder / "index")
        try:
            manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
            if manifest["format"] != FORMAT:
                raise ValueError(f"format {manifest['format']}")
            reading = msgspec.convert(manifest["reading"], Reading)
            folding, known = array("folding"), array("known")
            ids = ItemIds.load(folder)
            shape = (len(ids), index.dimensions)
            if folding.shape != shape or len(index) != len(ids) or known.shape != shape[:1]:
                raise ValueError("the arrays do not belong together")
            return Embeddings(ids, folding, index, reading, known, manifest["info"])
        except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
            raise Damaged(
                "embeddings_unreadable", value=str(folder), reason=str(problem)
            ) from problem


def folded(folding: Float32s, queries: Queries, reading: Reading) -> Float32s:
    """Vectors (queries, d) of histories: weighted sums of rows of ``folding`` (items, d)."""
    weights = read(reading, queries, behind_of(queries))
    known = (queries.rows >= 0) & (queries.rows < len(folding))
    if queries.size == 1:
        vector = weights[known] @ folding[queries.rows[known]]
        return np.asarray(vector, np.float32)[None, :]
    from scipy import sparse  # here: answers do without

    rows = np.where(known, queries.rows, 0)
    shape = (queries.size, len(folding))
    histories = sparse.csr_matrix((weights * known, rows, queries.starts), shape=shape)
    return np.asarray(histories @ folding, np.float32)

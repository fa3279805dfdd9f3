"""A model's own item ids as a list over memory-mapped bytes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np

from endcap.domain.arrays import Int32s, Int64s, UInt8s, UInt64s, load_array
from endcap.domain.hashing import hash_all, stable_hash


class ItemIds(Sequence[str]):
    """Id i is UTF-8 ``letters[starts[i]:starts[i + 1]]``; ``rows`` (n,) of the ids stand in the
    order of their ``hashes`` (n,), which ascend."""

    def __init__(self, starts: Int64s, letters: UInt8s, hashes: UInt64s, rows: Int32s) -> None:
        self.starts, self.letters, self.hashes, self.rows = starts, letters, hashes, rows

    @staticmethod
    def load(folder: Path, mmap: bool = True) -> ItemIds:
        """What ``save_ids`` wrote. Raises ValueError, OSError."""

        def array(name: str) -> Any:
            path = folder / f"{name}.npy"
            return load_array(path, mmap)

        starts, letters = array("id_starts"), array("id_letters")
        if not len(starts) or len(letters) != starts[-1]:
            raise ValueError("the ids do not belong together")
        if not (folder / "id_hashes.npy").exists():  # written before there was an index
            return ItemIds(starts, letters, *index_of(decoded(starts, letters)))
        hashes, rows = array("id_hashes"), array("id_rows")
        if not len(hashes) == len(rows) == len(starts) - 1:
            raise ValueError("the ids and their index do not belong together")
        return ItemIds(starts, letters, hashes, rows)

    def row(self, item_id: str) -> int:
        """-1 for an unknown id."""
        wanted = stable_hash(item_id.encode())
        place = int(np.searchsorted(self.hashes, np.uint64(wanted)))
        while place < len(self.hashes) and self.hashes[place] == wanted:
            row = int(self.rows[place])
            if self[row] == item_id:
                return row
            place += 1
        return -1

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        at %= len(self)
        return self.letters[self.starts[at] : self.starts[at + 1]].tobytes().decode()


def save_ids(folder: Path, ids: Sequence[str]) -> None:
    encoded = [item_id.encode() for item_id in ids]
    starts = np.concatenate(([0], np.cumsum([len(e) for e in encoded]))).astype(np.int64)
    np.save(folder / "id_starts.npy", starts)
    np.save(folder / "id_letters.npy", np.frombuffer(b"".join(encoded), np.uint8))
    hashes, rows = index_of(ids)
    np.save(folder / "id_hashes.npy", hashes)
    np.save(folder / "id_rows.npy", rows)


def index_of(ids: Sequence[str]) -> tuple[UInt64s, Int32s]:
    """(n,) hashes ascending and the row of each."""
    hashes = hash_all(ids)
    order = np.argsort(hashes, kind="stable").astype(np.int32)
    return hashes[order], order


def decoded(starts: Int64s, letters: UInt8s) -> list[str]:
    raw = letters.tobytes()
    return [raw[start:stop].decode() for start, stop in pairwise(starts.tolist())]

"""A model's own item ids as a list over memory-mapped bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from endcap.domain.arrays import Int64s, UInt8s


class ItemIds(Sequence[str]):
    """Id i is UTF-8 ``letters[starts[i]:starts[i + 1]]``."""

    def __init__(self, starts: Int64s, letters: UInt8s) -> None:
        self._starts, self._letters = starts, letters

    def __len__(self) -> int:
        return len(self._starts) - 1

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
        return self._letters[self._starts[at] : self._starts[at + 1]].tobytes().decode()


def save_ids(folder: Path, ids: Sequence[str]) -> None:
    encoded = [item_id.encode() for item_id in ids]
    starts = np.concatenate(([0], np.cumsum([len(e) for e in encoded]))).astype(np.int64)
    np.save(folder / "id_starts.npy", starts)
    np.save(folder / "id_letters.npy", np.frombuffer(b"".join(encoded), np.uint8))

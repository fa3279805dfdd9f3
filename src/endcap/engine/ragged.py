"""Rows of different lengths in flat arrays: ``flat[starts[row]:starts[row + 1]]``.

Histories, attributes and ids are all kept so. A snapshot's arrays are ``.npy`` files that are
mapped, not read: opening costs nothing and all processes share the same pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from endcap.domain.arrays import Int64s, UInt8s, load_array

Array = NDArray[Any]


def open_array(folder: Path, name: str) -> Array:
    """Map ``name.npy`` read-only. A plain ndarray: slices of np.memmap cost three times more."""
    return load_array(folder / f"{name}.npy")


def write_array(folder: Path, name: str, array: Array) -> None:
    np.save(folder / f"{name}.npy", array, allow_pickle=False)


def create_array(folder: Path, name: str, length: int, dtype: DTypeLike) -> Array:
    """A new file to fill in place, so that a large array never stands in memory whole."""
    path = folder / f"{name}.npy"
    if length == 0:  # an empty file cannot be mapped for writing
        write_array(folder, name, np.empty(0, dtype))
        return np.empty(0, dtype)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=(length,))


def starts_of(lengths: Array) -> Int64s:
    """(rows,) lengths to (rows + 1,) starts."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


class Blobs:
    """Immutable byte strings by row, mapped from ``name.starts`` and ``name.bytes``."""

    def __init__(self, starts: Int64s, flat: UInt8s) -> None:
        self.starts = starts  # (rows + 1,)
        self.flat = flat  # (bytes,)
        self._starts = starts.data
        self._flat = flat.data

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, row: int) -> bytes:
        return bytes(self._flat[self._starts[row] : self._starts[row + 1]])

    @staticmethod
    def of(blobs: Sequence[bytes]) -> Blobs:
        lengths = np.fromiter(map(len, blobs), np.int64, len(blobs))
        return Blobs(starts_of(lengths), np.frombuffer(b"".join(blobs), np.uint8))

    @staticmethod
    def open(folder: Path, name: str) -> Blobs:
        return Blobs(open_array(folder, f"{name}.starts"), open_array(folder, f"{name}.bytes"))

    def write(self, folder: Path, name: str) -> None:
        write_array(folder, f"{name}.starts", self.starts)
        write_array(folder, f"{name}.bytes", self.flat)

    def write_spliced(
        self, folder: Path, name: str, replaced: Mapping[int, bytes], rows: int
    ) -> None:
        """Write these blobs with some rows replaced, padded with empty ones to ``rows``."""
        arrays = {row: (np.frombuffer(blob, np.uint8),) for row, blob in replaced.items()}
        names = (f"{name}.starts", f"{name}.bytes")
        splice(folder, names, (self.starts, self.flat), arrays, rows)


NO_BLOBS = Blobs(np.zeros(1, np.int64), np.empty(0, np.uint8))


def splice(
    folder: Path,
    names: Sequence[str],
    old: Sequence[Array],
    replaced: Mapping[int, Sequence[Array]],
    rows: int,
) -> None:
    """Write ragged rows anew: ``replaced`` rows from memory, all others copied in long runs.

    ``names`` and ``old``: the starts (old rows + 1,) first, then the flat arrays that share them;
    ``replaced[row]`` holds one array for each of those. Rows from the old number up to ``rows``
    are empty unless replaced.
    """
    starts = old[0]
    known = len(starts) - 1
    lengths = np.zeros(rows, np.int64)
    lengths[:known] = np.diff(starts)
    order = sorted(replaced)
    for row in order:
        lengths[row] = len(replaced[row][0])
    new_starts = starts_of(lengths)
    write_array(folder, names[0], new_starts)
    for place, (name, flat) in enumerate(zip(names[1:], old[1:], strict=True)):
        target = create_array(folder, name, int(new_starts[-1]), flat.dtype)
        for before, row in pairwise([-1, *order, known]):
            if before >= 0:
                target[new_starts[before] : new_starts[before + 1]] = replaced[before][place]
            if before + 1 < (stop := min(row, known)):  # an untouched run
                run = flat[starts[before + 1] : starts[stop]]
                target[new_starts[before + 1] : new_starts[stop]] = run


def join_text(ids: Iterable[str]) -> Blobs:
    """The ids as UTF-8 blobs."""
    return Blobs.of([text.encode() for text in ids])

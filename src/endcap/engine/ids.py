"""Ids outside, rows inside: which row an id has, and which id a row.

A row is never given to another id. An erased id leaves a tombstone: its row stays, its string is
gone, and the empty string matches nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from endcap.domain.arrays import Int32s, UInt64s
from endcap.domain.hashing import hash_all, stable_hash
from endcap.engine.ragged import NO_BLOBS, Blobs, join_text, open_array, write_array


class IdTable:
    """An immutable id index over mapped arrays: a row by a binary search over sorted hashes.

    Equal hashes are told apart by their bytes, so a collision costs time and nothing else.
    """

    def __init__(self, texts: Blobs, hashes: UInt64s, rows: Int32s) -> None:
        self.texts = texts  # UTF-8, by row
        self.hashes = hashes  # (live ids,) ascending
        self.rows = rows  # (live ids,) the row of each hash
        self._hashes, self._rows = hashes.data, rows.data

    @staticmethod
    def write(folder: Path, name: str, ids: Sequence[str]) -> None:
        """``ids`` in order of their rows, distinct but for ``""``, the tombstones."""
        join_text(ids).write(folder, f"{name}.ids")
        live = np.flatnonzero(np.fromiter(map(bool, ids), np.bool_, len(ids))).astype(np.int32)
        write_index(folder, name, hash_all([text for text in ids if text]), live)

    @staticmethod
    def open(folder: Path, name: str) -> IdTable:
        hashes = open_array(folder, f"{name}.hashes")
        return IdTable(
            Blobs.open(folder, f"{name}.ids"), hashes, open_array(folder, f"{name}.rows")
        )

    def __len__(self) -> int:
        return len(self.texts)

    def row(self, text: str) -> int:
        """-1 for an unknown id. A few µs, whatever the length of the table."""
        raw = text.encode()
        wanted = stable_hash(raw)
        place = bisect_left(self._hashes, wanted)
        while place < len(self._hashes) and self._hashes[place] == wanted:
            row: int = self._rows[place]
            if raw and self.texts[row] == raw:
                return row
            place += 1
        return -1

    def id(self, row: int) -> str:
        """The id of a row; ``""`` for a tombstone."""
        return self.texts[row].decode()

    def ids(self, rows: Iterable[int] | Int32s) -> list[str]:
        return [self.texts[row].decode() for row in as_ints(rows)]

    def locate(self, ids: Sequence[str]) -> Int32s:
        """(n,) rows of n ids, -1 where unknown."""
        if not len(self.hashes) or not len(ids):
            return np.full(len(ids), -1, np.int32)
        wanted = hash_all(ids)
        places = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        rows = np.where(self.hashes[places] == wanted, self.rows[places], -1).astype(np.int32)
        texts = self.texts
        for place in np.flatnonzero(rows >= 0).tolist():
            if texts[int(rows[place])] != ids[place].encode():
                rows[place] = self.row(ids[place])
        return rows


def write_index(folder: Path, name: str, hashes: UInt64s, rows: Int32s) -> None:
    """Write the search side of a table: n hashes in any order and their rows."""
    order = np.lexsort((rows, hashes))
    write_array(folder, f"{name}.hashes", hashes[order])
    write_array(folder, f"{name}.rows", rows[order])


def as_ints(rows: Iterable[int] | Int32s) -> Iterable[int]:
    return rows.tolist() if isinstance(rows, np.ndarray) else rows


MOST_DECODED = 65_536

EMPTY_TABLE = IdTable(NO_BLOBS, np.empty(0, np.uint64), np.empty(0, np.int32))


class Vocabulary:
    """An IdTable and what came after it. Append-only; a sequence of ids by row."""

    def __init__(self, base: IdTable | None = None) -> None:
        self.base = EMPTY_TABLE if base is None else base
        self._known = len(self.base)
        self._rows: dict[str, int] = {}  # ids added or met since; -1: a base id that was erased
        self._ids: list[str] = []
        self._erased: set[int] = set()  # rows of the base
        self._decoded: dict[int, str] = {}  # of late, at most MOST_DECODED

    def __len__(self) -> int:
        return self._known + len(self._ids)

    def row(self, text: str) -> int:
        """-1 for an unknown id."""
        row = self._rows.get(text)
        if row is None:
            return self.base.row(text) if self._known else -1
        return row

    def add(self, text: str) -> int:
        """The row of an id, a new one if it has none."""
        row = self._rows.get(text, -1)
        if row < 0:
            row = self.row(text)
            if row < 0:
                row = len(self)
                self._ids.append(text)
            self._rows[text] = row  # of the base as well: who came once comes again
        return row

    def id(self, row: int) -> str:
        """The id of a row; ``""`` for a tombstone. IndexError for a row that nobody has."""
        if row >= self._known:
            return self._ids[row - self._known]
        return "" if row in self._erased else self.base.id(row)

    def ids(self, rows: Iterable[int] | Int32s) -> list[str]:
        decoded = self._decoded
        wanted = list(as_ints(rows))
        try:
            return [decoded[row] for row in wanted]
        except KeyError:
            if len(decoded) >= MOST_DECODED:
                decoded.clear()
            for row in wanted[:MOST_DECODED]:
                decoded[row] = self.id(row)
            return [self.id(row) for row in wanted]

    def __getitem__(self, row: int) -> str:
        return self.id(row)

    def locate(self, ids: Sequence[str]) -> Int32s:
        """(n,) rows of n ids, -1 where unknown."""
        rows = self.base.locate(ids)
        if self._rows:
            for place, text in enumerate(ids):
                later = self._rows.get(text)
                if later is not None:
                    rows[place] = later
        return rows

    def later(self) -> Iterator[tuple[int, str]]:
        """Rows and ids that came after the base; ``""`` for a tombstone."""
        return enumerate(self._ids, self._known)

    def erased(self) -> Int32s:
        """Rows of the base that were erased since."""
        return np.fromiter(self._erased, np.int32, len(self._erased))

    def erase(self, text: str) -> int:
        """Leave a tombstone. Returns the row that was erased, -1 if there was none."""
        row = self.row(text)
        self._decoded.pop(row, None)
        if row >= self._known:
            self._ids[row - self._known] = ""
            del self._rows[text]
            if self.base.row(text) >= 0:
                self._rows[text] = -1  # it was erased from the base before
        elif row >= 0:
            self._rows[text] = -1
            self._erased.add(row)
        return row

    def write(self, folder: Path, name: str) -> None:
        """Write base and overlay as one IdTable."""
        base, known = self.base, self._known
        changed: Mapping[int, bytes] = dict.fromkeys(self._erased, b"") | {
            known + place: text.encode() for place, text in enumerate(self._ids)
        }
        base.texts.write_spliced(folder, f"{name}.ids", changed, len(self))
        live = [place for place, text in enumerate(self._ids) if text]
        hashes = hash_all([self._ids[place] for place in live])
        kept = ~np.isin(base.rows, self.erased())
        rows = np.concatenate((base.rows[kept], np.asarray(live, np.int32) + np.int32(known)))
        write_index(folder, name, np.concatenate((base.hashes[kept], hashes)), rows)

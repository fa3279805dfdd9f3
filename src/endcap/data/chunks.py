"""What every reader yields: a bounded run of raw rows with the place each came from."""

from __future__ import annotations

import pyarrow as pa
from msgspec import Struct

OURS = "endcap "  # no column of a file begins so by chance
LINE = OURS + "line"  # number of the line or row in the file
ARRIVAL = OURS + "arrival"  # distinct, growing over the whole import
FAULT = OURS + "fault"


class Position(Struct, frozen=True):
    """Where to go on reading: a byte of the unpacked file and its line, or a row (Parquet), or
    behind a key (database)."""

    offset: int = 0
    line: int = 1
    key: tuple[str, ...] = ()


class Reject(Struct, frozen=True):
    """One row that did not go in. ``line``: from 1; for Parquet the number of the row."""

    file: str
    line: int
    column: str
    code: str
    value: str


class Chunk(Struct, frozen=True):
    """``table``: raw columns and LINE. ``kinds``: the type of each column that has one (JSON,
    Parquet, databases); text files have none. ``bytes_done``: of the file as it lies on disk."""

    table: pa.Table
    rejects: list[Reject]
    position: Position  # behind this chunk
    bytes_done: int
    kinds: dict[str, str] = {}

    @property
    def rows(self) -> int:
        return int(self.table.num_rows) + len(self.rejects)

"""Writes tables to one CSV, JSON lines or Parquet file, a piece at a time.

The bytes depend on the rows alone, not on how they were cut into pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROW_GROUP = 250_000
JSON_ROWS = 20_000  # turned into objects at once


class Writer(Protocol):
    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class ParquetFile:
    """Row groups of exactly ``ROW_GROUP`` rows; the last may be shorter."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pa.parquet.ParquetWriter(path, schema, compression="zstd")
        self._waiting = schema.empty_table()

    def write(self, table: pa.Table) -> None:
        self._waiting = pa.concat_tables([self._waiting, table])
        while len(self._waiting) >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def close(self) -> None:
        if len(self._waiting):
            self._flush(len(self._waiting))
        self._writer.close()

    def _flush(self, rows: int) -> None:
        self._writer.write_table(self._waiting.slice(0, rows).combine_chunks(), row_group_size=rows)
        self._waiting = self._waiting.slice(rows)


class CsvFile:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pa.csv.CSVWriter(path, schema)

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table)

    def close(self) -> None:
        self._writer.close()


class JsonLinesFile:
    """One object a line; members without a value are left out."""

    def __init__(self, path: Path, _: pa.Schema) -> None:
        self._file = path.open("wb")
        self._encoder = msgspec.json.Encoder()

    def write(self, table: pa.Table) -> None:
        names = table.column_names
        for start in range(0, len(table), JSON_ROWS):
            columns = [column.to_pylist() for column in table.slice(start, JSON_ROWS).columns]
            rows = zip(*columns, strict=True)
            objects = [
                {name: value for name, value in zip(names, row, strict=True) if value is not None}
                for row in rows
            ]
            self._file.write(self._encoder.encode_lines(objects))

    def close(self) -> None:
        self._file.close()


FORMATS: dict[str, Callable[[Path, pa.Schema], Writer]] = {
    "parquet": ParquetFile,
    "csv": CsvFile,
    "jsonl": JsonLinesFile,
}

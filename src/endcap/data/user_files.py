"""Rows of users taken out of files that Endcap wrote itself: JSON lines, CSV and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from endcap.data.manifest import sync_file, sync_folder


class BadForm(Exception):
    """The file is not, or no longer, what it was written as."""


def without_users(path: Path, form: str, column: str, gone: Collection[str]) -> int:
    """Remove the rows whose ``column`` is one of ``gone``; how many there were. The file is
    replaced as a whole, and only when it changes. Raises BadForm, FileNotFoundError."""
    staged = path.with_name(f".{path.name}.part")
    try:
        removed = COPIES[form](path, staged, column, frozenset(gone))
        if removed:
            sync_file(staged)
            staged.replace(path)
            sync_folder(path.parent)
        return removed
    except (pa.ArrowInvalid, KeyError, UnicodeDecodeError, msgspec.DecodeError, csv.Error) as error:
        raise BadForm(str(path)) from error
    finally:
        staged.unlink(missing_ok=True)


def _json_lines(path: Path, staged: Path, column: str, gone: frozenset[str]) -> int:
    decode, removed = msgspec.json.Decoder(dict[str, Any]).decode, 0
    with path.open("rb") as source, staged.open("wb") as target:
        for line in source:
            if decode(line)[column] in gone:
                removed += 1
            else:
                target.write(line)
    return removed


def _csv(path: Path, staged: Path, column: str, gone: frozenset[str]) -> int:
    removed = 0
    with path.open(newline="", encoding="utf-8") as source, \
            staged.open("w", newline="", encoding="utf-8") as target:  # fmt: skip
        reader, writer = csv.reader(source), csv.writer(target, lineterminator="\n")
        header = next(reader, [])
        if column not in header:
            raise KeyError(column)
        place = header.index(column)
        writer.writerow(header)
        for row in reader:
            if row[place] in gone:
                removed += 1
            else:
                writer.writerow(row)
    return removed


def _parquet(path: Path, staged: Path, column: str, gone: frozenset[str]) -> int:
    removed, names = 0, pa.array(sorted(gone), pa.string())
    with ExitStack() as files:
        source = files.enter_context(parquet.ParquetFile(path))
        schema = source.schema_arrow
        target = files.enter_context(parquet.ParquetWriter(staged, schema, compression="zstd"))
        for batch in source.iter_batches():
            kept = batch.filter(pc.invert(pc.is_in(batch.column(column), value_set=names)))
            removed += len(batch) - len(kept)
            target.write_batch(kept)
    return removed


COPIES: dict[str, Callable[[Path, Path, str, frozenset[str]], int]] = {
    "jsonl": _json_lines,
    "csv": _csv,
    "parquet": _parquet,
}

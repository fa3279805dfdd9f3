"""Parquet: batches of rows with their numbers; columns keep their types."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from endcap.data.chunks import LINE, Chunk, Position
from endcap.data.sources import File, open_bytes
from endcap.domain.errors import InvalidInput

_ROWS = 500_000


def unpacked(file: File, folder: Path) -> Path:
    """The file itself, or an unpacked copy in ``folder``: Parquet is read from its end."""
    if not file.gzipped:
        return Path(file.path)
    path = folder / f"{Path(file.path).stem}-{file.size}-{file.modified}.parquet"
    if not path.exists():
        staged = path.with_suffix(".part")
        with open_bytes(file) as stream, staged.open("wb") as copy:
            shutil.copyfileobj(stream, copy, 2**20)
        staged.rename(path)
    return path


def read_names(file: File, folder: Path) -> list[str]:
    """Column names. Raises InvalidInput (damaged_file, duplicate_column)."""
    try:
        with parquet.ParquetFile(unpacked(file, folder)) as opened:
            names = list(opened.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error
    lowered = [name.lower() for name in names]
    twice = [name for i, name in enumerate(names) if name.lower() in lowered[:i]]
    if twice:
        raise InvalidInput("duplicate_column", field=twice[0], file=file.path)
    return names


def read_parquet(file: File, start: Position, folder: Path) -> Iterator[Chunk]:
    """All rows from number ``start.offset`` (from 0) on. Raises InvalidInput (damaged_file)."""
    try:
        with parquet.ParquetFile(unpacked(file, folder), pre_buffer=False) as opened:
            yield from _read(file, opened, start.offset)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _read(file: File, opened: parquet.ParquetFile, start: int) -> Iterator[Chunk]:
    total = opened.metadata.num_rows
    first, groups = 0, list[int]()
    for group in range(opened.num_row_groups):
        rows = opened.metadata.row_group(group).num_rows
        if not groups and first + rows <= start:
            first += rows
        else:
            groups.append(group)
    for batch in opened.iter_batches(batch_size=_ROWS, row_groups=groups) if groups else ():
        skip = min(max(start - first, 0), batch.num_rows)
        table = pa.Table.from_batches([batch.slice(skip)])
        numbers = np.arange(first + skip + 1, first + batch.num_rows + 1)
        first += batch.num_rows
        if not table.num_rows:
            continue
        table = table.append_column(LINE, pa.array(numbers))
        done = file.size * first // max(total, 1)
        yield Chunk(table, [], Position(first, first + 1), done)


def _damaged(file: File, error: Exception) -> InvalidInput:
    reason = " ".join(str(error).split())
    return InvalidInput("damaged_file", field=file.path, reason=reason[:200])

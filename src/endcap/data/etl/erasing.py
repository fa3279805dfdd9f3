"""Erased users taken out of the ETL's tables, without a run.

Files that hold them are written anew, under new names, and the next version of the tables names
those. Counts of products, which name nobody, are made anew by the next run: the purge of the lake
has changed what they were made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace
from pyarrow import parquet

from endcap.data.etl.catalogue import TableFile, Tables, newest, publish
from endcap.data.etl.storage import STAGING, NearStorage, only_run
from endcap.domain.columns import TS, USER_ID

TIMES = (TS, "end_ts")  # the first that a table has tells when a row happened


def erase_from_tables(storage: NearStorage, erasures: Mapping[str, int]) -> int:
    """Remove the rows of users up to their erasure (µs); how many there were. Files that no version
    names go. Raises Conflict (etl_running), Damaged (tables_damaged)."""
    tables = newest(storage)
    if not erasures or not (tables.version or storage.others(set())):
        return 0
    with only_run(storage.root):
        storage.remove(STAGING, *storage.others(tables.paths()))
        try:
            return _erased(storage, tables, erasures)
        finally:
            storage.remove(STAGING)


def _erased(storage: NearStorage, tables: Tables, erasures: Mapping[str, int]) -> int:
    clean = {
        file.path: anew
        for state in tables.tables.values()
        for file in state.files
        if (anew := _anew(storage, file, tables.version + 1, erasures)) is not file
    }
    if not clean:
        return 0
    before = sum(state.rows for state in tables.tables.values())
    states = {
        name: replace(state, files=tuple(clean.get(file.path, file) for file in state.files))
        for name, state in tables.tables.items()
    }
    publish(storage, tables, replace(tables, tables=states))
    return before - sum(state.rows for state in states.values())


def _anew(
    storage: NearStorage, file: TableFile, version: int, erasures: Mapping[str, int]
) -> TableFile:
    """The file without the rows of erased users; the same where there are none."""
    folder, _, name = file.path.rpartition("/")
    new = f"{folder}/{version:012d}-{name.rpartition('-')[2]}"
    staged = f"{STAGING}/{new}"
    local = storage.root / staged
    with storage.open(file.path) as opened, parquet.ParquetFile(opened) as source:
        if USER_ID not in source.schema_arrow.names or not _names_any(source, erasures):
            return file
        rows = _kept(source, local, erasures)
    if rows == file.rows:
        return file
    size = local.stat().st_size
    (path,) = storage.move([(staged, new)])
    return TableFile(path, rows, size, file.date)


def _kept(source: parquet.ParquetFile, path: Path, erasures: Mapping[str, int]) -> int:
    """Write what is kept; how many rows that is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with parquet.ParquetWriter(path, source.schema_arrow, compression="zstd") as target:
        for batch in source.iter_batches():
            kept = batch.filter(pc.invert(_gone(batch, erasures)))
            rows += len(kept)
            target.write_batch(kept)
    return rows


def _names_any(source: parquet.ParquetFile, erasures: Mapping[str, int]) -> bool:
    """Read one column before all others."""
    names = pa.array(list(erasures), pa.string())
    return any(
        pc.any(pc.is_in(batch.column(0), value_set=names)).as_py()
        for batch in source.iter_batches(columns=[USER_ID])
    )


def _gone(batch: pa.RecordBatch, erasures: Mapping[str, int]) -> pa.BooleanArray:
    """(rows,) whether a row is of an erased user and happened before, or has no time."""
    place = pc.index_in(batch.column(USER_ID), value_set=pa.array(list(erasures), pa.string()))
    named = pc.is_valid(place)
    time = next((name for name in TIMES if name in batch.schema.names), None)
    if time is None:
        return named
    asked = pa.array(list(erasures.values()), pa.int64()).take(place)
    before = pc.less_equal(batch.column(time).cast(pa.int64()), asked)
    return pc.and_(named, pc.fill_null(before, False))

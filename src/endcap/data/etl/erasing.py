"""Erased users taken out of the ETL's tables where they stand, without a run.

Counts of products, which name nobody, are made anew by the next run: the purge of the lake has
changed what they were made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from endcap.data.etl.storage import only_run
from endcap.data.manifest import sync_file, sync_folder
from endcap.domain.columns import TS, USER_ID

TIMES = (TS, "end_ts")  # the first that a table has tells when a row happened


def erase_from_tables(root: Path, erasures: Mapping[str, int]) -> int:
    """Remove the rows of users up to their erasure (µs); how many there were. Files keep their
    names. Raises Conflict (etl_running)."""
    if not erasures or not root.is_dir():
        return 0
    with only_run(root):
        return sum(_erase(path, erasures) for path in sorted(root.rglob("*.parquet")))


def _erase(path: Path, erasures: Mapping[str, int]) -> int:
    with parquet.ParquetFile(path) as source:
        schema = source.schema_arrow
        if USER_ID not in schema.names or not _names_any(source, erasures):
            return 0
        staged, removed = path.with_name(f".{path.name}.part"), 0
        try:
            with parquet.ParquetWriter(staged, schema, compression="zstd") as target:
                for batch in source.iter_batches():
                    kept = batch.filter(pc.invert(_gone(batch, erasures)))
                    removed += len(batch) - len(kept)
                    target.write_batch(kept)
            if removed:
                sync_file(staged)
                staged.replace(path)
                sync_folder(path.parent)
        finally:
            staged.unlink(missing_ok=True)
    return removed


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

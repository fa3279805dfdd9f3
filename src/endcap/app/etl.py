"""The ETL of an opened shop: the lake's parts become the tables beside it."""

from __future__ import annotations

from endcap.app.compaction import settle
from endcap.app.shop import Shop
from endcap.data.etl.catalogue import newest
from endcap.data.etl.duckdb_engine import DuckDBEngine, Reading
from endcap.data.etl.records import Request, RunRecord
from endcap.data.etl.run import Progress, Run
from endcap.data.etl.storage import only_run
from endcap.domain.times import DAY_US
from endcap.features.parameters import parameters


def make_tables(shop: Shop, request: Request, progress: Progress) -> RunRecord:
    """Bring the lake up to the log's end, then make what is stale in DuckDB.

    Raises InvalidInput (unknown_table, folder_not_writable), Conflict (etl_running),
    Unavailable (disk_full, etl_out_of_memory), Damaged (tables_damaged), and what a lake on S3
    raises.
    """
    progress("reading the log", 0.0)
    settle(shop, request.at)
    tables, lake = shop.tables, shop.lake
    reading = Reading(lake.where, tables.where, (lake.files.prepare, tables.prepare))
    with only_run(tables.root):
        # What runs that were cut short have left; a younger file may be another machine's.
        tables.remove(*tables.others(newest(tables).paths(), request.at - DAY_US))
        engine = DuckDBEngine(lake.root, tables.root, lake.memory_mb, lake.threads, reading)
        try:
            return Run(
                lake.manifest(), tables, engine, request, parameters(request.as_of), progress
            ).run()
        finally:
            engine.close()

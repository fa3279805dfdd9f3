"""The ETL of an opened shop: the lake's parts become the tables of ``tables/``."""

from __future__ import annotations

from pathlib import Path

from endcap.app.compaction import settle
from endcap.app.shop import Shop
from endcap.data.etl.duckdb_engine import DuckDBEngine
from endcap.data.etl.run import Progress, Request, Run, RunRecord
from endcap.data.etl.storage import TABLES, LocalStorage, only_run
from endcap.domain.errors import InvalidInput
from endcap.features.parameters import parameters


def tables_root(shop: Shop) -> Path:
    return shop.lake.root.parent / TABLES


def check_local(shop: Shop) -> None:
    """Raises InvalidInput (lake_on_s3): the ETL reads files of this machine."""
    if shop.settings.lake:
        raise InvalidInput("lake_on_s3", field="ENDCAP_LAKE", value=shop.settings.lake)


def make_tables(shop: Shop, request: Request, progress: Progress) -> RunRecord:
    """Bring the lake up to the log's end, then make what is stale in DuckDB.

    Raises InvalidInput (unknown_table, folder_not_writable, lake_on_s3), Conflict (etl_running),
    Unavailable (disk_full, etl_out_of_memory), Damaged (tables_damaged).
    """
    check_local(shop)
    progress("reading the log", 0.0)
    settle(shop, request.at)
    root, lake = tables_root(shop), shop.lake
    with only_run(root):
        engine = DuckDBEngine(lake.root, root, lake.memory_mb, lake.threads)
        try:
            return Run(
                lake.manifest(), LocalStorage(root), engine, request,
                parameters(request.as_of), progress,
            ).run()  # fmt: skip
        finally:
            engine.close()

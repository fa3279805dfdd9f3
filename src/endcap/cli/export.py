"""``endcap export``."""

from __future__ import annotations

import time

import click

from endcap.cli.output import print_json, print_table, progress
from endcap.settings import Settings

TABLES, FORMATS = ("events", "items", "users"), ("parquet", "csv", "jsonl")


@click.command(
    "export",
    help="Write all events, items and users, up to this moment, to files in FOLDER (or "
    "s3://BUCKET/FOLDER) that other tools read and that `endcap import` takes back. Erased users "
    "are not in them.",
)
@click.argument("folder")
@click.option(
    "--table",
    "tables",
    type=click.Choice(TABLES),
    multiple=True,
    help="This table only; may be repeated.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="parquet",
    show_default=True,
    help="How the files are written.",
)
@click.option("--lake-version", type=int, help="The lake as it was, minus who was erased since.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers of rows as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    folder: str,
    tables: tuple[str, ...],
    form: str,
    lake_version: int | None,
    force: bool,
    as_json: bool,
) -> None:
    from endcap.adapters.remote_files import sent
    from endcap.app.compaction import settle
    from endcap.app.written_files import remember_file
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.data.export import export_tables

    prepare_kernels(settings)
    shop = open_shop(settings)
    with progress("export") as report, sent(folder, replace=force) as local:
        at = time.time_ns() // 1000
        settle(shop, at)
        lake = shop.lake if lake_version is None else shop.lake.at(lake_version)
        counts = export_tables(lake, local, tables or TABLES, form, replace=force, progress=report)
        for table in {"events", "users"}.intersection(counts):
            remember_file(shop, f"{folder.rstrip('/')}/{table}.{form}", form, "user_id", at)
    if as_json:
        print_json(counts)
    else:
        rows = [(f"{folder.rstrip('/')}/{table}.{form}", rows) for table, rows in counts.items()]
        print_table(("file", "rows"), rows)

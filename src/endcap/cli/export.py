"""``endcap export``."""

from __future__ import annotations

import time
from pathlib import Path

import click

from endcap.cli.output import print_json, print_table, progress
from endcap.settings import Settings

TABLES, FORMATS = ("events", "items", "users"), ("parquet", "csv", "jsonl")


@click.command(
    "export",
    help="Write all events, items and users, up to this moment, to files in FOLDER that other "
    "tools read and that `endcap import` takes back. Erased users are not in them.",
)
@click.argument("folder", type=click.Path(path_type=Path))
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
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers of rows as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    folder: Path,
    tables: tuple[str, ...],
    form: str,
    force: bool,
    as_json: bool,
) -> None:
    from endcap.app.compaction import settle
    from endcap.app.written_files import remember_file
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.data.export import export_tables

    prepare_kernels(settings)
    shop = open_shop(settings)
    with progress("export") as report:
        at = time.time_ns() // 1000
        settle(shop, at)
        counts = export_tables(
            shop.lake, folder, tables or TABLES, form, replace=force, progress=report
        )
        for table in {"events", "users"}.intersection(counts):
            remember_file(shop, folder / f"{table}.{form}", form, "user_id", at)
    if as_json:
        print_json(counts)
    else:
        rows = [(str(folder / f"{table}.{form}"), rows) for table, rows in counts.items()]
        print_table(("file", "rows"), rows)

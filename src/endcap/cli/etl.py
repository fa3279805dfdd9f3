"""``endcap etl``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.output import note, print_json, print_table, progress
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.data.etl.engine import Factorisation
    from endcap.data.etl.records import Request, RunRecord

ENGINES = ("duckdb", "spark")


def factor_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of the vectors that Spark fits."""
    options = (
        click.option(
            "--factors",
            type=click.IntRange(1, 1000),
            metavar="N",
            help="On Spark: also vectors of N dimensions of each item and user, by alternating "
            "least squares; 64 are usual.",
        ),
        click.option(
            "--sweeps",
            type=click.IntRange(1, 100),
            help="How often their fit goes over users and items. [default: 10]",
        ),
        click.option(
            "--confidence",
            type=click.FloatRange(min=0, min_open=True),
            help="How much more an event counts in it than none. [default: 10]",
        ),
        click.option(
            "--penalty",
            type=click.FloatRange(min=0),
            help="What long vectors cost in it. [default: 0.1]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    "etl",
    help="Make tables of the lake for training and analysis: events joined with the catalogue, "
    "sessions, features, co-occurrence counts, data-quality checks. Only what changed since the "
    "last run is made anew. See docs/etl.md.",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="duckdb",
    show_default=True,
    help="DuckDB in this process, or Spark.",
)
@click.option(
    "--tables", metavar="NAME,NAME", help="Only these and what they read. Default: all of them."
)
@click.option(
    "--dates",
    metavar="DAY[..DAY]",
    help="Make these UTC dates anew, changed or not, and no others of the tables with dates.",
)
@click.option(
    "--as-of",
    metavar="TIME",
    help="The time of features, ISO 8601: only events before it count. Default: now.",
)
@click.option("--full", is_flag=True, help="Make everything anew.")
@click.option(
    "--only",
    is_flag=True,
    help="With --tables: write none but these; what they read is worked out for this run alone.",
)
@click.option(
    "--master",
    default="local[*]",
    show_default=True,
    help="Where Spark runs: local[2], spark://host:port.",
)
@click.option(
    "--python",
    type=click.Path(dir_okay=False),
    help="A Python that has pyspark, as make setup-spark makes; by default this one.",
)
@factor_options
@click.option("--json", "as_json", is_flag=True, help="Print the run record as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    /,
    *,
    engine: str,
    tables: str | None,
    dates: str | None,
    as_of: str | None,
    full: bool,
    only: bool,
    master: str,
    python: str | None,
    factors: int | None,
    as_json: bool,
    **how: Any,
) -> None:
    from endcap.app import etl
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.data.etl.records import Request
    from endcap.data.etl.sources import parse_dates
    from endcap.domain.times import parse_iso

    at = time.time_ns() // 1000
    first, last = parse_dates(dates)
    moment = at if as_of is None else parse_iso(as_of, "--as-of")
    names = tuple(name.strip() for name in (tables or "").split(",") if name.strip())
    fitted = factorisation(settings, engine, factors, how)
    request = Request(at, moment, names, first, last, full, only, fitted)
    prepare_kernels(settings)
    shop = open_shop(settings)
    if engine == "spark":
        record = on_spark(shop, request, master, python or sys.executable, settings.memory_mb)
    else:
        with progress("etl") as report:
            record = etl.make_tables(shop, request, report)
    if as_json:
        print_json(record)
    else:
        print_run(record, shop.tables.url)


def factorisation(
    settings: Settings, engine: str, factors: int | None, how: dict[str, Any]
) -> Factorisation | None:
    """None where no factors are asked for. Raises UsageError."""
    from endcap.data.etl.engine import Factorisation

    given = {name: value for name, value in how.items() if value is not None}
    if factors is None:
        if given:
            raise click.UsageError(f"--{next(iter(given))} is of --factors N: add it")
        return None
    if engine != "spark":
        raise click.UsageError("--factors needs --engine spark")
    return Factorisation(dimensions=factors, seed=settings.seed, **given)


def on_spark(shop: Shop, request: Request, master: str, python: str, memory_mb: int) -> RunRecord:
    """The job of ``entrypoints/glue.py`` in a process of its own. Leaves with its exit code where
    it failed: it has said why."""
    import msgspec

    from endcap.app.compaction import settle
    from endcap.data.etl.records import RunRecord
    from endcap.data.etl.storage import only_run
    from endcap.domain.times import iso

    settle(shop, request.at)
    given = {
        "lake": spark_url(shop.lake.files.url),
        "output": spark_url(shop.tables.url),
        "tables": ",".join(request.tables),
        "dates": "..".join(day for day in (request.first_date, request.last_date) if day),
        "as-of": iso(request.as_of),
        "full": str(request.full).lower(),
        "only": str(request.only).lower(),
        "master": master,
        "memory-mb": str(memory_mb),
        **factor_words(request.factors),
    }
    words = [part for key, value in given.items() if value for part in (f"--{key}", value)]
    source = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": source}
    # On object stores the job locks nothing; in a folder it does so itself.
    elsewhere = only_run(shop.tables.root) if "://" in given["output"] else nullcontext()
    try:
        with elsewhere:
            done = subprocess.run(
                [python, "-m", "endcap.entrypoints.glue", *words],
                env=environment, stdout=subprocess.PIPE, check=False,
            )  # fmt: skip
    except OSError as error:
        raise click.UsageError(f"--python {python} cannot be run: {error.strerror}") from error
    if done.returncode:
        sys.exit(done.returncode)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=RunRecord)


def factor_words(factors: Factorisation | None) -> dict[str, str]:
    """As the job of ``entrypoints/glue.py`` takes them."""
    if factors is None:
        return {}
    words = {name: str(getattr(factors, name)) for name in factors.__struct_fields__}
    return {"factors": words.pop("dimensions"), **words}


def spark_url(url: str) -> str:
    """Hadoop calls S3 s3a."""
    return f"s3a://{url.removeprefix('s3://')}" if url.startswith("s3://") else url


def print_run(record: RunRecord, root: str) -> None:
    """One line for each table, and where they lie."""
    rows = [
        (made.table, made.partitions, made.partitions_kept, made.rows, made.files,
         f"{made.bytes / 2**20:.2f}", f"{made.seconds:.2f}")
        for made in record.tables
    ]  # fmt: skip
    print_table(("table", "made", "kept", "rows", "files", "MB", "seconds"), rows)
    note(f"version {record.version} of the tables in {root}, by {record.engine}")

"""``endcap import``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.import_database import Asked, import_url, shown
from endcap.cli.output import Report, note, print_json, print_table, progress, say
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.data.importer import ImportOptions, ImportReport
    from endcap.data.sources import Source

Given = Mapping[str, Any]  # options by name
TABLES = {"users": "users", "items": "items", "interactions": "events"}
OF_FILES = (*TABLES, "map", "event_type", "delimiter")  # what says nothing of a database


@click.command(
    "import",
    help="Read users, items and interactions from CSV, JSON or Parquet files (plain or .gz), "
    "folders or globs. Rows that cannot be used are kept in a rejects file; the others go in. "
    "Run again after an interruption it goes on; importing a file twice adds nothing. "
    "With a folder (or s3://BUCKET/FOLDER) that holds users.*, items.* and interactions.* it reads "
    "these. With the URL of a MySQL, MariaDB or PostgreSQL database it reads that instead: what is "
    "new since the last time.",
)
@click.argument("url", required=False)
@click.option("--users", metavar="FILE", multiple=True, help="Users; may be repeated.")
@click.option("--items", metavar="FILE", multiple=True, help="The catalogue; may be repeated.")
@click.option("--interactions", metavar="FILE", multiple=True, help="Events; may be repeated.")
@click.option(
    "--map",
    metavar="NAME=COLUMN",
    multiple=True,
    help="The file's column for one of ours: --map user_id=CustomerID.",
)
@click.option(
    "--mapping",
    metavar="TOML",
    help="A file of such pairs; of a database: a file of its tables, classicmodels or shop.",
)
@click.option(
    "--keep",
    metavar="SQL",
    multiple=True,
    help="Import only interactions of which this is true, over the file's own columns.",
)
@click.option("--event-type", metavar="TYPE", help="For files without such a column [view].")
@click.option(
    "--rename-type", "renames", metavar="OLD=NEW", multiple=True, help="Rename an event type."
)
@click.option("--time-format", metavar="FORMAT", help="Of times, as strptime: %d.%m.%Y %H:%M.")
@click.option("--delimiter", metavar="CHARACTER", help="Of CSV files, \\t: tab; found by itself.")
@click.option("--encoding", metavar="NAME", default="utf-8", show_default=True, help="Of text.")
@click.option("--strict", is_flag=True, help="Stop at the first row that cannot be used.")
@click.option("--propose", is_flag=True, help="Print a mapping for the database, with reasons.")
@click.option("--full", is_flag=True, help="Read all of the database, not only what is new.")
@click.option("--tls", metavar="MODE", help="Of a database: verify, verify-ca, require or off.")
@click.option("--tls-ca", metavar="PEM", help="Certificate of who signed the database's.")
@click.option("--password-file", metavar="FILE", help="Its first line is the database's password.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.pass_obj
def command(settings: Settings, /, **given: Any) -> None:
    options = _options(given)
    asked = Asked(*(given[name] for name in Asked._fields))
    if asked.of_database() and not _is_folder(asked.url or ""):
        of_files = [f"--{name.replace('_', '-')}" for name in OF_FILES if given[name]]
        result = import_url(settings, asked, of_files, options)
    else:
        result = _import_files(settings, given, options)
    if result is not None:
        (print_json if given["as_json"] else _print)(result)


def _options(given: dict[str, Any]) -> ImportOptions:
    from endcap.data.importer import ImportOptions
    from endcap.data.mapping import parse_mapping

    return ImportOptions(
        at=time.time_ns() // 1000,
        strict=given["strict"],
        keep=given["keep"],
        event_type=given["event_type"],
        event_types=parse_mapping(given["renames"]),
        time_format=given["time_format"],
        delimiter=given["delimiter"],
        encoding=given["encoding"],
    )


def _import_files(
    settings: Settings, given: dict[str, Any], options: ImportOptions
) -> ImportReport:
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.data.mapping import parse_mapping, read_mapping

    file, pairs = given["mapping"], parse_mapping(given["map"])
    mapping = (read_mapping(Path(file)) if file else {}) | pairs
    prepare_kernels(settings)
    with progress("import") as report:
        return import_paths(open_shop(settings), given, mapping, options, report)


def import_paths(
    shop: Shop, given: Given, mapping: Mapping[str, str], options: ImportOptions, report: Report
) -> ImportReport:
    """Of ``given``: the folder or s3://… ``url``, and the paths of each of TABLES."""
    from endcap.adapters.remote_files import drop_fetched, fetched
    from endcap.app.importing import import_into

    sources = _sources(given, lambda path: fetched(path, shop.lake.root))
    result = import_into(shop, sources, mapping, options, shown(report))
    for path in _given_paths(given):
        drop_fetched(path, shop.lake.root)
    return result


def _given_paths(given: Given) -> list[str]:
    whole = [given["url"]] if given["url"] else []
    return [*whole, *(path for name in TABLES for path in given[name])]


def _sources(given: Given, local: Callable[[str], str]) -> list[Source]:
    """``local``: a path as given → where its files lie on this machine."""
    from endcap.data.sources import Source

    sources = [Source(table, local(p)) for name, table in TABLES.items() for p in given[name]]
    if given["url"]:
        folder = Path(local(given["url"]))
        sources += [
            Source(table, str(path))
            for name, table in TABLES.items()
            for path in sorted(folder.glob(f"{name}.*"))
        ]
    if not sources:
        raise click.UsageError(
            "give at least one of --users, --items, --interactions, or a folder with files of "
            "these names"
        )
    return sources


def _is_folder(url: str) -> bool:
    return url.startswith("s3://") or Path(url).is_dir()


def _print(result: ImportReport) -> None:
    counts = [
        (table, t.files, t.rows, t.accepted, t.rejected, t.repeats)
        for table, t in result.tables.items()
    ]
    print_table(("table", "files", "rows", "accepted", "rejected", "repeats"), counts)
    reasons = [
        (table, reason.code, reason.column, reason.rows)
        for table, t in result.tables.items()
        for reason in t.reasons
    ]
    if reasons:
        say()
        print_table(("table", "rejected because", "column", "rows"), reasons)
    say()
    print_table(("the lake now", ""), quality_rows(result))
    for file, columns in result.mapping.items():
        chosen = ", ".join(f"{ours}={theirs}" for ours, theirs in columns.items())
        note(f"columns chosen by name in {file}: {chosen}")
    for text in result.notes:
        note(text)
    if result.rejects:
        note(f"every rejected row: {result.rejects}")


def quality_rows(result: ImportReport) -> list[tuple[str, str]]:
    """The data-quality report as (what, value)."""
    q = result.quality
    longest = f" (longest: {q.gaps[0].first} to {q.gaps[0].last})" if q.gaps else ""
    quantiles = ", ".join(f"{float(at):.0%}: {n:g}" for at, n in q.events_per_user.items())
    return [
        ("events", f"{q.events:,}"),
        ("from", q.first_event),
        ("to", q.last_event),
        ("event types", ", ".join(f"{name} {n:,}" for name, n in q.event_types.items())),
        ("users with events", f"{q.users:,}"),
        ("users described", f"{q.known_users:,}"),
        ("events per user", quantiles),
        ("items with events", f"{q.items:,}"),
        ("catalogue", f"{q.known_items:,}"),
        ("items not in the catalogue", f"{q.unknown_items:,} ({q.unknown_item_events:,} events)"),
        ("catalogue items without events", f"{q.cold_items:,} ({q.cold_share:.1%})"),
        ("days with events", f"{q.days_with_events:,}"),
        ("days without events", f"{q.days_without_events:,}{longest}"),
    ]

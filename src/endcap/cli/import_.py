"""``endcap import``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from endcap.cli.output import Report, note, print_json, print_table, progress, say
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.data.importer import ImportReport, Progress
    from endcap.data.sources import Source

PHASES = {"merge": "writing the lake", "measure": "measuring", "snapshot": "writing a snapshot"}


@click.command(
    "import",
    help="Read users, items and interactions from CSV, JSON or Parquet files (plain or .gz), "
    "folders or globs. Rows that cannot be used are kept in a rejects file; the others go in. "
    "Run again after an interruption it goes on; importing a file twice adds nothing.",
)
@click.option("--users", metavar="FILE", multiple=True, help="Users; may be repeated.")
@click.option("--items", metavar="FILE", multiple=True, help="The catalogue; may be repeated.")
@click.option("--interactions", metavar="FILE", multiple=True, help="Events; may be repeated.")
@click.option(
    "--map",
    "pairs",
    metavar="NAME=COLUMN",
    multiple=True,
    help="The file's column for one of ours: --map user_id=CustomerID.",
)
@click.option("--mapping", "mapping_file", metavar="TOML", help="A file of such pairs.")
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
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    users: tuple[str, ...],
    items: tuple[str, ...],
    interactions: tuple[str, ...],
    pairs: tuple[str, ...],
    mapping_file: str | None,
    keep: tuple[str, ...],
    event_type: str | None,
    renames: tuple[str, ...],
    time_format: str | None,
    delimiter: str | None,
    encoding: str,
    strict: bool,
    as_json: bool,
) -> None:
    from endcap.app.importing import import_into
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.data.importer import ImportOptions
    from endcap.data.mapping import parse_mapping, read_mapping

    options = ImportOptions(
        at=time.time_ns() // 1000,
        strict=strict,
        keep=keep,
        event_type=event_type,
        event_types=parse_mapping(renames),
        time_format=time_format,
        delimiter=delimiter,
        encoding=encoding,
    )
    sources = _sources(users, items, interactions)
    mapping = (read_mapping(Path(mapping_file)) if mapping_file else {}) | parse_mapping(pairs)
    prepare_kernels(settings)
    shop = open_shop(settings)
    with progress("import") as report:
        result = import_into(shop, sources, mapping, options, _shown(report))
    (print_json if as_json else _print)(result)


def _sources(
    users: tuple[str, ...], items: tuple[str, ...], interactions: tuple[str, ...]
) -> list[Source]:
    from endcap.data.sources import Source

    given = {"users": users, "items": items, "events": interactions}
    sources = [Source(table, path) for table, paths in given.items() for path in paths]
    if not sources:
        raise click.UsageError("give at least one of --users, --items, --interactions")
    return sources


def _shown(report: Report) -> Callable[[Progress], None]:
    """Progress as text: rows, rows in a second, the share of the bytes."""
    begun = time.monotonic()

    def show(state: Progress) -> None:
        if state.phase != "read":
            report(PHASES.get(state.phase, state.phase))
            return
        speed = state.rows / max(time.monotonic() - begun, 1e-3)
        text = f"{state.rows:,} rows, {speed:,.0f}/s"
        report(text, state.bytes_done / max(state.bytes_total, 1))

    return show


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

"""Import of files into the lake: read, check, stage, merge, publish, report.

Each chunk is on disk before the next begins, so a killed import goes on where it was. The lake
changes once, at the end, by one manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import duckdb
import msgspec
from msgspec import Struct

from endcap.data.catalogue import merge_entities
from endcap.data.check import Reading
from endcap.data.chunks import ARRIVAL
from endcap.data.forgetting import NOT_FORGOTTEN_THEN, find_forgotten, left_out
from endcap.data.import_report import ImportReport, LeftOut, write_report
from endcap.data.lake import Lake, Moved, in_order
from endcap.data.manifest import Manifest, Part, is_full, moved_marks, without_imports
from endcap.data.merge import Merged, merge_events
from endcap.data.normalise import DAY_US, Rules
from endcap.data.quality import iso
from endcap.data.sources import File, Source, find_files
from endcap.data.sql import text
from endcap.data.stage import Chunks, plan_reading, read_file, stage_file
from endcap.data.staging import STAGING, Staging, State, discard, discard_old, open_staging
from endcap.data.views import not_erased
from endcap.domain.columns import EVENT_TYPE, EVENTS
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.domain.records import digest
from endcap.domain.values import EVENT_TYPES

__all__ = ["ImportOptions", "ImportReport", "Progress", "Source", "import_files"]

MOST_TYPES = 255  # of events, as in training
SQL_SHARE = 0.5  # of the memory; rows on their way in and out take the other half


class ImportOptions(Struct, frozen=True):
    """``at``: now, in µs; events later than a day from then are rejected.

    ``keep``: SQL expressions over a file's own columns; event rows for which one is not true are
    rejected. ``event_type``: for files without such a column (default ``view``).
    ``event_types``: renames of types. ``time_format``: strptime format tried before the others.
    """

    at: int
    strict: bool = False
    keep: tuple[str, ...] = ()
    event_type: str | None = None
    event_types: dict[str, str] = {}
    time_format: str | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"


class Progress(Struct, frozen=True):
    """``phase``: read, merge or measure. ``rows`` read so far, bytes of the files as on disk."""

    phase: str
    rows: int
    bytes_done: int
    bytes_total: int


def import_files(
    lake: Lake,
    sources: Sequence[Source],
    mapping: Mapping[str, str],
    options: ImportOptions,
    progress: Callable[[Progress], None],
) -> ImportReport:
    """Import all files whole, or nothing. Run again after a crash it goes on where it was.

    ``mapping``: canonical column or attribute → the files' column (see mapping.resolve). Raises
    InvalidInput, NotFound, Conflict (import_running).
    """
    files = find_files(sources)
    _check(options)

    def plan(staging: Staging) -> list[Reading]:
        return _plan(staging, mapping, options)

    return run_import(lake, Work(files, dict(mapping), plan, read_file), options, progress)


def take_all(_staging: Staging) -> None:
    """Whatever was staged goes in."""


class Work(Struct, frozen=True):
    """What one import reads. ``asked``: what makes it the same import when it is run again.
    ``plan``: how each source is read; ``read``: its rows. ``notes`` stand in the report.
    ``judge`` looks at what was staged and raises InvalidInput where it shall not go in.
    ``replaces``: tables that keep nothing of what imports have brought before."""

    files: list[File]
    asked: object
    plan: Callable[[Staging], list[Reading]]
    read: Chunks
    notes: tuple[str, ...] = ()
    judge: Callable[[Staging], None] = take_all
    replaces: tuple[str, ...] = ()


def run_import(
    lake: Lake, work: Work, options: ImportOptions, progress: Callable[[Progress], None]
) -> ImportReport:
    """Stage all sources, then publish them at once; what an earlier run staged is not read again.

    What was staged is dropped when the input is at fault (InvalidInput), and kept for the next
    when a database is, or the disk is full (Unavailable: disk_full).
    """
    asked = msgspec.json.encode([work.files, work.asked, msgspec.structs.replace(options, at=0)])
    folder = lake.root / STAGING / digest(asked).hex()
    lake = lake.limited(SQL_SHARE)
    day = iso(options.at).translate(str.maketrans("", "", "-:"))
    import_id = f"{day}-{folder.name[:8]}"
    sequence = max(1, lake.manifest().sequence)
    fresh = State(import_id, options.at, sequence, work.files, [], {})
    with open_staging(folder, fresh) as staging:
        try:
            readings = work.plan(staging)
            _read_all(lake, staging, readings, work.read, options.strict, progress)
            work.judge(staging)
            report = _publish(lake, staging, readings, work, options, progress)
        except InvalidInput as error:
            if not error.code.startswith("database_"):
                discard(folder)
            raise
        except (OSError, duckdb.IOException) as error:
            if not is_full(error):
                raise
            raise Unavailable("disk_full", retry_after_s=60, field=str(lake.root)) from error
        discard(folder)
    discard_old(folder.parent, options.at)
    return report


def rules_of(at: int, options: ImportOptions, event_type: str | None) -> Rules:
    """``at``: when the import was first started, in µs."""
    return Rules(at + DAY_US, event_type, options.event_types, options.time_format, options.keep)


def _check(options: ImportOptions) -> None:
    try:
        "".encode(options.encoding)
    except LookupError as error:
        raise InvalidInput("unknown_encoding", value=options.encoding) from error
    if options.delimiter not in (None, "\\t") and len(options.delimiter or "") != 1:
        raise InvalidInput("bad_delimiter", value=options.delimiter)


def _plan(staging: Staging, mapping: Mapping[str, str], options: ImportOptions) -> list[Reading]:
    rules = rules_of(staging.state.at, options, options.event_type)
    return [
        plan_reading(
            index,
            file,
            dict(mapping),
            rules,
            delimiter="\t" if options.delimiter == "\\t" else options.delimiter,
            encoding=options.encoding,
            folder=staging.folder,
        )
        for index, file in enumerate(staging.state.files)
    ]


def _read_all(
    lake: Lake,
    staging: Staging,
    readings: Sequence[Reading],
    read: Chunks,
    strict: bool,
    progress: Callable[[Progress], None],
) -> None:
    rows = sum(done.rows for done in staging.state.done)
    total = sum(file.size for file in staging.state.files)
    before = 0
    with lake.connect(Manifest()) as connection:
        for reading in readings:

            def report(more: int, bytes_done: int, before: int = before) -> None:
                nonlocal rows
                rows += more
                progress(Progress("read", rows, before + bytes_done, total))

            stage_file(connection, staging, reading, strict, report, read)
            before += reading.file.size


def _publish(
    lake: Lake,
    staging: Staging,
    readings: Sequence[Reading],
    work: Work,
    options: ImportOptions,
    progress: Callable[[Progress], None],
) -> ImportReport:
    rows = sum(done.rows for done in staging.state.done)
    total = sum(file.size for file in staging.state.files)
    progress(Progress("merge", rows, total, total))
    manifest, left = _merge(lake, staging, work.replaces)
    progress(Progress("measure", rows, total, total))
    return write_report(lake, manifest, staging, readings, left, options.event_type, work.notes)


def _merge(
    lake: Lake, staging: Staging, replaces: Sequence[str]
) -> tuple[Manifest, dict[str, LeftOut]]:
    """Publish everything staged; the new manifest and, by table, what did not go in."""
    while True:
        standing = lake.manifest()
        base = without_imports(standing, replaces)
        users = merge_entities(lake, base, staging, "users")
        items = merge_entities(lake, base, staging, "items")
        events, forgotten = _merge_events(lake, base, staging)
        left = {
            "users": LeftOut(users.repeats, users.forgotten),
            "items": LeftOut(items.repeats, 0),
            "events": LeftOut(events.repeats, forgotten),
        }
        marks = moved_marks(base.marks, staging.state.marks or ())
        same = (users.parts, items.parts, marks) == (base.users, base.items, base.marks)
        if same and not events.parts and base == standing:
            return base, left
        sequence = staging.state.sequence

        def change(now: Manifest) -> Manifest:
            if now.version != base.version:  # noqa: B023  # called in this round only
                raise Moved
            new = _numbered(events.parts, sequence)  # noqa: B023
            return msgspec.structs.replace(
                now,
                sequence=max(now.sequence, sequence),  # noqa: B023
                events=in_order((*base.events, *new)),  # noqa: B023
                items=items.parts,  # noqa: B023
                users=users.parts,  # noqa: B023
                marks=marks,  # noqa: B023
            )

        try:
            return lake.publish(change), left
        except Moved:
            continue


def _numbered(parts: Sequence[Part], sequence: int) -> list[Part]:
    return [msgspec.structs.replace(part, sequence=sequence) for part in parts]


def _merge_events(lake: Lake, base: Manifest, staging: Staging) -> tuple[Merged, int]:
    """What was written, and how many rows are of users who were erased after they happened."""
    chunks = [done for done in staging.of_table("events") if done.accepted]
    if not chunks:
        return Merged([], 0), 0
    files = ", ".join(text(staging.path(done.name, ".parquet")) for done in chunks)
    with lake.connect(base) as connection:
        connection.execute(
            f'CREATE VIEW arriving AS SELECT {", ".join(EVENTS)}, "{ARRIVAL}" AS arrival '
            f"FROM read_parquet([{files}])"
        )
        find_forgotten(connection, base, lake.where, lake.pepper)
        connection.execute(
            "CREATE VIEW staged AS SELECT * FROM arriving AS part "
            f"WHERE {not_erased(staging.state.sequence)} AND {NOT_FORGOTTEN_THEN}"
        )
        _check_types(
            connection.execute(
                "SELECT DISTINCT event_type FROM (SELECT event_type FROM staged UNION ALL "
                f"SELECT unnest({list(EVENT_TYPES)}) UNION ALL SELECT event_type FROM events)"
            ).fetchall()
        )
        name = staging.state.import_id
        return merge_events(connection, lake.root, name, name), left_out(connection)


def _check_types(found: Sequence[tuple[str]]) -> None:
    if len(found) > MOST_TYPES:
        raise InvalidInput(
            "too_many_event_types", field=EVENT_TYPE, count=len(found), most=MOST_TYPES
        )

"""Import of a shop's database: one consistent look, from each table's watermark on.

The same path as for files. A watermark is part of the lake's manifest: it moves when the rows it
stands for are published, and not before. An event's id is made of its table's key, so that rows
which are read again (the overlap, a resumed import) are repeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from endcap.data.check import Reading
from endcap.data.chunks import Chunk, Position
from endcap.data.database.binding import Read, bind
from endcap.data.database.mapping import Mapping, Stepped
from endcap.data.database.rows import read_chunks
from endcap.data.database.select import names_of, outputs_of, select_newest, select_rows
from endcap.data.import_report import ImportReport
from endcap.data.importer import ImportOptions, Progress, Work, rules_of, run_import
from endcap.data.lake import Lake
from endcap.data.manifest import Mark
from endcap.data.mapping import OPTIONAL, REQUIRED, Resolved
from endcap.data.sources import DATABASE, File
from endcap.data.staging import Staging
from endcap.domain.columns import EVENT_ID
from endcap.domain.errors import InvalidInput
from endcap.domain.records import digest
from endcap.ports import Database


def import_database(
    lake: Lake,
    database: Database,
    mapping: Mapping,
    options: ImportOptions,
    progress: Callable[[Progress], None],
    *,
    full: bool = False,
) -> ImportReport:
    """Import what is new since the last import of the same sections; ``full``: everything.

    Run again after it was killed it goes on behind the last row that was staged. Raises
    InvalidInput (see binding.bind), Unavailable (see ports.Database), Conflict (import_running).
    """
    reads = bind(mapping, database)
    _probe(database, mapping, reads)
    digests = {_source(database, read): _digest(mapping, read) for read in reads}
    standing = {
        mark.source: mark.value
        for mark in lake.manifest().marks
        if not full and digests.get(mark.source) == mark.digest
    }
    files = [
        File(read.entry.table, _source(database, read), DATABASE, False, 0, 0) for read in reads
    ]

    def plan(staging: Staging) -> list[Reading]:
        if staging.state.marks is None:
            staging.state.marks = _newest(database, reads, digests)
            staging.save()
        pairs = zip(files, reads, strict=True)
        return [_reading(i, file, read, staging, options) for i, (file, read) in enumerate(pairs)]

    def rows(reading: Reading, start: Position, _folder: Path) -> Iterator[Chunk]:
        since = standing.get(reading.file.path)
        yield from read_chunks(database, reads[reading.index], mapping.time_zone, since, start)
        if reading.index == len(reads) - 1:
            database.close()  # all is read: the lake is written without holding its snapshot

    notes = tuple(
        note for read in reads for note in _notes(read, standing.get(_source(database, read)))
    )
    asked = [sorted(digests.items()), sorted(standing.items()), full]
    return run_import(lake, Work(files, asked, plan, rows, notes), options, progress)


def _source(database: Database, read: Read) -> str:
    return f"{database.name} [{read.entry.path}]"


def _digest(mapping: Mapping, read: Read) -> str:
    return digest(msgspec.json.encode([mapping.time_zone, read.entry])).hex()


def _probe(database: Database, mapping: Mapping, reads: Sequence[Read]) -> None:
    """Ask each query for nothing: rights that are missing are told before a row is read."""
    if mapping.time_zone != "UTC" and database.dialect == "mysql":
        known = "SELECT CONVERT_TZ('2024-06-01 12:00:00', %s, '+00:00')"
        if database.value(known, (mapping.time_zone,)) is None:
            raise InvalidInput("database_time_zone", field="time_zone", value=mapping.time_zone)
    for read in reads:
        query = select_rows(read, database.dialect, mapping.time_zone, None, ())
        database.value(f"{query.sql} LIMIT 0", query.parameters)


def _newest(database: Database, reads: Sequence[Read], digests: dict[str, str]) -> list[Mark]:
    """Where the next import begins. Rows that come later than this look may be read by this one
    already, and are repeats for the next."""
    marks = []
    for read in reads:
        if read.watermark is None:
            continue
        query = select_newest(read, database.dialect)
        value = database.value(query.sql, query.parameters)
        if value is not None:
            source = _source(database, read)
            marks.append(Mark(source, digests[source], read.watermark.reference, value))
    return marks


def _reading(
    index: int, file: File, read: Read, staging: Staging, options: ImportOptions
) -> Reading:
    names, table = names_of(read), read.entry.table
    canonical = (*REQUIRED[table], *OPTIONAL[table])
    columns = {ours: name for ours, name in names.items() if ours in canonical}
    if table == "events":
        columns[EVENT_ID] = EVENT_ID
    rules = rules_of(staging.state.at, options, read.entry.name)
    return Reading(
        index, file, Resolved(columns, {}), names, rules, "", "utf-8", [*outputs_of(read)]
    )


def _notes(read: Read, since: str | None) -> Iterator[str]:
    if since is not None and read.watermark is not None:
        column = read.watermark.reference
        yield f"[{read.entry.path}] read from {column} {since} on, and an overlap before it"
    for ours, given in read.entry.section.columns.items():
        if isinstance(given, Stepped):
            steps = ", ".join(f"{step:g}" for step in given.steps)
            yield (
                f"[{read.entry.path}] {ours} is derived from {given.column}, and was given by "
                f"nobody: 1, and one more from each of {steps} on"
            )

"""Import of files into one dataset, whose schema says which columns there are and of what type.

The same path as for other files. Columns are matched by name, without regard to case; what the
schema does not name is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.data.check import Reading
from endcap.data.chunks import Chunk, Position
from endcap.data.csv_reader import read_header
from endcap.data.import_report import ImportReport
from endcap.data.importer import ImportOptions, Progress, Work, rules_of, run_import
from endcap.data.lake import Lake
from endcap.data.mapping import OPTIONAL, REQUIRED, Resolved
from endcap.data.parquet_reader import read_names
from endcap.data.schema_columns import Bound, conform
from endcap.data.sources import CSV, PARQUET, File
from endcap.data.stage import read_file
from endcap.data.staging import Staging
from endcap.domain.avro import OF_EVENTS, Column, attribute_of
from endcap.domain.errors import InvalidInput
from endcap.domain.values import VIEW

MOST_TOLD = 5  # refused rows that an error names


class DatasetFiles(Struct, frozen=True):
    """``table``: events, items or users. ``asked``: by what it is known to be the same import when
    it is run again. ``replace``: nothing stays of what imports brought into this table before."""

    table: str
    columns: tuple[Column, ...]
    files: list[File]
    asked: str
    replace: bool = False


def import_dataset(
    lake: Lake, given: DatasetFiles, options: ImportOptions, progress: Callable[[Progress], None]
) -> ImportReport:
    """All at once, or nothing. Run again after a crash it goes on where it was.

    Raises InvalidInput: schema_column_missing, unreadable_format, mostly_refused, nothing_to_import
    and what reading raises.
    """
    bound: dict[str, list[Bound]] = {}

    def plan(staging: Staging) -> list[Reading]:
        readings = [
            _reading(number, file, given.columns, staging, options)
            for number, file in enumerate(given.files)
        ]
        bound.update({r.file.path: bind(r.file, r.names, given.columns) for r in readings})
        return readings

    def read(reading: Reading, start: Position, folder: Path) -> Iterator[Chunk]:
        path = reading.file.path
        for chunk in read_file(reading, start, folder):
            yield conform(chunk, path, bound[path])

    work = Work(
        given.files,
        [given.asked, given.table, given.replace],
        plan,
        read,
        judge=partial(judge, given.table),
        replaces=(given.table,) if given.replace else (),
    )
    return run_import(lake, work, options, progress)


def bind(file: File, names: Sequence[str], columns: Sequence[Column]) -> list[Bound]:
    """The file's columns that the schema names. Raises InvalidInput (schema_column_missing)."""
    theirs = {name.lower(): name for name in names}
    missing = [c.name for c in columns if c.name.lower() not in theirs and not c.nullable]
    if missing:
        raise InvalidInput(
            "schema_column_missing",
            field=", ".join(missing),
            file=Path(file.path).name,
            columns=", ".join(names[:30]),
        )
    return [
        Bound(theirs[c.name.lower()], c, canonical(file.table, c))
        for c in columns
        if c.name.lower() in theirs
    ]


def canonical(table: str, column: Column) -> str:
    """The lake's column, "" for an attribute."""
    ours = OF_EVENTS.get(column.name.upper(), "")
    return ours if ours in (*REQUIRED[table], *OPTIONAL[table]) else ""


def _reading(
    number: int,
    file: File,
    columns: Sequence[Column],
    staging: Staging,
    options: ImportOptions,
) -> Reading:
    names, delimiter = _names(file, staging.folder)
    bound = bind(file, names, columns)
    resolved = {b.ours: b.theirs for b in bound if b.ours}
    item = file.table == "items"
    mapping = {attribute_of(b.column.name, item=item): b.theirs for b in bound if not b.ours}
    rules = msgspec.structs.replace(rules_of(staging.state.at, options, VIEW), own_words=True)
    return Reading(number, file, Resolved(resolved, {}), mapping, rules, delimiter, "utf-8", names)


def _names(file: File, folder: Path) -> tuple[list[str], str]:
    if file.format == CSV:
        return read_header(file, None, "utf-8")
    if file.format == PARQUET:
        return read_names(file, folder), ""
    raise InvalidInput("unreadable_format", field=Path(file.path).name, value=file.format)


def judge(table: str, staging: Staging) -> None:
    """Raises InvalidInput (nothing_to_import, mostly_refused) with the first rows that are wrong:
    by file, line and column, without their values, which may name a user."""
    done = staging.of_table(table)
    rows, accepted = (sum(getattr(d, name) for d in done) for name in ("rows", "accepted"))
    if not rows:
        raise InvalidInput("nothing_to_import")
    if accepted * 2 < rows:
        raise InvalidInput(
            "mostly_refused",
            refused=rows - accepted,
            rows=rows,
            problems="; ".join(problems(staging, [d.name for d in done if d.name])),
        )


def problems(staging: Staging, names: Sequence[str]) -> list[str]:
    """The first refused rows, in words."""
    told: list[str] = []
    for name in names:
        path = staging.path(name, ".rejects")
        if path.exists():
            with path.open("rb") as lines:
                told += [_told(msgspec.json.decode(line)) for line in islice(lines, MOST_TOLD)]
        if len(told) >= MOST_TOLD:
            break
    return told[:MOST_TOLD]


def _told(reject: Mapping[str, object]) -> str:
    column = f", column {reject['column']}" if reject["column"] else ""
    reason = str(reject["code"]).replace("_", " ")
    return f"{Path(str(reject['file'])).name} line {reject['line']}{column}: {reason}"

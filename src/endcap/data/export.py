"""The lake's tables as files that other tools read, and that ``import`` takes back.

Times are written as ISO 8601 in UTC; items and users have a column for each attribute, of which
lists are JSON text in CSV. Erased users are left out, as in every view of the lake.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from endcap.data.lake import Lake
from endcap.data.sql import first_row, quoted, text
from endcap.domain.errors import Conflict, InvalidInput

# Table → what its rows are sorted by: one order, so that equal lakes give equal files.
TABLES = {
    "events": "ts, user_id, item_id, event_type, event_id, value",
    "items": "item_id",
    "users": "user_id",
}
FORMATS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER true",
    "jsonl": "FORMAT json",
}
ISO = "strftime(make_timestamp(ts), '%Y-%m-%dT%H:%M:%S.%fZ')"


def export_tables(
    lake: Lake,
    folder: Path,
    tables: tuple[str, ...],
    form: str,
    *,
    replace: bool,
    progress: Callable[[str, float], None],
) -> dict[str, int]:
    """Write each table to ``folder/<table>.<form>`` and return its rows.

    A file appears when it is whole. Raises Conflict (file_exists) before anything is written,
    unless ``replace``; InvalidInput (unwritable_file).
    """
    files = {table: folder / f"{table}.{form}" for table in tables}
    for file in files.values():
        if file.exists() and not replace:
            raise Conflict("file_exists", field="FOLDER", value=str(file))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    counts = {}
    with lake.connect() as connection:
        for done, (table, file) in enumerate(files.items()):
            progress(table, done / len(files))
            counts[table] = _write(connection, table, file, form)
    return counts


def _write(connection: duckdb.DuckDBPyConnection, table: str, file: Path, form: str) -> int:
    part = file.with_name(f".{file.name}.part")
    query = f"SELECT {_columns(connection, table, form)} FROM {table} ORDER BY {TABLES[table]}"
    try:
        copied = first_row(connection, f"COPY ({query}) TO {text(part)} ({FORMATS[form]})")
        part.replace(file)
    except (duckdb.IOException, OSError) as error:
        raise _unwritable(file, str(error)) from error
    finally:
        part.unlink(missing_ok=True)
    return int(copied[0])


def _columns(connection: duckdb.DuckDBPyConnection, table: str, form: str) -> str:
    """The table's columns in their order, each as this format writes it."""
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    return ", ".join(_column(table, str(name), str(kind), form) for name, kind, *_ in described)


def _column(table: str, name: str, kind: str, form: str) -> str:
    if table == "events" and name == "ts":
        return f"{ISO} AS ts"
    if form == "csv" and kind.endswith("[]"):
        return f"to_json({quoted(name)}) AS {quoted(name)}"
    return quoted(name)


def _unwritable(file: Path, reason: str | None) -> InvalidInput:
    return InvalidInput("unwritable_file", field="FOLDER", value=str(file), reason=reason)

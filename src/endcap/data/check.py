"""Checking the rows of one chunk: canonical columns, and for each row the first fault."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from msgspec import Struct

from endcap.data.casts import declared_kind, odd_columns
from endcap.data.chunks import ARRIVAL, FAULT, LINE, OURS, Chunk, Reject
from endcap.data.entities import KEYS, columns_of
from endcap.data.keep import keep_flags
from endcap.data.manifest import sync_file
from endcap.data.mapping import Resolved, other_columns
from endcap.data.normalise import Check, Rules, entity_columns, event_columns
from endcap.data.sources import PARQUET, File
from endcap.data.sql import listed, quoted, text
from endcap.data.staging import State, write_arrow
from endcap.domain.errors import InvalidInput

_SHOWN = 200  # characters of a rejected value


class Reading(Struct, frozen=True):
    """How one file is read."""

    index: int
    file: File
    resolved: Resolved
    mapping: dict[str, str]
    rules: Rules
    delimiter: str
    encoding: str
    names: list[str]


class Checked(Struct, frozen=True):
    """What stands in the table ``checked``: canonical ``columns``, LINE, ARRIVAL and FAULT (the
    position in ``checks``, NULL for a good row). ``kinds``: attribute → declared type."""

    columns: list[str]
    checks: list[Check]
    kinds: dict[str, str]


def check_rows(
    connection: duckdb.DuckDBPyConnection, state: State, reading: Reading, chunk: Chunk
) -> Checked:
    """Create the table ``checked`` from a chunk; the raw rows stay as the view ``chunk``."""
    table = _numbered(chunk, reading, len(state.done))
    write_arrow(connection, "chunk", table)
    kept: list[Check] = []
    if reading.rules.keep and reading.file.table == "events":
        flags = keep_flags(connection, state, reading.index, reading.rules.keep)
        for number, (expression, flag) in enumerate(zip(reading.rules.keep, flags, strict=True)):
            table = table.append_column(f"{OURS}keep {number}", flag)
            kept.append(Check(f'NOT "{OURS}keep {number}"', "not_kept", expression))
        write_arrow(connection, "chunk", table)
    kinds = columns_of(connection, "chunk")
    sql, checks, declared = _columns(reading, chunk, kinds)
    checks += kept  # last: what is broken is told before what is not wanted
    canonical = [name for name in sql if not name.startswith(OURS)]
    used = {name: kinds[name] for name in reading.resolved.columns.values()}
    odd = odd_columns(used)
    faults = " ".join(f"WHEN {check.broken} THEN {i}" for i, check in enumerate(checks))
    ours = text(OURS)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE checked AS SELECT {listed([*canonical, LINE, ARRIVAL])}, "
        f"CASE {faults} END::USMALLINT AS {quoted(FAULT)} FROM "
        f"(SELECT {_select(sql)}, COLUMNS(lambda c: starts_with(c, {ours})) FROM "
        f"(SELECT *{', ' * bool(odd)}{_select(odd)} FROM chunk))"
    )
    return Checked(canonical, checks, declared)


def _select(columns: dict[str, str]) -> str:
    return ", ".join(f"{sql} AS {quoted(name)}" for name, sql in columns.items())


def _numbered(chunk: Chunk, reading: Reading, ordinal: int) -> pa.Table:
    """The raw rows with their arrival; canonical columns that no row has are null."""
    table = chunk.table
    for column in reading.resolved.columns.values():
        if column not in table.column_names:  # JSON only
            table = table.append_column(column, pa.nulls(table.num_rows, pa.string()))
    arrival = np.arange(table.num_rows, dtype=np.int64) + (ordinal << 32)
    return table.append_column(ARRIVAL, pa.array(arrival))


def _columns(
    reading: Reading, chunk: Chunk, kinds: dict[str, str]
) -> tuple[dict[str, str], list[Check], dict[str, str]]:
    """(canonical → SQL, checks, attribute → declared type)."""
    file, resolved = reading.file, reading.resolved
    names = [name for name in kinds if not name.startswith(OURS)]
    attributes = other_columns(file.table, names, reading.mapping, resolved)
    declared = chunk.kinds
    if file.format == PARQUET:
        declared = {name: declared_kind(kinds[name]) for name in names}
    if file.table == "events":
        sql, checks = event_columns(resolved.columns, attributes, kinds, declared, reading.rules)
        return sql, checks, {}
    key = KEYS[file.table]
    sql, checks = entity_columns(key, resolved.columns[key], attributes, kinds, file.table)
    known = {ours: declared[column] for ours, column in attributes.items() if column in declared}
    return sql, checks, known


def write_rejects(
    connection: duckdb.DuckDBPyConnection,
    file: File,
    unread: list[Reject],
    checks: list[Check],
    path: Path,
) -> None:
    """The faulty rows of ``checked`` and those that could not be read, as JSON lines in the
    order of the file."""
    whens = {"column": "", "code": "", "value": ""}
    kinds = columns_of(connection, "chunk")
    for i, check in enumerate(checks):
        raw = f"r.{quoted(check.column)}::VARCHAR" if check.column in kinds else "''"
        whens["column"] += f" WHEN {i} THEN {text(check.column)}"
        whens["code"] += f" WHEN {i} THEN {text(check.code)}"
        whens["value"] += f" WHEN {i} THEN coalesce({raw}, '')"
    rows = [(r.line, r.column, r.code, r.value) for r in unread]
    columns = [*zip(*rows, strict=True)] if rows else [(), (), (), ()]
    types = [pa.int64(), pa.string(), pa.string(), pa.string()]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    connection.register("unread", pa.table(arrays, names=["line", "column", "code", "value"]))
    connection.execute(
        f"COPY (SELECT {text(file.path)} AS file, * FROM ("
        f'SELECT c.{quoted(LINE)} AS line, CASE fault {whens["column"]} END AS "column", '
        f"CASE fault {whens['code']} END AS code, "
        f"left(CASE fault {whens['value']} END, {_SHOWN}) AS value "
        f"FROM (SELECT *, {quoted(FAULT)} AS fault FROM checked) c "
        f"JOIN chunk r USING ({quoted(ARRIVAL)}) WHERE fault IS NOT NULL "
        'UNION ALL SELECT line, "column", code, value FROM unread) ORDER BY line) '
        f"TO {text(path)} (FORMAT json)"
    )
    sync_file(path)


def stop_at_first(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raises InvalidInput (rejected_row) about the first row of a rejects file."""
    file, line, column, code, value = connection.execute(
        f'SELECT file, line, "column", code, value FROM read_json({text(path)}, columns = '
        "{file: 'VARCHAR', line: 'BIGINT', \"column\": 'VARCHAR', code: 'VARCHAR', "
        "value: 'VARCHAR'}, format = 'newline_delimited', maximum_object_size = 67108864) LIMIT 1"
    ).fetchall()[0]
    raise InvalidInput("rejected_row", field=column, value=value, file=file, line=line, reason=code)

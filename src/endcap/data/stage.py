"""From a file to staged chunks: read, check each row, keep the good ones and the rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from msgspec import Struct

from endcap.data.chunks import LINE, Chunk, Position, Reject
from endcap.data.csv_reader import read_csv, read_header
from endcap.data.entities import KEYS, TEXT, columns_of
from endcap.data.json_reader import read_json, read_keys
from endcap.data.manifest import sync_file
from endcap.data.mapping import Resolved, other_columns, resolve
from endcap.data.normalise import (
    Check,
    Rules,
    declared_kind,
    entity_columns,
    event_columns,
)
from endcap.data.parquet_reader import read_names, read_parquet
from endcap.data.sources import CSV, PARQUET, File
from endcap.data.sql import quoted, text
from endcap.data.staging import Done, Reason, Staging, write_arrow
from endcap.domain.columns import EVENTS
from endcap.domain.errors import InvalidInput, shorten

OURS = "endcap "  # no column of a file begins so by chance
ARRIVAL, FAULT = "endcap arrival", "endcap fault"
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


def plan_reading(
    index: int,
    file: File,
    mapping: dict[str, str],
    rules: Rules,
    delimiter: str | None,
    encoding: str,
    folder: Path,
) -> Reading:
    """Look at the header only. Raises InvalidInput for a file that cannot be imported at all."""
    chosen = ""
    if file.format == CSV:
        names, chosen = read_header(file, delimiter, encoding)
    elif file.format == PARQUET:
        names = read_names(file, folder)
    else:
        names = read_keys(file, encoding)
    resolved = resolve(file.table, names, mapping, file.path)
    return Reading(index, file, resolved, mapping, rules, chosen, encoding, names)


def stage_file(
    connection: duckdb.DuckDBPyConnection,
    staging: Staging,
    reading: Reading,
    strict: bool,
    report: Callable[[int, int], None],
) -> None:
    """Stage what is not staged yet. ``report(rows, bytes of the file read)`` after each chunk.

    ``strict``: raises InvalidInput (rejected_row) at the first row that does not go in.
    """
    before = [done for done in staging.state.done if done.file == reading.index]
    if before and before[-1].finished:
        return
    start = before[-1].position if before else Position()
    chunks = _chunks(reading, start, staging.folder)
    with ThreadPoolExecutor(1) as reader:  # reads and parses the next chunk in the meantime
        following = reader.submit(next, chunks, None)
        while (chunk := following.result()) is not None:
            following = reader.submit(next, chunks, None)
            done = _stage_chunk(connection, staging, reading, chunk, strict)
            staging.record(done)
            report(done.rows, chunk.bytes_done)
            start = chunk.position
    end = Done(reading.index, "", start, 0, 0, [], [], {}, True)
    staging.record(end)


def _chunks(reading: Reading, start: Position, folder: Path) -> Iterator[Chunk]:
    file = reading.file
    if file.format == CSV:
        return read_csv(file, start, reading.names, reading.delimiter, reading.encoding)
    if file.format == PARQUET:
        return read_parquet(file, start, folder)
    plain = frozenset(name.lower() for name in reading.resolved.columns.values())
    return read_json(file, start, reading.encoding, plain)


def _stage_chunk(
    connection: duckdb.DuckDBPyConnection,
    staging: Staging,
    reading: Reading,
    chunk: Chunk,
    strict: bool,
) -> Done:
    ordinal = len(staging.state.done)
    name = f"{ordinal:06d}"
    columns, checks, kinds = _prepare(connection, staging, reading, chunk, ordinal)
    faults = " ".join(f"WHEN {check.broken} THEN {i}" for i, check in enumerate(checks))
    wanted = [column for column in columns if not column.startswith(OURS)]
    inner = ", ".join(f"{sql} AS {quoted(column)}" for column, sql in columns.items())
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE checked AS SELECT {_list(wanted)}, {quoted(LINE)}, "
        f"{quoted(ARRIVAL)}, CASE {faults} END::USMALLINT AS {quoted(FAULT)} "
        f"FROM (SELECT {inner}, COLUMNS(lambda c: starts_with(c, {text(OURS)})) FROM chunk)"
    )
    counted = connection.execute(
        f"SELECT {quoted(FAULT)}, count(*) FROM checked GROUP BY ALL"
    ).fetchall()
    counts = dict(counted)
    accepted = counts.pop(None, 0)
    rejected = [Reason(checks[i].code, checks[i].column, n) for i, n in sorted(counts.items())]
    if rejected or chunk.rejects:
        path = staging.path(name, ".rejects")
        _write_rejects(connection, reading.file, chunk.rejects, checks, path)
        if strict:
            _stop_at_first(connection, path)
    order = ("ts", ARRIVAL) if reading.file.table == "events" else (ARRIVAL,)
    staged = staging.path(name, ".parquet")
    connection.execute(
        f"COPY (SELECT {_list(wanted)}, {quoted(ARRIVAL)} FROM checked "
        f"WHERE {quoted(FAULT)} IS NULL ORDER BY {_list([*order])}) "
        f"TO {text(staged)} (FORMAT parquet, ROW_GROUP_SIZE 16384)"
    )
    sync_file(staged)
    reasons = rejected + _counted(chunk.rejects)
    names = [column for column in wanted if column not in EVENTS]
    return Done(
        reading.index, name, chunk.position, chunk.rows, accepted, reasons, names, kinds, False
    )


def _list(names: list[str]) -> str:
    return ", ".join(map(quoted, names))


def _prepare(
    connection: duckdb.DuckDBPyConnection,
    staging: Staging,
    reading: Reading,
    chunk: Chunk,
    ordinal: int,
) -> tuple[dict[str, str], list[Check], dict[str, str]]:
    """Register ``chunk``; (canonical → SQL, checks, attribute → declared type)."""
    table, resolved = chunk.table, reading.resolved
    for column in resolved.columns.values():
        if column not in table.column_names:  # JSON: no row of this chunk has it
            table = table.append_column(column, pa.nulls(table.num_rows, pa.string()))
    arrival = np.arange(table.num_rows, dtype=np.int64) + (ordinal << 32)
    table = table.append_column(ARRIVAL, pa.array(arrival))
    names = [name for name in table.column_names if name not in (LINE, ARRIVAL)]
    write_arrow(connection, "chunk", table)
    kinds = columns_of(connection, "chunk")
    checks: list[Check] = []
    if reading.rules.keep and reading.file.table == "events":
        flags = _kept(connection, staging, reading, table, kinds)
        for number, (expression, flag) in enumerate(zip(reading.rules.keep, flags, strict=True)):
            table = table.append_column(f"endcap keep {number}", flag)
            checks.append(Check(f'NOT "endcap keep {number}"', "not_kept", expression))
        write_arrow(connection, "chunk", table)
    attributes = other_columns(reading.file.table, names, reading.mapping, resolved)
    declared = chunk.kinds
    if reading.file.format == PARQUET:
        declared = {name: declared_kind(kinds[name]) for name in names}
    if reading.file.table == "events":
        sql, more = event_columns(resolved.columns, attributes, kinds, declared, reading.rules)
        return sql, checks + more, {}
    key = KEYS[reading.file.table]
    theirs = resolved.columns[key]
    sql, more = entity_columns(key, theirs, attributes, kinds, reading.file.table)
    known = {ours: declared[column] for ours, column in attributes.items() if column in declared}
    return sql, checks + more, known


def _kept(
    connection: duckdb.DuckDBPyConnection,
    staging: Staging,
    reading: Reading,
    table: pa.Table,
    kinds: dict[str, str],
) -> list[pa.ChunkedArray]:
    """For each expression (n,) whether it is true of the row."""
    names = [name for name in kinds if name not in (LINE, ARRIVAL)]
    numeric = staging.state.numeric.get(reading.index)
    if numeric is None:
        numeric = [name for name in names if kinds[name] == TEXT and _all_numbers(connection, name)]
        staging.state.numeric[reading.index] = numeric
    typed = ", ".join(
        f"TRY_CAST(trim({quoted(name)}) AS DOUBLE) AS {quoted(name)}"
        if name in numeric
        else f"nullif({quoted(name)}, '') AS {quoted(name)}"
        if kinds[name] == TEXT
        else quoted(name)
        for name in names
    )
    flags = []
    for expression in reading.rules.keep:
        try:
            found = connection.sql(
                f"SELECT ({expression}\n) IS TRUE AS kept FROM (SELECT {typed} FROM chunk)"
            ).to_arrow_table()
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise InvalidInput("bad_keep", value=expression, reason=reason) from error
        flags.append(found.column(0))
    return flags


def _all_numbers(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    word = f"nullif(trim({quoted(name)}), '')"
    found = connection.execute(
        f"SELECT bool_and(TRY_CAST({word} AS DOUBLE) IS NOT NULL) FILTER ({word} IS NOT NULL) "
        "FROM chunk"
    ).fetchall()
    return bool(found[0][0])


def _write_rejects(
    connection: duckdb.DuckDBPyConnection,
    file: File,
    unread: list[Reject],
    checks: list[Check],
    path: Path,
) -> None:
    """JSON lines in the order of the file."""
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


def _stop_at_first(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    file, line, column, code, value = connection.execute(
        f'SELECT file, line, "column", code, value FROM read_json({text(path)}, columns = '
        "{file: 'VARCHAR', line: 'BIGINT', \"column\": 'VARCHAR', code: 'VARCHAR', "
        "value: 'VARCHAR'}, format = 'newline_delimited', maximum_object_size = 67108864) LIMIT 1"
    ).fetchall()[0]
    raise InvalidInput(
        "rejected_row", field=column, value=value, file=file, line=line, reason=shorten(code)
    )


def _counted(rejects: list[Reject]) -> list[Reason]:
    counts: dict[str, int] = {}
    for reject in rejects:
        counts[reject.code] = counts.get(reject.code, 0) + 1
    return [Reason(code, "", rows) for code, rows in counts.items()]

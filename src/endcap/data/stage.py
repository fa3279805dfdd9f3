"""From a file to staged chunks: read, check each row, keep the good ones and the rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from endcap.data.check import Reading, check_rows, stop_at_first, write_rejects
from endcap.data.chunks import ARRIVAL, FAULT, Chunk, Position, Reject
from endcap.data.csv_reader import read_csv, read_header
from endcap.data.json_reader import read_json, read_keys
from endcap.data.manifest import sync_file
from endcap.data.mapping import resolve
from endcap.data.normalise import Check, Rules
from endcap.data.parquet_reader import read_names, read_parquet
from endcap.data.sources import CSV, PARQUET, File
from endcap.data.sql import listed, quoted, text
from endcap.data.staging import Done, Reason, Staging
from endcap.domain.columns import EVENTS

# The rows of one source from a position on; the folder takes what has to be unpacked.
Chunks = Callable[[Reading, Position, Path], Iterator[Chunk]]


def plan_reading(
    index: int,
    file: File,
    mapping: dict[str, str],
    rules: Rules,
    *,
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
    read: Chunks,
) -> None:
    """Stage what is not staged yet. ``report(rows, bytes of the file read)`` after each chunk.

    ``strict``: raises InvalidInput (rejected_row) at the first row that does not go in.
    """
    before = [done for done in staging.state.done if done.file == reading.index]
    if before and before[-1].finished:
        return
    start = before[-1].position if before else Position()
    chunks = read(reading, start, staging.folder)
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


def read_file(reading: Reading, start: Position, folder: Path) -> Iterator[Chunk]:
    """The rows of a file from ``start`` on, by its format."""
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
    name = f"{len(staging.state.done):06d}"
    checked = check_rows(connection, staging.state, reading, chunk)
    checks = checked.checks
    accepted, reasons = _outcome(connection, checks)
    reasons += _counted(chunk.rejects)
    if reasons:
        path = staging.path(name, ".rejects")
        write_rejects(connection, reading.file, chunk.rejects, checks, path)
        if strict:
            stop_at_first(connection, path)
    order = ["ts", ARRIVAL] if reading.file.table == "events" else [ARRIVAL]
    staged = staging.path(name, ".parquet")
    connection.execute(  # small row groups in order of time: the merge takes its dates only
        f"COPY (SELECT {listed([*checked.columns, ARRIVAL])} FROM checked "
        f"WHERE {quoted(FAULT)} IS NULL ORDER BY {listed(order)}) "
        f"TO {text(staged)} (FORMAT parquet, ROW_GROUP_SIZE 16384, COMPRESSION uncompressed)"
    )
    sync_file(staged)
    return Done(
        file=reading.index,
        name=name,
        position=chunk.position,
        rows=chunk.rows,
        accepted=accepted,
        reasons=reasons,
        columns=[column for column in checked.columns if column not in EVENTS],
        kinds=checked.kinds,
        finished=False,
    )


def _outcome(
    connection: duckdb.DuckDBPyConnection, checks: list[Check]
) -> tuple[int, list[Reason]]:
    """(good rows, rejected rows by reason) of ``checked``."""
    found = connection.execute(f"SELECT {quoted(FAULT)}, count(*) FROM checked GROUP BY ALL")
    counts = dict(found.fetchall())
    accepted = counts.pop(None, 0)
    return accepted, [
        Reason(checks[i].code, checks[i].column, n) for i, n in sorted(counts.items())
    ]


def _counted(rejects: list[Reject]) -> list[Reason]:
    counts: dict[str, int] = {}
    for reject in rejects:
        counts[reject.code] = counts.get(reject.code, 0) + 1
    return [Reason(code, "", rows) for code, rows in counts.items()]

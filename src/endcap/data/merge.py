"""Writing events into the lake: repeats dropped, one part for each UTC date.

Works on a view ``staged`` with the columns of the events table and ``arrival`` (bigint, distinct,
growing). Memory is bounded: the dates are taken in groups of about a million events.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import duckdb
from pyarrow import parquet

from endcap.data.manifest import Part, fresh_file, sync_file, sync_folder
from endcap.data.repeats import drop_content_repeats, drop_event_id_repeats
from endcap.data.sql import first_row, listed, text
from endcap.domain.columns import EVENT_TYPE, EVENTS, ITEM_ID, SESSION_ID, VALUE

DAY_US = 86_400_000_000
GROUP_ROWS = 1_000_000
# The other columns hardly repeat within a day: a dictionary would only cost time.
REPETITIVE = [ITEM_ID, EVENT_TYPE, VALUE, SESSION_ID]
WRITERS = 4  # syncs wait for the disk, not for a core


class Merged(NamedTuple):
    parts: list[Part]
    repeats: int


def merge_events(
    connection: duckdb.DuckDBPyConnection, root: Path, name: str, source: str
) -> Merged:
    """Write the events of ``staged`` that the lake (view ``events``) does not hold yet.

    The parts are synced, but nobody reads them before a manifest names them; their sequence is 0
    until then. ``name``: stem of the new files.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE dropped (arrival BIGINT)")
    drop_event_id_repeats(connection)
    parts: list[Part] = []
    for days in _groups(connection):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE bucket AS SELECT {listed(EVENTS)}, arrival FROM staged "
            f"WHERE ts >= {days[0] * DAY_US} AND ts < {(days[-1] + 1) * DAY_US} "
            f"AND arrival NOT IN (SELECT arrival FROM dropped)"
        )
        drop_content_repeats(connection, days[0] * DAY_US, (days[-1] + 1) * DAY_US)
        parts += _write_days(connection, root, name, source)
    (repeats,) = first_row(connection, "SELECT count(DISTINCT arrival) FROM dropped")
    connection.execute("DROP TABLE IF EXISTS bucket; DROP TABLE dropped")
    for folder in {(root / part.path).parent for part in parts}:
        sync_folder(folder)
    if parts:
        sync_folder(root / "events")
    return Merged(parts, repeats)


def _groups(connection: duckdb.DuckDBPyConnection) -> Iterator[list[int]]:
    """Runs of days since 1970 with at most GROUP_ROWS events, or one day."""
    counts = connection.execute(
        f"SELECT ts // {DAY_US} AS day, count(*) FROM staged GROUP BY day ORDER BY day"
    ).fetchall()
    group: list[int] = []
    rows = 0
    for day, count in counts:
        if group and rows + count > GROUP_ROWS:
            yield group
            group, rows = [], 0
        group.append(day)
        rows += count
    if group:
        yield group


def _write_days(
    connection: duckdb.DuckDBPyConnection, root: Path, name: str, source: str
) -> list[Part]:
    """The events of ``bucket``, one part for each date, by time, then arrival."""
    days = connection.execute(
        f"SELECT ts // {DAY_US} AS day, count(*), min(ts), max(ts) FROM bucket "
        "GROUP BY day ORDER BY day"
    ).fetchall()
    targets = [
        fresh_file(root / "events" / f"date={date_of(d)}", name, ".parquet") for d, *_ in days
    ]
    if len(days) == 1:
        _copy_whole(connection, targets[0])
    elif days:
        _write_slices(connection, targets, [rows for _, rows, *_ in days])
    return [
        Part(str(path.relative_to(root)), rows, least, most, 0, source)
        for path, (_, rows, least, most) in zip(targets, days, strict=True)
    ]


def _copy_whole(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """One date, however large: what does not fit into memory is sorted on disk."""
    connection.execute(
        f"COPY (SELECT {listed(EVENTS)} FROM bucket ORDER BY ts, arrival) "
        f"TO {text(path)} (FORMAT parquet, COMPRESSION zstd)"
    )
    sync_file(path)


def _write_slices(
    connection: duckdb.DuckDBPyConnection, targets: list[Path], rows: list[int]
) -> None:
    """Many dates of about a million events together: sorted once, then written side by side."""
    table = connection.sql(
        f"SELECT {listed(EVENTS)} FROM bucket ORDER BY ts, arrival"
    ).to_arrow_table()
    starts = [0, *accumulate(rows)]

    def write(number: int) -> None:
        day = table.slice(starts[number], rows[number])
        parquet.write_table(day, targets[number], compression="zstd", use_dictionary=REPETITIVE)
        sync_file(targets[number])

    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(write, range(len(targets))):
            pass


def date_of(day: int) -> str:
    """Days since 1970 as ``YYYY-MM-DD``."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()

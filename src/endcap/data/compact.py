"""Writing parts anew: many small ones of a date as one, and parts without erased rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import msgspec

from endcap.data.entities import by_origin
from endcap.data.manifest import LOG, Manifest, Part, fresh_file, sync_file, sync_folder
from endcap.data.sql import first_row, text
from endcap.data.views import Where, events_sql

MOST_PARTS = 8  # of one date; more are written anew as one


def merge_crowded(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    base: Manifest,
    added: Sequence[Part],
    name: str,
    where: Where,
) -> tuple[tuple[Part, ...], list[Part]]:
    """(base parts that stay, new parts): dates that would have too many parts of the log get one in
    their place; what imports brought stays apart.

    ``connection``: views of ``base``. The new part has the rows of ``added`` at its end.
    """
    count = Counter(_date(part) for part in (*base.events, *added) if part.source == LOG)
    crowded = {date for date in map(_date, added) if count[date] > MOST_PARTS}
    kept = tuple(p for p in base.events if _date(p) not in crowded or p.source != LOG)
    new = [part for part in added if _date(part) not in crowded]
    for date in sorted(crowded):
        parts = [p for p in base.events if _date(p) == date and p.source == LOG]
        fresh = [p for p in added if _date(p) == date]
        last = base.sequence + 1
        fresh = [msgspec.structs.replace(part, sequence=last) for part in fresh]
        sql = events_sql(where, msgspec.structs.replace(base, events=(*parts, *fresh)))
        new += write_events(connection, root, sql, date, name=name, source=LOG, sequence=0)
    return kept, new


def rewritten(
    connection: duckdb.DuckDBPyConnection, root: Path, base: Manifest, where: Where
) -> tuple[Manifest, int]:
    """A manifest of files that hold no erased row, and how many rows that took away.

    Only files that hold such rows are written anew. The erasures are done with, so they go.
    """
    events: list[Part] = []
    for part in base.events:
        sql = events_sql(where, msgspec.structs.replace(base, events=(part,)))
        if _count(connection, sql) == part.rows:
            events.append(part)
            continue
        stem = f"purged-{base.version + 1:020d}"  # a name that no part of the base has
        events += write_events(
            connection,
            root,
            sql,
            _date(part),
            name=stem,
            source=part.source,
            sequence=part.sequence,
        )
    users = _users_without_erased(connection, root, base, where)
    clean = msgspec.structs.replace(base, events=tuple(events), users=users, erasures=())
    return clean, _rows(base) - _rows(clean)


def _users_without_erased(
    connection: duckdb.DuckDBPyConnection, root: Path, base: Manifest, where: Where
) -> tuple[Part, ...]:
    """One part instead of all when one of them holds an erased user, even under a later row."""
    gone = {erasure.user_id: erasure.sequence for erasure in base.erasures}
    touched = [p for p in base.users if p.sequence < max(gone.values(), default=0)]
    if not touched:
        return base.users
    path = fresh_file(root / "users", "purged", ".parquet")
    sql = "SELECT * FROM users ORDER BY user_id"
    rows = _copy(connection, sql, path)
    whole = Part(str(path.relative_to(root)), rows, 0, 0, base.sequence, "purge")
    return by_origin(connection, root, "users", base.users, whole, where)


def write_events(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    sql: str,
    date: str,
    *,
    name: str,
    source: str,
    sequence: int,
) -> list[Part]:
    found = first_row(connection, f"SELECT min(ts), max(ts) FROM ({sql})")
    if found[0] is None:
        return []
    path = fresh_file(root / "events" / date, name, ".parquet")
    rows = _copy(connection, f"SELECT * FROM ({sql}) ORDER BY ts", path)
    return [Part(str(path.relative_to(root)), rows, found[0], found[1], sequence, source)]


def _copy(connection: duckdb.DuckDBPyConnection, sql: str, path: Path) -> int:
    connection.execute(f"COPY ({sql}) TO {text(path)} (FORMAT parquet, COMPRESSION zstd)")
    sync_file(path)
    sync_folder(path.parent)
    return _count(connection, f"SELECT * FROM read_parquet([{text(path)}])")


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(first_row(connection, f"SELECT count(*) FROM ({sql})")[0])


def _rows(manifest: Manifest) -> int:
    parts: Iterable[Part] = (*manifest.events, *manifest.users)
    return sum(part.rows for part in parts)


def _date(part: Part) -> str:
    """The folder of a part, ``date=YYYY-MM-DD``."""
    return part.path.split("/")[1]

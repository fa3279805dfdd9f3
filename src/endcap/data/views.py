"""The SQL of the three views through which everybody reads the lake, minus erased users."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb

from endcap.data.manifest import Manifest, Part
from endcap.data.sql import listed, quoted, text
from endcap.domain.columns import EVENTS, ITEM_ID, TS, USER_ID, VALUE

Where = Callable[[str], str]  # a part's path in the lake → where it is read from

_TYPES = {TS: "BIGINT", VALUE: "DOUBLE"}


def create_views(connection: duckdb.DuckDBPyConnection, where: Where, manifest: Manifest) -> None:
    """Create ``events``, ``items``, ``users`` and the tables that their SQL needs."""
    connection.execute("CREATE TEMP TABLE erased (user_id VARCHAR, sequence BIGINT)")
    last = {erasure.user_id: erasure.sequence for erasure in manifest.erasures}
    if last:
        connection.executemany(
            "INSERT INTO erased VALUES (?, ?)", [[*pair] for pair in last.items()]
        )
    views = {
        "events": events_sql(where, manifest),
        "items": _entities_sql(where, manifest.items, ITEM_ID, 0),
        "users": _entities_sql(where, manifest.users, USER_ID, _latest_erasure(manifest)),
    }
    for name, sql in views.items():
        connection.execute(f"CREATE VIEW {name} AS {sql}")


def events_sql(where: Where, manifest: Manifest) -> str:
    """A query for all events in the manifest's order of parts, rows in the order of the file."""
    latest = _latest_erasure(manifest)
    touched = [part for part in manifest.events if part.sequence < latest]
    others = [part for part in manifest.events if part.sequence >= latest]
    columns = listed(EVENTS)
    queries = []
    if touched:
        queries.append(f"SELECT {columns} FROM ({_minus_erased(where, touched, columns)})")
    if others:
        queries.append(f"SELECT {columns} FROM {read_sql(where, others)}")
    if not queries:
        empty = ", ".join(f"NULL::{_TYPES.get(c, 'VARCHAR')} AS {quoted(c)}" for c in EVENTS)
        return f"SELECT {empty} WHERE false"
    return " UNION ALL ".join(queries)


def _entities_sql(where: Where, parts: Sequence[Part], key: str, latest_erasure: int) -> str:
    """Rows of items or users: a later part's row replaces an earlier part's whole row."""
    if not parts:
        return f"SELECT NULL::VARCHAR AS {key} WHERE false"
    base = _one_part(where, parts[0], latest_erasure)
    if len(parts) == 1:
        return base
    later = " UNION ALL BY NAME ".join(
        f"SELECT *, {position} AS _position FROM ({_one_part(where, part, latest_erasure)})"
        for position, part in enumerate(parts[1:])
    )
    return (
        f"WITH later AS ({later}), newest AS (SELECT * EXCLUDE (_position) FROM later "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _position DESC) = 1) "
        f"SELECT * FROM ({base}) ANTI JOIN newest USING ({key}) "
        f"UNION ALL BY NAME SELECT * FROM newest"
    )


def _one_part(where: Where, part: Part, latest_erasure: int) -> str:
    if part.sequence >= latest_erasure:
        return f"SELECT * FROM {read_sql(where, [part])}"
    return _minus_erased(where, [part], "*")


def _minus_erased(where: Where, parts: Sequence[Part], columns: str) -> str:
    """The parts by ranges of the sequence, so that no row needs to know its part."""
    by_sequence: dict[int, list[Part]] = {}
    for part in parts:
        by_sequence.setdefault(part.sequence, []).append(part)
    return " UNION ALL ".join(
        f"SELECT {columns} FROM {read_sql(where, group)} AS part WHERE {not_erased(sequence)}"
        for sequence, group in by_sequence.items()
    )


def not_erased(sequence: int) -> str:
    """Whether a row of ``part``, which is as old as the sequence, is of no user erased since."""
    return (
        "NOT EXISTS (SELECT 1 FROM erased e WHERE e.user_id = part.user_id "
        f"AND e.sequence > {sequence})"
    )


def read_sql(where: Where, parts: Sequence[Part]) -> str:
    """All rows of the parts, as a table in SQL."""
    files = ", ".join(text(where(part.path)) for part in parts)
    return f"read_parquet([{files}], hive_partitioning = false)"


def _latest_erasure(manifest: Manifest) -> int:
    return max((erasure.sequence for erasure in manifest.erasures), default=0)

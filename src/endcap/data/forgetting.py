"""Whom the lake has forgotten for good: old files that are imported later bring nobody back.

Until the purge the manifest names an erased user; from then on only a keyed hash of the id and
the time of the erasure are kept. What happened later counts again: the id may come back.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from endcap.data.manifest import Manifest, Part, fresh_file, sync_file, sync_folder
from endcap.data.sql import first_row, text
from endcap.data.views import Where, read_sql
from endcap.domain.erased import hash_of

FORGOTTEN = "forgotten"  # the folder of a lake; also the rows' table in a connection


def remember(
    connection: duckdb.DuckDBPyConnection, root: Path, base: Manifest, where: Where, pepper: str
) -> tuple[Part, ...]:
    """One part with the hashes of all who were erased so far, those of ``base`` among them."""
    if not base.erasures:
        return base.forgotten
    connection.execute("CREATE OR REPLACE TEMP TABLE hashes (key VARCHAR, erased_at BIGINT)")
    connection.executemany(
        "INSERT INTO hashes VALUES (?, ?)",
        [[hash_of(pepper, erasure.user_id), erasure.at] for erasure in base.erasures],
    )
    if base.forgotten:
        connection.execute(
            f"INSERT INTO hashes SELECT key, erased_at FROM {read_sql(where, base.forgotten)}"
        )
    path = fresh_file(root / FORGOTTEN, f"{base.version + 1:020d}", ".parquet")
    connection.execute(
        "COPY (SELECT key, max(erased_at) AS erased_at FROM hashes GROUP BY key ORDER BY key) "
        f"TO {text(path)} (FORMAT parquet, COMPRESSION zstd)"
    )
    sync_file(path)
    sync_folder(path.parent)
    (rows,) = first_row(connection, f"SELECT count(*) FROM read_parquet([{text(path)}])")
    return (Part(str(path.relative_to(root)), rows, 0, 0, base.sequence, "purge"),)


def find_forgotten(
    connection: duckdb.DuckDBPyConnection, base: Manifest, where: Where, pepper: str
) -> None:
    """Make the table ``forgotten`` (user_id, erased_at µs): users of the view ``arriving`` who were
    erased before. Empty, at no cost, where nobody ever was."""
    connection.execute("CREATE OR REPLACE TEMP TABLE forgotten (user_id VARCHAR, erased_at BIGINT)")
    if base.erasures:
        connection.executemany(
            "INSERT INTO forgotten VALUES (?, ?)", [[e.user_id, e.at] for e in base.erasures]
        )
    if base.forgotten:
        connection.execute(
            "INSERT INTO forgotten SELECT user_id, erased_at FROM "
            "(SELECT DISTINCT user_id FROM arriving) arrived "
            f"JOIN {read_sql(where, base.forgotten)} known "
            f"ON known.key = sha256({text(pepper)} || arrived.user_id)"
        )


def recogniser(
    connection: duckdb.DuckDBPyConnection, base: Manifest, where: Where, pepper: str
) -> Callable[[str], bool]:
    """Whether a text is the id of a user who was erased."""
    names = {erasure.user_id for erasure in base.erasures}
    keys: set[str] = set()
    if base.forgotten:
        rows = connection.execute(f"SELECT key FROM {read_sql(where, base.forgotten)}").fetchall()
        keys = {key for (key,) in rows}
    return lambda text: text in names or (bool(keys) and hash_of(pepper, text) in keys)


def keep_absent(connection: duckdb.DuckDBPyConnection) -> None:
    """Leave in ``forgotten`` only who has not come back since: rows of the others, which have no
    time of their own, are taken again."""
    if first_row(connection, "SELECT count(*) FROM forgotten")[0]:
        connection.execute(
            "DELETE FROM forgotten WHERE user_id IN (SELECT user_id FROM users) "
            "OR user_id IN (SELECT user_id FROM events SEMI JOIN forgotten USING (user_id))"
        )


NOT_FORGOTTEN = "NOT EXISTS (SELECT 1 FROM forgotten f WHERE f.user_id = part.user_id)"
NOT_FORGOTTEN_THEN = (
    "NOT EXISTS (SELECT 1 FROM forgotten f "
    "WHERE f.user_id = part.user_id AND part.ts <= f.erased_at)"
)


def left_out(connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows of the view ``arriving`` the view ``staged`` leaves out."""
    (rows,) = first_row(
        connection, "SELECT (SELECT count(*) FROM arriving) - (SELECT count(*) FROM staged)"
    )
    return int(rows)

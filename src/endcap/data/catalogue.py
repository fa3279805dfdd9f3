"""Staged items and users into the lake: the last row of each id, columns with their types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from endcap.data.chunks import ARRIVAL
from endcap.data.entities import (
    BOOLEAN,
    KEYS,
    NUMBER,
    TEXT,
    TEXTS,
    WHOLE,
    by_origin,
    replace_rows,
    widen,
)
from endcap.data.forgetting import NOT_FORGOTTEN, find_forgotten, keep_absent, left_out
from endcap.data.lake import Lake
from endcap.data.manifest import Manifest, Part
from endcap.data.normalise import ITEM_ATTRIBUTES
from endcap.data.sql import first_row, quoted, text
from endcap.data.staging import Done, Staging
from endcap.data.views import not_erased

_WHOLE = "-?(0|[1-9][0-9]{0,17})"
_NUMBER = "-?(0|[1-9][0-9]{0,14})([.][0-9]+)?([eE][-+]?[0-9]{1,2})?"


class Replaced(NamedTuple):
    parts: tuple[Part, ...]
    repeats: int  # rows that a later row of the same id replaced
    forgotten: int = 0  # rows of users who were erased


def merge_entities(lake: Lake, base: Manifest, staging: Staging, table: str) -> Replaced:
    """The table's parts with all staged rows. A file names, by its columns, attributes of each
    of its rows: an empty cell takes the value away. Unchanged rows leave the parts as they are."""
    chunks = [done for done in staging.of_table(table) if done.accepted]
    repeats, forgotten, manifest = 0, 0, base
    for _, alike in groupby(chunks, key=lambda done: sorted(done.columns)):
        run = [*alike]
        with lake.connect(manifest) as connection:
            forgotten += _arrive(connection, lake, manifest, staging, run, table)
            repeats += _stage(connection, run, table)
            part = replace_rows(
                connection, lake.root, table, staging.state.import_id, staging.state.import_id
            )
            if _same(connection, lake.root, table, part):
                (lake.root / part.path).unlink()
            else:
                standing = getattr(manifest, table)
                parts = by_origin(
                    connection, lake.root, table, standing, part, lake.where, came="incoming"
                )
                manifest = _with(manifest, table, parts)
    return Replaced(getattr(manifest, table), repeats, forgotten)


def _with(manifest: Manifest, table: str, parts: tuple[Part, ...]) -> Manifest:
    # The rows are in front of every erasure's eye already: the views left out who is erased.
    shown = tuple(msgspec.structs.replace(part, sequence=manifest.sequence) for part in parts)
    return msgspec.structs.replace(manifest, **{table: shown})


def _arrive(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    manifest: Manifest,
    staging: Staging,
    run: Sequence[Done],
    table: str,
) -> int:
    """Create the view ``staged``; returns how many rows it leaves out: those of users who were
    erased and have not come back."""
    files = ", ".join(text(staging.path(done.name, ".parquet")) for done in run)
    connection.execute(f"CREATE VIEW arriving AS SELECT * FROM read_parquet([{files}])")
    kept = "true"
    if table == "users":
        find_forgotten(connection, manifest, lake.where, lake.pepper)
        keep_absent(connection)
        kept = f"{not_erased(staging.state.sequence)} AND {NOT_FORGOTTEN}"
    connection.execute(f"CREATE VIEW staged AS SELECT * FROM arriving AS part WHERE {kept}")
    return left_out(connection)


def _stage(connection: duckdb.DuckDBPyConnection, run: Sequence[Done], table: str) -> int:
    """Create ``incoming``, typed, one row for each id; returns how many rows were replaced."""
    key = KEYS[table]
    types = {name: _type(connection, run, table, name) for name in run[0].columns if name != key}
    columns = "".join(f", {_typed(name, kind)} AS {quoted(name)}" for name, kind in types.items())
    connection.execute(
        f"CREATE TEMP TABLE incoming AS SELECT {key}{columns} FROM staged "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {quoted(ARRIVAL)} DESC) = 1"
    )
    staged, distinct = first_row(
        connection, "SELECT (SELECT count(*) FROM staged), (SELECT count(*) FROM incoming)"
    )
    return int(staged - distinct)


def _type(connection: duckdb.DuckDBPyConnection, run: Sequence[Done], table: str, name: str) -> str:
    """What the engine knows, else what the files declare, else what all values look like."""
    known = ITEM_ATTRIBUTES.get(name) if table == "items" else None
    if known and known != TEXT:
        return known
    declared = {done.kinds[name] for done in run if name in done.kinds}
    if known or declared:
        return reduce(widen, sorted(declared)) if not known else TEXT
    column = quoted(name)
    whole, number, boolean, listed = first_row(
        connection,
        f"SELECT bool_and(regexp_full_match({column}, '{_WHOLE}')), "
        f"bool_and(regexp_full_match({column}, '{_NUMBER}')), "
        f"bool_and({column} IN ('true', 'false', 'True', 'False')), "
        f"bool_and({column} LIKE '[\"%\"]' AND json_valid({column})) FROM staged",
    )
    found = {WHOLE: whole, NUMBER: number, BOOLEAN: boolean, TEXTS: listed}
    return next((kind for kind, fits in found.items() if fits), TEXT)


def _typed(name: str, kind: str) -> str:
    column = quoted(name)
    if kind == TEXT:
        return column
    if kind == TEXTS:
        listed = f"try_cast(try_cast({column} AS JSON) AS VARCHAR[])"
        return f"CASE WHEN {column} IS NOT NULL THEN coalesce({listed}, [{column}]) END"
    return f"TRY_CAST({column} AS {kind})"


def _same(connection: duckdb.DuckDBPyConnection, root: Path, table: str, part: Part) -> bool:
    """Whether the new part holds just what the view shows already."""
    new = f"(SELECT * FROM read_parquet([{text(root / part.path)}]))"
    names = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]
    fresh = [row[0] for row in connection.execute(f"DESCRIBE {new}").fetchall()]
    if sorted(names) != sorted(fresh):
        return False
    columns = ", ".join(map(quoted, names))
    differing = first_row(
        connection,
        f"SELECT (SELECT count(*) FROM {table}) - (SELECT count(*) FROM {new}), "
        "(SELECT count(*) FROM "
        f"(SELECT {columns} FROM {new} EXCEPT SELECT {columns} FROM {table}))",
    )
    return differing == (0, 0)

"""Items and users in the lake: one row for each id, one typed column for each attribute.

Each part is a full set of rows for its ids; a row of a later part replaces the whole row of an
earlier one, so an upsert writes the merged row. When the type of a column widens, or many parts
have gathered, the table is written anew as one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from endcap.data.manifest import LOG, Manifest, Part, fresh_file, sync_file, sync_folder
from endcap.data.sql import first_row, quoted, text
from endcap.data.views import Where, read_sql
from endcap.domain.columns import ITEM_ID, USER_ID
from endcap.domain.values import Attribute, Attributes

KEYS = {"items": ITEM_ID, "users": USER_ID}
BOOLEAN, WHOLE, NUMBER, TEXT, TEXTS = "BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR", "VARCHAR[]"
MOST_PARTS = 8  # more are written anew as one
_ARROW = {
    BOOLEAN: pa.bool_(), WHOLE: pa.int64(), NUMBER: pa.float64(), TEXT: pa.string(),
    TEXTS: pa.list_(pa.string()),
}  # fmt: skip


def widen(one: str, other: str) -> str:
    """The type that holds values of both."""
    if one == other:
        return one
    if TEXTS in (one, other):
        return TEXTS
    return NUMBER if {one, other} == {WHOLE, NUMBER} else TEXT


def type_of(value: Attribute) -> str | None:
    """The column type for one value; None for null."""
    if value is None:
        return None
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return WHOLE if -(2**63) <= value < 2**63 else NUMBER
    if isinstance(value, float):
        return NUMBER
    return TEXTS if isinstance(value, list) else TEXT


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column → type of a table or view, in order."""
    return {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}


def upsert_rows(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    manifest: Manifest,
    table: str,
    rows: Iterable[tuple[str, Attributes]],
    *,
    name: str,
    where: Where,
) -> tuple[Part, ...]:
    """The table's parts after these upserts, in order. Attribute names are compared without
    regard to case; the spelling that came first stays."""
    standing: tuple[Part, ...] = getattr(manifest, table)
    changes: dict[str, Attributes] = {}
    for row_id, attributes in rows:
        changes.setdefault(row_id, {}).update(attributes)
    if not changes:
        return standing
    known = columns_of(connection, table)
    merged = _merged(connection, table, changes, {c.lower(): c for c in known})
    types = _types(merged.values(), {c: kind for c, kind in known.items() if c != KEYS[table]})
    incoming = _arrow(KEYS[table], merged, types)
    connection.register("incoming", incoming)
    compatible = all(known.get(column, kind) == kind for column, kind in types.items())
    if standing and compatible and len(standing) < MOST_PARTS:
        part = _write(connection, root, table, "SELECT * FROM incoming", name=name, source=LOG)
        return (*standing, part)
    whole = replace_rows(connection, root, table, name, LOG)
    return by_origin(connection, root, table, standing, whole, where, came="incoming")


def replace_rows(
    connection: duckdb.DuckDBPyConnection, root: Path, table: str, name: str, source: str
) -> Part:
    """The whole table as one new part, in which the rows of the view ``incoming`` (one for each
    id) replace what their columns name. Other columns and ids stay."""
    key = KEYS[table]
    standing, coming = columns_of(connection, table), columns_of(connection, "incoming")
    spelling = {name.lower(): name for name in coming}
    columns = {name: spelling.get(name.lower()) for name in standing}
    columns |= {name: name for name in coming if name.lower() not in {c.lower() for c in standing}}
    news, olds = [], []
    for column, theirs in columns.items():
        if column == key:
            continue
        kinds = [k for k in (standing.get(column), coming.get(theirs or "")) if k]
        kind = widen(kinds[0], kinds[-1])
        mine = _cast(f"old.{quoted(column)}", standing[column], kind) if column in standing else ""
        new = _cast(f"new.{quoted(theirs)}", coming[theirs], kind) if theirs else mine
        news.append(f"{new} AS {quoted(column)}")
        olds.append(f"{mine or f'NULL::{kind}'} AS {quoted(column)}")
    sql = (
        f"SELECT {', '.join([f'new.{key}', *news])} FROM incoming new "
        f"LEFT JOIN {table} old USING ({key}) UNION ALL "
        f"SELECT {', '.join([f'old.{key}', *olds])} "
        f"FROM {table} old ANTI JOIN incoming USING ({key})"
    )
    return _write(
        connection, root, table, f"SELECT * FROM ({sql}) ORDER BY {key}", name=name, source=source
    )


def by_origin(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    table: str,
    standing: Sequence[Part],
    whole: Part,
    where: Where,
    came: str = "",
) -> tuple[Part, ...]:
    """``whole``, a table that replaces ``standing``, as two parts where imports brought some of its
    rows and the log others: an import that replaces all earlier ones has to know. ``came``: a view
    with the ids that have come from where ``whole`` did."""
    origins = {part.source == LOG for part in standing} | ({whole.source == LOG} if came else set())
    if len(origins) < 2:
        return (whole,)
    key, live = KEYS[table], whole.source == LOG
    rows = " UNION ALL ".join(
        f"SELECT {key}, {place} AS place, {part.source == LOG} AS live "
        f"FROM {read_sql(where, [part])}"
        for place, part in enumerate(standing)
    )
    coming = f"UNION ALL SELECT {key}, {len(standing)}, {live} FROM {came}" if came else ""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE origin AS SELECT {key}, arg_max(live, place) AS live "
        f"FROM ({rows} {coming}) GROUP BY {key}"
    )
    imported = next((p.source for p in reversed(standing) if p.source != LOG), whole.source)
    parts = []
    for source, condition in ((imported if live else whole.source, "NOT live"), (LOG, "live")):
        sql = (
            f"SELECT * FROM read_parquet([{text(root / whole.path)}]) SEMI JOIN "
            f"(SELECT {key} FROM origin WHERE {condition}) USING ({key}) ORDER BY {key}"
        )
        part = _write(connection, root, table, sql, name=Path(whole.path).stem, source=source)
        parts.append(msgspec.structs.replace(part, sequence=whole.sequence))
    (root / whole.path).unlink()
    return tuple(parts)


def _merged(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    changes: Mapping[str, Attributes],
    spelling: dict[str, str],
) -> dict[str, Attributes]:
    """Full rows for the changed ids: what stands, then what the change names."""
    key = KEYS[table]
    connection.register("changed", pa.table({key: list(changes)}))
    rows = connection.sql(f"SELECT * FROM {table} SEMI JOIN changed USING ({key})")
    merged = {row_id: Attributes() for row_id in changes}
    for row in rows.to_arrow_table().to_pylist():
        merged[row.pop(key)].update(row)
    connection.unregister("changed")
    for row_id, attributes in changes.items():
        for attribute, value in attributes.items():
            if attribute.lower() != key:
                merged[row_id][spelling.setdefault(attribute.lower(), attribute)] = value
    return merged


def _types(rows: Iterable[Attributes], known: Mapping[str, str]) -> dict[str, str]:
    """Column → the narrowest type for what is known and all values; new columns of nulls only
    are left out."""
    types = dict(known)
    for row in rows:
        for column, value in row.items():
            kind = type_of(value)
            if kind is not None:
                types[column] = widen(types.get(column, kind), kind)
    return types


def _arrow(key: str, rows: Mapping[str, Attributes], types: Mapping[str, str]) -> pa.Table:
    columns: dict[str, pa.Array] = {key: pa.array(list(rows), pa.string())}
    for column, kind in types.items():
        values = [_as(row.get(column), kind) for row in rows.values()]
        columns[column] = pa.array(values, _ARROW[kind])
    return pa.table(columns)


def _as(value: Attribute, kind: str) -> Attribute:
    if value is None or type_of(value) == kind:
        return value
    if kind == TEXTS:
        return [_text(value)]
    return float(value) if kind == NUMBER and not isinstance(value, (str, list)) else _text(value)


def _text(value: Attribute) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cast(expression: str, kind: str, wanted: str) -> str:
    if kind == wanted:
        return expression
    if wanted == TEXTS:
        return f"CASE WHEN {expression} IS NOT NULL THEN [{expression}::VARCHAR] END"
    return f"{expression}::{wanted}"


def _write(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    table: str,
    sql: str,
    *,
    name: str,
    source: str,
) -> Part:
    path = fresh_file(root / table, name, ".parquet")
    connection.execute(f"COPY ({sql}) TO {text(path)} (FORMAT parquet, COMPRESSION zstd)")
    sync_file(path)
    sync_folder(path.parent)
    (rows,) = first_row(connection, f"SELECT count(*) FROM read_parquet([{text(path)}])")
    return Part(str(path.relative_to(root)), rows, 0, 0, 0, source)

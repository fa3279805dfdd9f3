"""The SQL that reads one entry: quoted names and parameters only, in order of the table's key."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from endcap.data.database.binding import Bound, Read
from endcap.data.database.dialects import TIMES, as_key, as_text
from endcap.data.database.mapping import overlap_of
from endcap.data.sql import quoted
from endcap.domain.columns import EVENT_ID
from endcap.domain.relations import Relation


class Query(NamedTuple):
    """``names`` of the columns; the first ``keys`` of them are the table's key."""

    sql: str
    parameters: tuple[object, ...]
    names: tuple[str, ...]
    keys: int


def select_rows(
    read: Read, dialect: str, zone: str, since: str | None, after: Sequence[str]
) -> Query:
    """All columns of an entry, of rows from the watermark ``since`` on (None: all) and behind
    the key ``after`` (empty: from the first)."""
    outputs = outputs_of(read)
    keys, _ = _chosen(read.key, dialect, "UTC")  # as the database holds them
    chosen, parameters = _chosen([*outputs.values()], dialect, zone)
    where, more = _where(read, dialect, since, after)
    order = ", ".join(reference(bound) for bound in read.key)
    sql = f"SELECT {keys}, {chosen} FROM {_from(read)}{where} ORDER BY {order}"
    names = (*(f"key {i}" for i in range(len(read.key))), *outputs)
    return Query(sql, (*parameters, *more), names, len(read.key))


def select_newest(read: Read, dialect: str) -> Query:
    """The greatest value of the watermark's column; of times none that is still to come."""
    assert read.watermark is not None  # noqa: S101
    name = reference(read.watermark, alone=True)
    greatest, parameters = as_text(dialect, f"MAX({name})", read.watermark.column.kind, "UTC")
    future = ""
    if read.watermark.column.kind in TIMES:
        now = {"zoned": "CURRENT_TIMESTAMP", "time": "LOCALTIMESTAMP", "date": "CURRENT_DATE"}
        future = f" WHERE {name} <= {now[read.watermark.column.kind]}"
    table = quoted_table(read.relations[read.watermark.relation])
    return Query(f"SELECT {greatest} FROM {table}{future}", parameters, ("newest",), 0)


def outputs_of(read: Read) -> dict[str, Bound]:
    """Name in the result → column. A column that is used twice has a name of its own each time."""
    outputs: dict[str, Bound] = {}
    taken = {EVENT_ID}
    for ours, bound in read.columns.items():
        name = bound.reference
        name = f"{name} as {ours}" if name.lower() in taken else name
        outputs[name] = bound
        taken.add(name.lower())
    return outputs


def names_of(read: Read) -> dict[str, str]:
    """ours → name in the result."""
    return dict(zip(read.columns, outputs_of(read), strict=True))


def reference(bound: Bound, *, alone: bool = False) -> str:
    """A column with its table; ``alone``: in a query of that table only."""
    name = _escaped(quoted(bound.column.name))
    return name if alone else f"{_escaped(quoted(bound.relation))}.{name}"


def quoted_table(relation: Relation) -> str:
    return ".".join(_escaped(quoted(part)) for part in relation.path or (relation.name,))


def _escaped(sql: str) -> str:
    return sql.replace("%", "%%")  # a percent sign begins a parameter


def _chosen(bounds: Sequence[Bound], dialect: str, zone: str) -> tuple[str, tuple[object, ...]]:
    parts, parameters = [], list[object]()
    for bound in bounds:
        sql, more = as_text(dialect, reference(bound), bound.column.kind, zone)
        parts.append(sql)
        parameters += more
    return ", ".join(parts), tuple(parameters)


def _from(read: Read) -> str:
    """The entry's table with the others beside it. A row that finds none there stays: it is
    rejected for what it lacks, and counted."""
    tables = [
        f"{quoted_table(relation)} AS {_escaped(quoted(name))}"
        for name, relation in read.relations.items()
    ]
    parts = tables[:1]
    for name, table in zip(read.entry.section.join, tables[1:], strict=True):
        on = " AND ".join(
            f"{reference(theirs)} = {reference(equal)}"
            for joined, theirs, equal in read.joins
            if joined == name
        )
        parts.append(f"LEFT JOIN {table} ON {on}")
    return " ".join(parts)


def _where(
    read: Read, dialect: str, since: str | None, after: Sequence[str]
) -> tuple[str, list[object]]:
    conditions, parameters = list[str](), list[object]()
    for bound, wanted, values in read.conditions:
        name, marks = reference(bound), ", ".join(["%s"] * len(values))
        within = f"{name} IN ({marks})" if values else "1 = 0"
        conditions.append(within if wanted else f"({name} IS NULL OR NOT ({within}))")
        parameters += values
    if read.watermark and since is not None:
        name, param = reference(read.watermark), as_key(dialect, read.watermark.column.kind)
        newer = f"{name} >= {param}"
        conditions.append(
            f"({newer} OR {name} IS NULL)" if read.watermark.column.nullable else newer
        )
        parameters.append(earlier(since, read))
    if after:
        behind, more = _behind(read.key, dialect, after)
        conditions.append(behind)
        parameters += more
    return (" WHERE " + " AND ".join(conditions)) * bool(conditions), parameters


def _behind(key: Sequence[Bound], dialect: str, after: Sequence[str]) -> tuple[str, list[object]]:
    """(k1, k2) > (a1, a2), written so that an index on (k1, k2) serves it."""
    first, *rest = key
    name, param = reference(first), as_key(dialect, first.column.kind)
    value = key_value(after[0], first)
    if not rest:
        return f"{name} > {param}", [value]
    inner, more = _behind(rest, dialect, after[1:])
    sql = f"({name} >= {param} AND ({name} > {param} OR {inner}))"
    return sql, [value, value, *more]


def key_value(value: str, bound: Bound) -> object:
    """A key as it came as text, as the parameter that is compared with the column."""
    return int(value) if bound.column.kind in ("whole", "big") else value


def earlier(since: str, read: Read) -> object:
    """The watermark less the overlap: what was committed late, or at the same moment, is read
    once more and dropped as a repeat."""
    assert read.watermark is not None  # noqa: S101
    keys, seconds = overlap_of(read.entry.section)
    kind = read.watermark.column.kind
    if kind not in TIMES:
        return int(since) - keys
    at = datetime.fromisoformat(since) - timedelta(seconds=seconds)
    return at.date().isoformat() if kind == "date" else at.isoformat(sep=" ")

"""A mapping held against the database: every table and column is there and of a fitting type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping as Map
from collections.abc import Sequence

from msgspec import Struct

from endcap.data.database.dialects import NUMBERS, TIMES
from endcap.data.database.mapping import Entry, Mapping, Stepped, columns_of_file
from endcap.domain.columns import TS, VALUE
from endcap.domain.errors import InvalidInput
from endcap.domain.relations import Column, Relation
from endcap.ports import Database

_SHOWN = 30
_STEPPED = ("whole", "big", "number")
_WATERMARKS = ("whole", "big", *TIMES)


class Bound(Struct, frozen=True):
    """A column of one of the tables that are read. ``reference``: as the mapping writes it;
    ``relation``: what the mapping calls the table."""

    reference: str
    relation: str
    column: Column


class Read(Struct, frozen=True):
    """One entry with its columns found. ``relations`` by what the mapping calls them, the entry's
    own first. ``columns``: ours → theirs; ``joins``: (table, its column, the column it equals)."""

    entry: Entry
    relations: dict[str, Relation]
    columns: dict[str, Bound]
    joins: tuple[tuple[str, Bound, Bound], ...]
    key: tuple[Bound, ...]
    watermark: Bound | None
    conditions: tuple[tuple[Bound, bool, tuple[object, ...]], ...]  # (column, wanted, values)


def bind(mapping: Mapping, database: Database) -> list[Read]:
    """Raises InvalidInput: database_table_missing, database_column_missing, database_column_type,
    database_key_missing."""
    relations = {relation.name: relation for relation in database.relations()}
    return [_bind(entry, relations, database.name) for entry in mapping.entries]


def _bind(entry: Entry, relations: Map[str, Relation], name: str) -> Read:
    section = entry.section
    tables = {t: _relation(entry, t, relations, name) for t in (section.table, *section.join)}

    def find(reference: str) -> Bound:
        return _column(entry, reference, tables)

    columns = {ours: find(columns_of_file(theirs)) for ours, theirs in section.columns.items()}
    for ours, bound in columns.items():
        _fits(entry, ours, bound)
    joins = tuple(
        (table, find(f"{table}.{theirs}"), find(equal))
        for table, on in section.join.items()
        for theirs, equal in on.items()
    )
    relation = tables[section.table]
    watermark = find(section.watermark) if section.watermark else None
    if watermark and watermark.column.kind not in _WATERMARKS:
        raise _wrong_type(entry, watermark, "a whole number or a time, to be a watermark")
    conditions = [(find(c), True, values) for c, values in section.only.items()]
    conditions += [(find(c), False, values) for c, values in section.without.items()]
    key = tuple(find(f"{section.table}.{column}") for column in section.key or relation.key)
    if not key:
        raise InvalidInput("database_key_missing", field=f"[{entry.path}]", value=relation.name)
    return Read(entry, tables, columns, joins, key, watermark, tuple(conditions))


def _fits(entry: Entry, ours: str, bound: Bound) -> None:
    kind = bound.column.kind
    if ours == TS and kind not in (*TIMES, *NUMBERS, "text"):
        raise _wrong_type(entry, bound, "a time, a date, a number or text")
    if isinstance(entry.section.columns[ours], Stepped) and kind not in _STEPPED:
        raise _wrong_type(entry, bound, "a number, to have steps")
    if ours == VALUE and kind not in (*NUMBERS, "text"):
        raise _wrong_type(entry, bound, "a number")
    if kind == "other":
        raise _wrong_type(entry, bound, "a number, text, time, date, boolean, JSON or bytes")


def _relation(entry: Entry, table: str, relations: Map[str, Relation], name: str) -> Relation:
    if table in relations:
        return relations[table]
    alike = [there for there in relations if there.lower() == table.lower()]
    if len(alike) == 1:
        return relations[alike[0]]
    raise InvalidInput(
        "database_table_missing",
        field=f"[{entry.path}]",
        value=table,
        database=name,
        permitted=_listed(table, list(relations)) or "none that this user may read",
    )


def _column(entry: Entry, reference: str, tables: Map[str, Relation]) -> Bound:
    """``column`` of the entry's own table, or ``table.column`` of any that is joined."""
    own = entry.section.table
    owner, name = own, reference
    for table in tables:
        if reference.startswith(f"{table}."):
            owner, name = table, reference.removeprefix(f"{table}.")
    columns = tables[owner].columns
    found = [c for c in columns if c.name == name] or [
        c for c in columns if c.name.lower() == name.lower()
    ]
    if found:
        return Bound(name if owner == own else f"{owner}.{name}", owner, found[0])
    raise InvalidInput(
        "database_column_missing",
        field=f"[{entry.path}]",
        value=name,
        table=owner,
        permitted=_listed(name, [column.name for column in columns]),
    )


def _listed(wanted: str, names: Sequence[str]) -> str:
    """Names that are there, the nearest first."""
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    shown = [*near, *(name for name in names if name not in near)]
    return ", ".join(shown[:_SHOWN]) + (", …" if len(shown) > _SHOWN else "")


def _wrong_type(entry: Entry, bound: Bound, permitted: str) -> InvalidInput:
    return InvalidInput(
        "database_column_type",
        field=f"[{entry.path}]",
        value=bound.column.type,
        column=f"{bound.relation}.{bound.column.name}",
        permitted=permitted,
    )

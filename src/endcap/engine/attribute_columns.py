"""Attributes by column: each row holds the code of its value among the distinct ones.

Conditions are worked out once for each distinct value and spread over the rows. A column is read
from the snapshot when a filter first speaks of it, and follows every change from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from endcap.domain.filters import Field
from endcap.domain.values import Attribute
from endcap.engine.attribute_values import found_in, spellings
from endcap.engine.attributes import AttributeTable
from endcap.engine.distinct_values import ABSENT, Column

MOST_BYTES = 256 << 20  # of all columns of one table, as ``Column.size`` estimates them

Key = tuple[str, bool]  # name, split


class Columns:
    """The columns of one table that filters speak of. ``rows`` says how many rows there are."""

    def __init__(self, table: AttributeTable, rows: Callable[[], int]) -> None:
        self._table, self._rows = table, rows
        self._columns: dict[Key, Column] = {}  # the last used stand last
        self._read = 0

    def need(self, fields: Iterable[Field]) -> None:
        """Have the columns of these fields at hand, up to date."""
        self._follow()
        wanted = list(dict.fromkeys((field.name, field.split) for field in fields))
        missing = [Column(*key) for key in wanted if key not in self._columns]
        if missing:
            fill(missing, self._table)
        for column in missing:
            self._columns[column.name, column.split] = column
        for key in wanted:
            self._columns[key] = self._columns.pop(key)
            self._columns[key].grow(self._rows())
        self._forget(len(wanted))

    def of(self, field: Field) -> Column:
        """One of those that were needed last."""
        return self._columns[field.name, field.split]

    def _follow(self) -> None:
        changed = self._table.changed
        if self._read < len(changed):
            for row in set(changed[self._read :]):
                attributes = self._table.get(row)
                for column in self._columns.values():
                    column.put(row, found_in(attributes, column.name))
            self._read = len(changed)

    def _forget(self, kept: int) -> None:
        """Drop what was not used for longest, where all together take too much."""
        total = sum(column.size for column in self._columns.values())
        for key in list(self._columns)[: len(self._columns) - kept]:
            if total <= MOST_BYTES:
                break
            total -= self._columns.pop(key).size


def fill(columns: list[Column], table: AttributeTable) -> None:
    """Read new columns in one walk over the table: only what they hold is decoded."""
    rows = max(len(table.base), max(table.later, default=-1) + 1)
    for column in columns:
        column.grow(rows)
    decode, places = partial_decoder(columns)
    starts, flat = table.base.starts.tolist(), table.base.flat.data
    read: list[list[int]] = [[] for _ in columns]
    for row in range(len(table.base)):
        first, last = starts[row], starts[row + 1]
        found = decode(flat[first:last]) if last > first else None
        for column, where, codes in zip(columns, places, read, strict=True):
            codes.append(ABSENT if found is None else column.code(first_of(found, where)))
    for column, codes in zip(columns, read, strict=True):
        column.codes[: len(codes)] = codes
    for row, attributes in table.later.items():
        for column in columns:
            column.put(row, found_in(attributes, column.name))


def partial_decoder(columns: list[Column]) -> tuple[Callable[[Any], Any], list[list[str]]]:
    """What reads the wanted attributes of a blob and passes over the others; and, by column, the
    members of what it makes that may hold its value, in order."""
    names = list(dict.fromkeys(name for column in columns for name in spellings(column.name)))
    members = {name: f"at{place}" for place, name in enumerate(names)}
    kind = msgspec.defstruct(
        "Some",
        [(member, Any, None) for member in members.values()],
        rename={member: name for name, member in members.items()},
        gc=False,
    )
    places = [[members[name] for name in spellings(column.name)] for column in columns]
    return msgspec.msgpack.Decoder(kind).decode, places


def first_of(found: Any, members: list[str]) -> Attribute:
    for member in members:
        value: Attribute = getattr(found, member)
        if value is not None:
            return value
    return None

"""Attributes by column: each row holds the code of its value among the distinct ones.

Conditions are worked out once for each distinct value and spread over the rows. A column is read
from the snapshot when a filter first speaks of it, and follows every change from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from endcap.domain.filters import Field
from endcap.engine.attribute_values import found_in, spellings
from endcap.engine.attributes import AttributeTable
from endcap.engine.distinct_values import Column

MOST_BYTES = 256 << 20  # of all columns of one table, as ``Column.size`` estimates them

CHUNK = 50_000  # rows that are decoded at once
_ARRAY_OF = b"\xdd"  # MessagePack: an array, its length in the next four bytes

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
    names = list(dict.fromkeys(name for column in columns for name in spellings(column.name)))
    decode = partial_decoder(names)
    getters = [attrgetter(*places_of(column, names)) for column in columns]
    starts = table.base.starts
    for first in range(0, len(table.base), CHUNK):
        last = min(first + CHUNK, len(table.base))
        filled = first + np.flatnonzero(np.diff(starts[first : last + 1]))
        if not len(filled):
            continue
        blobs = bytes(table.base.flat[starts[first] : starts[last]])
        found = decode(_ARRAY_OF + len(filled).to_bytes(4, "big") + blobs)
        for column, get in zip(columns, getters, strict=True):
            column.codes[filled] = column.encode(list(map(first_of, map(get, found))))
    for row, attributes in table.later.items():
        for column in columns:
            column.put(row, found_in(attributes, column.name))


def partial_decoder(names: list[str]) -> Callable[[bytes], Any]:
    """What reads the attributes of these names from many blobs, and passes over all others."""
    members: list[tuple[str, Any, Any]] = [(f"at{n}", Any, None) for n in range(len(names))]
    rename = {f"at{place}": name for place, name in enumerate(names)}
    kind = msgspec.defstruct("Some", members, rename=rename, gc=False)
    return msgspec.msgpack.Decoder(list[kind]).decode  # type: ignore[valid-type]


def places_of(column: Column, names: list[str]) -> list[str]:
    """The members that may hold the column's value, in order: two at least."""
    places = [f"at{names.index(name)}" for name in spellings(column.name)]
    return places if len(places) > 1 else places * 2


def first_of(found: tuple[Any, ...]) -> Any:
    """The first that is there; a list as a tuple."""
    value = found[0]
    if value is None:
        value = next((other for other in found if other is not None), None)
    return tuple(value) if type(value) is list else value

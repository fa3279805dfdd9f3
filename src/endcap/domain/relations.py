"""Tables of a shop's own database, as ``ports.Database`` describes them."""

from __future__ import annotations

from msgspec import Struct

MOST_BYTES = 32 * 2**20  # of text that a database hands over at once


class Column(Struct, frozen=True):
    """A column of a shop's own database. ``type``: as the database calls it; ``kind``: whole, big
    (beyond 64 bits), number, text, list, time, zoned (a time with its zone), date, boolean, json,
    bytes, bits or other."""

    name: str
    type: str
    kind: str
    nullable: bool


class ForeignKey(Struct, frozen=True):
    """``columns`` of one table refer to ``others`` of ``table``, in this order."""

    columns: tuple[str, ...]
    table: str
    others: tuple[str, ...]


class Relation(Struct, frozen=True):
    """A table or view. ``key``: its primary key, in order; empty where there is none. ``name``:
    with the schema before it (sales.orders) where that must be said."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    path: tuple[str, ...] = ()  # schema and table; empty: the name is all

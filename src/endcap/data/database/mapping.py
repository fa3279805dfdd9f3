"""The mapping of a shop's database: which table is what, which column is which of ours.

A TOML file with a section each for users, items and every type of event; see docs/databases.md.
"""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from endcap.data.mapping import OPTIONAL, REQUIRED
from endcap.domain.columns import EVENT_ID, EVENT_TYPE
from endcap.domain.errors import InvalidInput

READY = ("classicmodels", "shop")  # mappings that are part of the package
OVERLAP_KEYS, OVERLAP_S = 10_000, 600
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Condition = dict[str, tuple[str | int | float | bool, ...]]


class Stepped(Struct, frozen=True, forbid_unknown_fields=True):
    """A value from 1 up: one more for each of ``steps`` that the column reaches."""

    column: str
    steps: tuple[float, ...]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the file says of one table. ``join``: table → its column → the column it equals.
    ``only``, ``without``: column → the values of rows that are read, or left out."""

    table: str
    columns: dict[str, str | Stepped]
    join: dict[str, dict[str, str]] = {}
    key: tuple[str, ...] = ()
    watermark: str = ""
    overlap: int | str = ""
    only: Condition = {}
    without: Condition = {}


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    time_zone: str = "UTC"
    users: Section | None = None
    items: Section | None = None
    events: dict[str, Section] = {}


class Entry(Struct, frozen=True):
    """One table to read. ``table``: users, items or events. ``name``: the event type, where the
    table has no column for it, else the section's name."""

    table: str
    name: str
    section: Section

    @property
    def path(self) -> str:
        """The section as the file writes it."""
        return f"events.{self.name}" if self.table == "events" else self.table


class Mapping(Struct, frozen=True):
    """``time_zone`` of times that the database keeps without one."""

    time_zone: str
    entries: tuple[Entry, ...]


def find_mapping(given: str) -> str:
    """The text of a ready mapping, by name, or of a file. InvalidInput (bad_database_mapping)."""
    if given in READY:
        folder = resources.files("endcap.data.database") / "mappings"
        return (folder / f"{given}.toml").read_text("utf-8")
    try:
        return Path(given).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise _bad(given, reason) from error


def parse(text: str, name: str) -> Mapping:
    """``name``: of the file, for errors. Raises InvalidInput (bad_database_mapping)."""
    try:
        file = msgspec.convert(tomllib.loads(text), _File, strict=True)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _bad(name, str(error)) from error
    entries = [Entry(t, t, s) for t in ("users", "items") if (s := getattr(file, t)) is not None]
    entries += [Entry("events", kind, section) for kind, section in file.events.items()]
    if not entries:
        raise _bad(name, "it has none of the sections [users], [items], [events.TYPE]")
    for entry in entries:
        _check(entry, name)
    return Mapping(file.time_zone, tuple(entries))


def _check(entry: Entry, name: str) -> None:
    section = entry.section
    for ours in REQUIRED[entry.table]:
        if ours not in section.columns:
            raise _bad(name, f"[{entry.path}] names no column for {ours}")
    if EVENT_ID in section.columns:
        raise _bad(name, f"[{entry.path}] names {EVENT_ID}, which is made of the table's key")
    overlap_of(section, name)
    for ours, column in section.columns.items():
        if not isinstance(column, Stepped):
            continue
        if list(column.steps) != sorted(set(column.steps)) or not column.steps:
            raise _bad(name, f"[{entry.path}] steps of {ours} must be numbers that grow")
        if ours in REQUIRED[entry.table] or (entry.table == "events" and ours == EVENT_TYPE):
            raise _bad(name, f"[{entry.path}] {ours} must be a column, without steps")


def overlap_of(section: Section, name: str = "") -> tuple[int, int]:
    """(keys, seconds) that are read again. A number is both; a text like 15m is a time."""
    given = section.overlap
    if given == "":
        return OVERLAP_KEYS, OVERLAP_S
    if isinstance(given, int):
        keys, seconds = given, given
    else:
        found = re.fullmatch(r"(\d{1,9})([smhd])", given)
        if not found:
            raise _bad(name, f"overlap must be a number or a time like 15m, not {given!r}")
        keys, seconds = OVERLAP_KEYS, int(found[1]) * _SECONDS[found[2]]
    if keys < 0:
        raise _bad(name, f"overlap must not be negative: {given}")
    return keys, seconds


def canonical(entry: Entry) -> dict[str, str | Stepped]:
    """The entry's columns that the lake's events have, else the id."""
    ours = (*REQUIRED[entry.table], *OPTIONAL[entry.table])
    return {name: column for name, column in entry.section.columns.items() if name in ours}


def columns_of_file(given: Any) -> str:
    """The database's column behind a mapped one."""
    return given.column if isinstance(given, Stepped) else str(given)


def _bad(name: str, reason: str) -> InvalidInput:
    return InvalidInput("bad_database_mapping", field=name, reason=reason)

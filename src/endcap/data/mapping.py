"""Which column of a file is which column of the lake, by name; what is unclear is asked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from endcap.domain.columns import (
    ALIASES,
    ATTRIBUTES,
    EVENT_ID,
    EVENT_TYPE,
    ITEM_ID,
    SESSION_ID,
    TS,
    USER_ID,
    VALUE,
)
from endcap.domain.errors import InvalidInput

# table → canonical columns (required ones first)
REQUIRED = {"users": (USER_ID,), "items": (ITEM_ID,), "events": (USER_ID, ITEM_ID, TS)}
OPTIONAL = {
    "users": (),
    "items": (),
    "events": (EVENT_TYPE, VALUE, EVENT_ID, SESSION_ID, ATTRIBUTES),
}
# Amazon Personalize's names where they are not the canonical word in upper case.
_PERSONALIZE = {TS: "timestamp", VALUE: "event_value"}
# Attributes that the engine knows, under other names; compared like ALIASES.
_ATTRIBUTES = {"created": ("creationtimestamp",), "name": ("title", "productname", "itemname")}
_ID_LIKE = ("id", "code", "sku")


class Resolved(Struct, frozen=True):
    """``columns``: canonical → the file's column. ``guessed``: columns and attributes that came
    neither from the mapping nor by their exact name."""

    columns: dict[str, str]
    guessed: dict[str, str]


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """``["user_id=CustomerID", …]`` → mapping. InvalidInput (bad_mapping)."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (equals and ours.strip() and theirs.strip()):
            raise InvalidInput("bad_mapping", value=pair)
        mapping[ours.strip().lower()] = theirs.strip()
    return mapping


def read_mapping(path: Path) -> dict[str, str]:
    """A TOML file of ``user_id = "CustomerID"`` lines. InvalidInput (bad_mapping_file)."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput("bad_mapping_file", field=str(path), reason=str(error)) from error
    wrong = [name for name, value in table.items() if not isinstance(value, str)]
    if wrong:
        raise InvalidInput(
            "bad_mapping_file", field=str(path), reason=f"{wrong[0]} is not a column name in quotes"
        )
    return {name.lower(): value for name, value in table.items()}


def resolve(table: str, header: Sequence[str], mapping: Mapping[str, str], file: str) -> Resolved:
    """Match a header. Raises InvalidInput (unmapped_column, ambiguous_column) that names the
    columns and the option to give."""
    by_name = {name.lower(): name for name in header}
    columns: dict[str, str] = {}
    guessed: dict[str, str] = {}
    canonical = (*REQUIRED[table], *OPTIONAL[table])
    for ours in canonical:
        named = mapping.get(ours, "").lower()
        exact = next((n for n in (named, ours, _PERSONALIZE.get(ours, "")) if n in by_name), None)
        if named and exact != named and ours in REQUIRED[table]:
            raise _unmapped(ours, header, file)
        if exact is not None:
            columns[ours] = by_name[exact]
    for ours in canonical:
        if ours not in columns:
            free = [name for name in header if name not in columns.values()]
            alias = _by_alias(ours, free, file)
            if alias is not None:
                columns[ours] = guessed[ours] = alias
            elif ours in REQUIRED[table]:
                raise _unmapped(ours, header, file)
    found = Resolved(columns, guessed)
    for ours, name in other_columns(table, header, mapping, found).items():
        if ours not in (name.lower(), *mapping):
            guessed[ours] = name
    return found


def _by_alias(ours: str, header: Sequence[str], file: str) -> str | None:
    """The one column with an alias; of several the one whose alias is an id's name."""
    found = [name for name in header if plain(name) in ALIASES.get(ours, ())]
    ids = [name for name in found if plain(name).endswith(_ID_LIKE)]
    found = ids or found
    if len(found) > 1:
        raise InvalidInput(
            "ambiguous_column",
            field=ours,
            file=file,
            columns=", ".join(found),
            command=f"--map {ours}={found[0]}",
        )
    return found[0] if found else None


def other_columns(
    table: str, header: Sequence[str], mapping: Mapping[str, str], found: Resolved
) -> dict[str, str]:
    """attribute → the file's column, for every column that is not canonical: under the mapping's
    name, under the engine's name for an alias of it, or under its own in lower case."""
    taken = {name.lower() for name in found.columns.values()}
    rest = [name for name in header if name.lower() not in taken]
    given = {theirs.lower(): ours for ours, theirs in mapping.items()}
    own = {name.lower() for name in rest}
    attributes: dict[str, str] = {}
    for name in rest:
        ours = given.get(name.lower(), name.lower())
        if table == "items" and name.lower() not in given:
            known = (a for a, names in _ATTRIBUTES.items() if plain(name) in names)
            alias = next(known, ours)
            ours = ours if alias in own or alias in attributes else alias
        attributes.setdefault(ours, name)
    return attributes


def plain(name: str) -> str:
    """Lower case without separators: ``Customer ID`` → ``customerid``."""
    return "".join(character for character in name.lower() if character.isalnum())


def _unmapped(ours: str, header: Sequence[str], file: str) -> InvalidInput:
    shown = ", ".join(header[:30]) + (", …" if len(header) > 30 else "")
    wanted = next(
        (name for name in header if ours.split("_", maxsplit=1)[0] in name.lower()), "COLUMN"
    )
    command = f"--map {ours}={wanted}"
    return InvalidInput("unmapped_column", field=ours, file=file, columns=shown, command=command)

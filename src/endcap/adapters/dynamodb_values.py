"""JSON documents as items of DynamoDB and back, without loss: what DynamoDB types as JSON does
becomes an attribute of its own, the rest stands in one attribute as JSON.

The extra attribute ``endcap_note`` is only there where an item needs it: for numbers like 2.0,
which DynamoDB keeps as 2, and for members that it has no type for (numbers of more than 38 digits,
names without a letter, what is nested very deep).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from endcap.adapters.dynamodb_calls import Item
from endcap.adapters.dynamodb_tables import Table
from endcap.domain.errors import InvalidInput

NOTE = "endcap_note"
OWN = "endcap_"  # what begins so is not a member of a document
MOST_ITEM_BYTES = 400 * 2**10
MOST_DEPTH = 30  # DynamoDB nests 32 levels
MOST_PARTITION_BYTES, MOST_SORT_BYTES = 2048, 1024
_LEAST, _MOST = 1e-130, 9.9e125  # magnitudes of numbers
_WHOLE = re.compile(r"-?[0-9]+")
_MOST_DIGITS = 38


class Note(Struct, omit_defaults=True):
    """``floats``: members that hold whole numbers as floats; ``lacks``: attributes of the key
    that are no members; ``more``: members as they are."""

    floats: list[str] = []
    lacks: list[str] = []
    more: dict[str, Any] = {}


_note = msgspec.json.Decoder(Note)


def attributes(body: Mapping[str, Any], key: Mapping[str, str], table: Table) -> Item:
    """The attributes of a document beside those of its ``key``. Raises InvalidInput (bad_key) for
    text that is no Unicode."""
    made: Item = {}
    note = Note(lacks=[name for name in key if name in table.members and name not in body])
    for name, value in body.items():
        if name in key and name in table.members and value == key[name]:
            continue
        typed = None if name in key or not name or name.startswith(OWN) else _typed(value)
        whole = name not in table.floats and _holds_whole_floats(value)
        if typed is None or (whole and not _all_floats(value)):
            note.more[name] = value
            continue
        key_bytes(name)
        made[name] = typed
        if whole:
            note.floats.append(name)
    if note != Note():
        made[NOTE] = {"S": encoded(note)}
    return made


def encoded(value: Any) -> str:
    """As JSON. Raises InvalidInput (bad_key)."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError as error:
        raise InvalidInput("bad_key", field="a document", value="…") from error


def document(item: Item, table: Table) -> dict[str, Any]:
    """The body of which ``attributes`` made the item; members in the table's order."""
    note = _note.decode(item[NOTE]["S"]) if NOTE in item else Note()
    absent = {name for name in table.keys if name not in table.members} | {*note.lacks}
    body = {
        name: _plain(typed, name in note.floats or name in table.floats)
        for name, typed in item.items()
        if not name.startswith(OWN) and name not in absent
    }
    body |= note.more
    order = {name: place for place, name in enumerate(table.members)}
    return dict(sorted(body.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0])))


def item_bytes(item: Item) -> int:
    """How large DynamoDB takes an item to be, at most."""
    return sum(len(name.encode()) + _bytes(typed) for name, typed in item.items())


def check_size(item: Item, field: str) -> None:
    """Raises InvalidInput (document_too_large)."""
    size = item_bytes(item)
    if size > MOST_ITEM_BYTES:
        raise InvalidInput("document_too_large", field=field, value=size, most=MOST_ITEM_BYTES)


def check_key(text: str, most: int, field: str) -> None:
    """Raises InvalidInput: bad_key, empty_key, key_too_long."""
    length = key_bytes(text)
    if not length:
        raise InvalidInput("empty_key", field=field)
    if length > most:
        raise InvalidInput("key_too_long", field=field, most=most, value=length)


def key_bytes(text: str) -> int:
    """The length of a key. Raises InvalidInput (bad_key)."""
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("bad_key", field="key", value="…") from error


def _typed(value: Any, depth: int = 0) -> Item | None:
    """None: DynamoDB has no type that gives the same value back."""
    if isinstance(value, str):
        key_bytes(value)
        return {"S": value}
    if value is None or isinstance(value, bool):
        return {"NULL": True} if value is None else {"BOOL": value}
    if isinstance(value, int | float):
        return _number(value)
    return _nested(value, depth + 1) if depth < MOST_DEPTH else None


def _nested(value: Any, depth: int) -> Item | None:
    if isinstance(value, list):
        listed = [_typed(entry, depth) for entry in value]
        return None if None in listed else {"L": listed}
    if not isinstance(value, dict) or not all(isinstance(n, str) and key_bytes(n) for n in value):
        return None
    mapped = {name: _typed(entry, depth) for name, entry in value.items()}
    return None if None in mapped.values() else {"M": mapped}


def _number(value: float) -> Item | None:
    if isinstance(value, int):
        return {"N": str(value)} if abs(value) < 10**_MOST_DIGITS else None
    fits = (value == 0 and math.copysign(1, value) > 0) or _LEAST <= abs(value) <= _MOST
    return {"N": repr(value)} if fits else None


def _all_floats(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(entry, float) for entry in value)
    return isinstance(value, float)


def _holds_whole_floats(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_whole_floats, value.values()))
    if isinstance(value, list):
        return any(map(_holds_whole_floats, value))
    return isinstance(value, float) and value.is_integer()


def _plain(typed: Item, floats: bool = False) -> Any:
    ((kind, value),) = typed.items()
    if kind == "N":
        return int(value) if _WHOLE.fullmatch(value) and not floats else float(value)
    if kind == "L":
        return [_plain(entry, floats) for entry in value]
    if kind == "M":
        return {name: _plain(entry) for name, entry in value.items()}
    if kind == "NULL":
        return None
    return sorted(value) if kind == "SS" else value


def _bytes(typed: Item) -> int:
    ((kind, value),) = typed.items()
    if kind == "S":
        return len(value.encode())
    if kind == "N":
        return len(value) // 2 + 2
    if kind == "L":
        return 3 + sum(1 + _bytes(entry) for entry in value)
    if kind == "M":
        return 3 + len(value) + item_bytes(value)
    return 1

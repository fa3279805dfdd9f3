"""The text ``properties`` of events, items and users: a JSON object, by the columns of a schema.

Names are those of the schema's columns, or the same words in camelCase. What is wrong is told by
name and kind, never by value: values are a shopper's own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from endcap.domain.avro import CREATED, Column, attribute_of
from endcap.domain.errors import InvalidInput
from endcap.domain.values import LEAST_TS, MOST_TS, Attribute, Attributes

Values = dict[str, Any]  # by name of a column in lower case

MOST_PROPERTIES = 100  # without a schema; a schema says itself how many there may be
MOST_NAME = 128
MOST_TEXTS = 100  # of one value
MOST_TEXT = 256  # characters of an id
_INT64 = 2**63
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TRUTHS = {"true": True, "false": False}
_WHOLE, _REAL = ("int", "long"), ("float", "double")


def read_object(text: str | None, field: str) -> Values:
    """Raises InvalidInput: properties_not_json, properties_not_object."""
    if text is None:
        return {}
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidInput("properties_not_json", field=field) from None
    if not isinstance(found, dict):
        raise InvalidInput("properties_not_object", field=field)
    return found


def by_column(given: Values, columns: Sequence[Column] | None, field: str) -> Values:
    """The same values by the name of their column in lower case; ``columns`` None: of no schema,
    so that every name is one. Later spellings of one column win.

    Raises InvalidInput: property_unknown, bad_property_name, too_many_properties.
    """
    if columns is None:
        if len(given) > MOST_PROPERTIES:
            raise InvalidInput(
                "too_many_properties", field=field, count=len(given), most=MOST_PROPERTIES
            )
        return {_plain_name(name, field): value for name, value in given.items()}
    exact, loose = _names(tuple(columns))
    found: Values = {}
    for name, value in given.items():
        lower = name.lower()
        column = lower if lower in exact else loose.get(lower.replace("_", ""))
        if column is None:
            permitted = ", ".join(each.name for each in exact.values())
            raise InvalidInput("property_unknown", field=field, value=name, permitted=permitted)
        found[column] = value
    return found


@lru_cache(256)
def _names(columns: tuple[Column, ...]) -> tuple[dict[str, Column], dict[str, str]]:
    """(columns by name in lower case, that name by the same without its underscores)."""
    exact = {column.name.lower(): column for column in columns}
    return exact, {name.replace("_", ""): name for name in exact}


def attributes(
    values: Values, columns: Sequence[Column] | None, field: str, *, item: bool = False
) -> Attributes:
    """Checked values by the name of their attribute. None takes an attribute away. A time of
    creation in seconds becomes one in µs where the attribute is ``created``.

    Raises InvalidInput (property_type).
    """
    known, _ = _names(tuple(columns or ()))
    found: Attributes = {}
    for name, value in values.items():
        attribute, place = attribute_of(name, item=item), f"{field}.{name}"
        one = checked(value, known.get(name), place)
        if attribute == CREATED and one is not None:
            one = microseconds(one, place)
        found[attribute] = one
    return found


def microseconds(value: Attribute, field: str) -> int:
    """A time since 1970 in seconds, milliseconds or microseconds, whichever its size tells.

    Raises InvalidInput (property_type): no time up to the year 9999.
    """
    moment = real(value, field, "seconds since 1970")
    unit = 1_000_000 if abs(moment) < 1e11 else 1_000 if abs(moment) < 1e14 else 1
    found = round(moment * unit)
    if not LEAST_TS <= found <= MOST_TS:
        raise _wrong(field, "number", "seconds since 1970")
    return found


def checked(value: Any, column: Column | None, field: str) -> Attribute:
    """One value as its column takes it. Numbers and truths may come as text; a blank text says
    nothing, as in a file.

    Raises InvalidInput (property_type).
    """
    if isinstance(value, str) and not value.strip():
        return None
    if value is None:
        if column is None or column.nullable:
            return None
        raise _wrong(field, "nothing", column.kind)
    return _free(value, field) if column is None else _typed(value, column, field)


def _typed(value: Any, column: Column, field: str) -> Attribute:
    if column.kind in _WHOLE:
        return _whole(value, field, column.kind)
    if column.kind in _REAL:
        return real(value, field, column.kind)
    return _truth(value, field) if column.kind == "boolean" else _text(value, column, field)


def check_text(value: Any, field: str, most: int = MOST_TEXT) -> str:
    """An id or a word of a client, as it came. Raises InvalidInput (bad_id)."""
    if not isinstance(value, str) or not 1 <= len(value) <= most or _CONTROL.search(value):
        raise InvalidInput("bad_id", field=field, most=most)
    return value


def real(value: Any, field: str, kind: str = "number") -> float:
    """A finite number, also from a text. Raises InvalidInput (property_type)."""
    number = _number(value)
    try:
        found = float("nan") if number is None else float(number)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise _wrong(field, _kind_of(value), kind)
    return found


def _whole(value: Any, field: str, kind: str) -> int:
    number = _number(value)
    whole = number is not None and math.isfinite(number) and number == int(number)
    if number is None or not whole or not -_INT64 <= number < _INT64:
        raise _wrong(field, _kind_of(value), kind)
    return int(number)


def _number(value: Any) -> int | float | None:
    """None for what is no number, and for a text that does not read as one."""
    if isinstance(value, str) and len(value) <= 64 and "_" not in value:
        for read in (int, float):
            try:
                return read(value)
            except ValueError:
                continue
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _truth(value: Any, field: str) -> bool:
    found = _TRUTHS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise _wrong(field, _kind_of(value), "boolean")
    return found


def _text(value: Any, column: Column, field: str) -> str | list[str]:
    """Several values with | between, or a list of them, where the column may hold several."""
    if isinstance(value, list) and column.listed:
        parts = [_scalar_text(each, field) for each in value]
    else:
        text = _scalar_text(value, field)
        parts = text.split("|") if column.listed and "|" in text else [text]
    if len(parts) > MOST_TEXTS:
        raise _wrong(field, f"{len(parts)} values", f"at most {MOST_TEXTS}")
    parts = [part for part in parts if part] if len(parts) > 1 else parts
    return parts[0] if len(parts) == 1 else parts


def _scalar_text(value: Any, field: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise _wrong(field, _kind_of(value), "string")
    return value


def _free(value: Any, field: str) -> Attribute:
    """A value of which no schema says what it is."""
    if isinstance(value, list):
        return [_scalar_text(each, field) for each in value[:MOST_TEXTS]]
    if isinstance(value, int) and not isinstance(value, bool) and not -_INT64 <= value < _INT64:
        return real(value, field)
    if isinstance(value, float):
        return real(value, field)
    if not isinstance(value, str | int):
        raise _wrong(field, _kind_of(value), "string, number or boolean")
    return value


def _plain_name(name: str, field: str) -> str:
    if not 1 <= len(name) <= MOST_NAME or _CONTROL.search(name):
        raise InvalidInput("bad_property_name", field=field, value=name, most=MOST_NAME)
    return _HUMP.sub("_", name).lower()


def _kind_of(value: Any) -> str:
    """What a JSON value is, without saying what it holds."""
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", list: "list", dict: "object"}
    return names.get(type(value), "number")


def _wrong(field: str, kind: str, permitted: str) -> InvalidInput:
    return InvalidInput("property_type", field=field, value=kind, permitted=permitted)

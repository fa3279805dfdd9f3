"""Values for the parameters of a filter, as Personalize's clients and Endcap's give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import msgspec

from endcap.domain.errors import InvalidInput
from endcap.domain.filter_parser import parse
from endcap.domain.filters import (
    CURRENT_ITEM,
    Filter,
    Filtering,
    Plain,
    datasets,
    of_users,
    parameters,
)

MOST_ENTRIES = 1000
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_QUOTED = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*(,|$)""", re.DOTALL)
_ESCAPED = re.compile(r"""\\(["'\\])""")
_INT64 = 2**63

GIVEN_IN_QUOTES = 'texts in quotes like "a","b", or a number'


def read_filtering(
    text: str, given: Mapping[str, Any], *, extended: bool = True, field: str = "filter"
) -> Filtering:
    """What a query carries: the parsed text (kept of late) with the values of its parameters.

    Raises InvalidInput: what ``parse`` and ``filtering`` raise, filter_of_users.
    """
    found = filtering(_parsed(text, extended, field), given, extended=extended, text=text)
    if of_users(found.filter):
        raise InvalidInput("filter_of_users", field=field, value=text)
    return found


@lru_cache(256)
def _parsed(text: str, extended: bool, field: str) -> Filter:
    return parse(text, extended=extended, field=field)


def filtering(
    found: Filter, given: Mapping[str, Any], *, extended: bool = True, text: str = ""
) -> Filtering:
    """``found`` with values. ``extended`` False: each is a text, as ``filterValues`` of Personalize
    hold them, ``"a","b"`` in quotes or a number; True: these, and also plain JSON values.

    Raises InvalidInput: filter_value_missing, filter_value_unknown, filter_value,
    filter_values_many.
    """
    names = parameters(found)
    for name in given:
        if name not in names:
            told = ", ".join(f"${each}" for each in names) or "none"
            raise InvalidInput("filter_value_unknown", field=name, permitted=told)
    values = []
    for name in names:
        if name not in given:
            raise InvalidInput("filter_value_missing", field=name)
        values.append((name, read_value(name, given[name], extended)))
    return Filtering(found, tuple(values), text)


def read_value(name: str, given: Any, extended: bool) -> tuple[Plain, ...]:
    """The values of one parameter."""
    if isinstance(given, str):
        found = read_text(name, given, extended)
    elif extended and isinstance(given, list | tuple):
        found = tuple(_plain(name, each) for each in given)
    elif extended:
        found = (_plain(name, given),)
    else:
        raise InvalidInput("filter_value", field=name, value=given, permitted=GIVEN_IN_QUOTES)
    if len(found) > MOST_ENTRIES:
        raise InvalidInput("filter_values_many", field=name, most=MOST_ENTRIES)
    return found


def read_text(name: str, given: str, extended: bool) -> tuple[Plain, ...]:
    """``"a","b"`` or a number; with ``extended`` any other text stands for itself."""
    stripped = given.strip()
    if stripped[:1] in ('"', "'"):
        found: list[Plain] = []
        at = 0
        while at < len(stripped):
            match = _QUOTED.match(stripped, at)
            if match is None or (match[2] == "" and match.end() < len(stripped)):
                break
            found.append(_ESCAPED.sub(r"\1", match[1][1:-1]))
            at = match.end()
            if match[2] == "":
                return tuple(found)
        if not extended:
            raise InvalidInput("filter_value", field=name, value=given, permitted=GIVEN_IN_QUOTES)
        return (given,)
    if _NUMBER.fullmatch(stripped):
        return (_number(name, stripped),)
    if extended:
        return (given,)
    raise InvalidInput("filter_value", field=name, value=given, permitted=GIVEN_IN_QUOTES)


def _number(name: str, text: str) -> int | float:
    value = float(text)
    if not isfinite(value):
        raise InvalidInput("filter_value", field=name, value=text, permitted="a finite number")
    whole = text.lstrip("+-").isdecimal() and abs(value) < _INT64
    return int(text) if whole else value


def _plain(name: str, value: Any) -> Plain:
    if isinstance(value, float) and not isfinite(value):
        raise InvalidInput("filter_value", field=name, value=value, permitted="a finite number")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _INT64:
        return _plain(name, _as_float(value))
    if isinstance(value, bool | int | float | str):
        return value
    raise InvalidInput(
        "filter_value", field=name, value=value,
        permitted="a text, a number, true, false, or a list of these",
    )  # fmt: skip


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def read_values(text: str, field: str = "filterValues") -> dict[str, Any]:
    """A JSON object. Raises InvalidInput (filter_values_json)."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput("filter_values_json", field=field, value=text) from None


def needs_item(found: Filtering) -> bool:
    """Whether it speaks of the item that is asked about."""
    return CURRENT_ITEM in datasets(found.filter)

"""How two values of attributes compare, one with one. docs/filters.md says the same in words."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from endcap.domain.errors import InvalidInput
from endcap.domain.filters import (
    AT_LEAST,
    AT_MOST,
    CONTAINS,
    EQUAL,
    LESS,
    MORE,
    STARTS_WITH,
    UNEQUAL,
    Plain,
)
from endcap.domain.times import parse_iso
from endcap.domain.values import Attribute, Attributes

# Of the operators that put two values in order; != is the negation of =.
ORDERED: dict[str, Callable[[Any, Any], Any]] = {
    LESS: operator.lt,
    AT_MOST: operator.le,
    MORE: operator.gt,
    AT_LEAST: operator.ge,
}
MIRRORED = {EQUAL: EQUAL, UNEQUAL: UNEQUAL, LESS: MORE, MORE: LESS,
            AT_MOST: AT_LEAST, AT_LEAST: AT_MOST}  # fmt: skip
TRUTH = {"true": True, "false": False}
# A number stands for a time: below the first bound in s, below the second in ms, else in µs.
SECONDS_BELOW, MILLISECONDS_BELOW = 1e11, 1e14

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MOST_NUMBER = 40  # characters


def number_of(value: Plain) -> float | None:
    """A number, or what a text reads as; None: neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > _MOST_NUMBER or not _NUMBER.fullmatch(value):
            return None
        value = float(value)
    read = float(value)
    return read if isfinite(read) else None


def time_of(value: Plain) -> float | None:
    """µs since 1970 that a value stands for; None: it is no time."""
    read = number_of(value)
    if read is not None:
        return scaled(read)
    if not isinstance(value, str) or len(value) < len("20260131"):
        return None
    try:
        return float(parse_iso(value))
    except (InvalidInput, OverflowError):
        return None


def scaled(number: float) -> float:
    if abs(number) < SECONDS_BELOW:
        return number * 1e6
    return number * 1e3 if abs(number) < MILLISECONDS_BELOW else number


def equal(one: Plain, other: Plain) -> bool:
    """A text equals the number or the truth value that it reads as; true is no number."""
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return type(truth_of(one)) is bool and truth_of(one) == truth_of(other)
    left, right = number_of(one), number_of(other)
    return left is not None and left == right


def truth_of(value: Plain) -> bool | None:
    if isinstance(value, bool):
        return value
    return TRUTH.get(value.lower()) if isinstance(value, str) else None


def in_order(one: Plain, how: str, other: Plain) -> bool:
    """Numbers, and texts that read as such, by size; other texts by their characters."""
    left, right = number_of(one), number_of(other)
    if left is not None and right is not None:
        return bool(ORDERED[how](left, right))
    if isinstance(one, str) and isinstance(other, str):
        return bool(ORDERED[how](one, other))
    return False


def compared(one: Plain, how: str, other: Plain) -> bool:
    """By one of =, <, <=, > and >=."""
    return equal(one, other) if how == EQUAL else in_order(one, how, other)


def has_text(value: str, function: str, text: str) -> bool:
    """Whether a text holds, begins with, or ends in another, in any case."""
    return fits_folded(value.casefold(), function, text.casefold())


def fits_folded(value: str, function: str, text: str) -> bool:
    if function == CONTAINS:
        return text in value
    return value.startswith(text) if function == STARTS_WITH else value.endswith(text)


def text_of(value: Plain) -> str:
    """What a text function looks for."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else repr(value)


def spellings(name: str) -> tuple[str, ...]:
    """The names an attribute is looked up by, one after the other."""
    words = name.lower().split("_")
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    return tuple(dict.fromkeys((name, name.lower(), name.upper(), name.capitalize(), camel)))


def found_in(attributes: Attributes, name: str) -> Attribute:
    """The value of the attribute of that name, in any of its ``spellings``; None: there is none."""
    for spelling in spellings(name):
        value = attributes.get(spelling)
        if value is not None:
            return value
    return None


def parts_of(value: Attribute | tuple[str, ...], split: bool) -> tuple[Plain, ...]:
    """The several values of one attribute. ``split``: those of a text lie between |."""
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(value)
    if split and isinstance(value, str):
        return tuple(part for part in value.split("|") if part)
    return (value,)

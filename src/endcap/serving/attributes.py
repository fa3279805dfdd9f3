"""Free attributes of events, items and users: how many, how long, which numbers."""

from __future__ import annotations

import re

from endcap.domain.errors import InvalidInput
from endcap.domain.values import Attribute, Attributes

MOST_ATTRIBUTES = 100
MOST_NAME = 128
MOST_TEXT = 8192
MOST_TEXTS = 100
MOST_LIST_TEXT = 256
_INT64 = 2**63
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_attributes(attributes: Attributes, field: str) -> Attributes:
    """The same attributes, with whole numbers beyond 64 bits as floats. ``field`` names them in
    errors.

    Raises InvalidInput: too_many_attributes, bad_attribute_name, attribute_too_long,
    number_out_of_range.
    """
    if len(attributes) > MOST_ATTRIBUTES:
        raise InvalidInput(
            "too_many_attributes",
            field=field or "body",
            count=len(attributes),
            most=MOST_ATTRIBUTES,
        )
    checked: Attributes = {}
    for name, value in attributes.items():
        if not 1 <= len(name) <= MOST_NAME or _CONTROL.search(name):
            raise InvalidInput(
                "bad_attribute_name", field=field or "body", value=name, most=MOST_NAME
            )
        checked[name] = _check_value(f"{field}.{name}" if field else name, value)
    return checked


def _check_value(name: str, value: Attribute) -> Attribute:
    if isinstance(value, str):
        if len(value) > MOST_TEXT:
            raise _too_long(name, MOST_TEXT, "characters")
    elif isinstance(value, list):
        if len(value) > MOST_TEXTS:
            raise _too_long(name, MOST_TEXTS, "texts")
        if any(len(text) > MOST_LIST_TEXT for text in value):
            raise _too_long(name, MOST_LIST_TEXT, "characters in each text")
    elif isinstance(value, int) and not -_INT64 <= value < _INT64:
        return _as_float(name, value)
    return value


def _as_float(name: str, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise InvalidInput("number_out_of_range", field=name) from None


def _too_long(name: str, most: int, unit: str) -> InvalidInput:
    return InvalidInput("attribute_too_long", field=name, most=most, unit=unit)

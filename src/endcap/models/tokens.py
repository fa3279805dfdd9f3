"""What a product's attributes say, as tokens: ``department=produce``, ``name:bananas`` …

Every token belongs to a field. Equal tokens make products alike; which of them matter is decided
by the data (``content.py``), not here.
"""

from __future__ import annotations

import math
import re

from endcap.domain.values import Attribute, Attributes

TEXTS = frozenset({"name", "title", "description"})
STATES = frozenset({"available", "created", "stock"})  # change without the product changing
MOST_VALUE_WORDS = 5  # a longer value is a text
MOST_TEXT_WORDS = 200  # of one text, the first
BUCKET = math.log(1.5)  # numbers within half of one another share a bucket

_WORD = re.compile(r"[^\W_]+")


def tokens_of(attributes: Attributes) -> dict[str, list[str]]:
    """Field → its distinct tokens, in order. Fields without a value are left out."""
    found = {}
    for name, value in attributes.items():
        field = name.lower()
        if field not in STATES and (tokens := _tokens(field, value)):
            found[field] = list(dict.fromkeys(tokens))
    return found


def _tokens(field: str, value: Attribute) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"{field}={str(value).lower()}"]
    if isinstance(value, int | float):
        return _number_tokens(field, value)
    if isinstance(value, str):
        return _text_tokens(field, value)
    return [token for member in value for token in _text_tokens(field, member)]


def _text_tokens(field: str, text: str) -> list[str]:
    words = _WORD.findall(text.casefold())
    if field in TEXTS or len(words) > MOST_VALUE_WORDS:
        return [f"{field}:{word}" for word in words[:MOST_TEXT_WORDS]]
    plain = " ".join(text.casefold().split())
    return [f"{field}={plain}"] if plain else []


def _number_tokens(field: str, value: float) -> list[str]:
    """The buckets on two scales shifted by half a bucket, so that near numbers always share one;
    and a whole number itself, which may be a code."""
    exact = [f"{field}={value}"] if isinstance(value, int) else []
    if not math.isfinite(value):
        return []
    if value == 0:
        return [f"{field}~0"]
    place = math.log(abs(value)) / BUCKET
    sign = "-" if value < 0 else ""
    return [
        *exact,
        f"{field}~{sign}a{math.floor(place)}",
        f"{field}~{sign}b{math.floor(place + 0.5)}",
    ]

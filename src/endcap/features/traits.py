"""What features take from the catalogue: price, categories and the time of creation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float64s, Int32s
from endcap.domain.values import Attribute, Attributes

CATEGORIES = ("department", "aisle", "brand")


class Traits(NamedTuple):
    """By item row."""

    price: Float64s  # (items,) natural logarithm; NaN: none, or not above 0
    created: Float64s  # (items,) µs; NaN: unknown
    categories: Int32s  # (items, 3) codes in the order of the names; -1: unknown


def traits_of(catalogue: Sequence[Attributes] | None, items: int) -> Traits:
    """Traits of ``items`` products; nothing is known without a catalogue."""
    traits = Traits(
        np.full(items, np.nan), np.full(items, np.nan), np.full((items, 3), -1, np.int32)
    )
    if catalogue is None:
        return traits
    for row, attributes in enumerate(catalogue):
        price = _number(attributes.get("price"))
        traits.price[row] = math.log(price) if price > 0 else math.nan
        traits.created[row] = _number(attributes.get("created"))
    for column, name in enumerate(CATEGORIES):
        traits.categories[:, column] = _codes([_word(a.get(name)) for a in catalogue])
    return traits


def _number(value: Attribute) -> float:
    """NaN for what is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan


def _word(value: Attribute) -> str:
    """The text, or the first of several; empty for anything else."""
    if isinstance(value, list):
        value = value[0] if value else ""
    return value if isinstance(value, str) else ""


def _codes(words: Sequence[str]) -> Int32s:
    """Positions among the sorted different words; -1 for an empty one."""
    place = {word: code for code, word in enumerate(sorted(set(words) - {""}))}
    return np.fromiter((place.get(word, -1) for word in words), np.int32, len(words))

"""What is known of a shopper without a history, as codes: attributes, and the time of asking.

A *value* is one value of one field, such as ``country`` = ``DE``; numbers become up to eight ranges
that hold as many shoppers each. A value that few shoppers share is none: it would say little, and
the model would hold what tells a person.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct

from endcap.domain.arrays import Int32s, Int64s
from endcap.domain.values import Attribute, Attributes

LEAST_HOLDERS = 20  # shoppers that share a value
MOST_VALUES, MOST_FIELDS = 100, 24
MOST_RANGES = 8
LONGEST = 60  # letters of a value: longer ones are texts
LEFT_OUT = ("created",)  # when the account was made: not who somebody is
HOUR, WEEKDAY = "hour", "weekday"  # UTC; an attribute of the name takes the place of it
_HOURS_IN_PART = 4
_US_IN_HOUR = 3_600_000_000
_THURSDAY = 3  # 1970-01-01


class Field(Struct, frozen=True):
    """``values`` are its values by code; of a field of numbers they name the ranges that ``edges``
    (rising; one fewer) cut. ``clock``: it is read from the time of asking."""

    name: str
    values: tuple[str, ...]
    edges: tuple[float, ...] = ()
    clock: bool = False

    def code(self, attributes: Attributes, at: int) -> int:
        """Of the value at ``at`` (µs); -1: there is none, or none that is known."""
        if self.clock:
            return int(part_of(self.name, at))
        value = plain(attributes.get(self.name))
        if value is None:
            return -1
        if not self.edges:
            return self.values.index(str(value)) if str(value) in self.values else -1
        number = _number(value)
        return -1 if number is None else bisect_right(self.edges, number)


def plain(value: Attribute) -> str | int | float | bool | None:
    """Of a list the first; None for what is no value."""
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value == "" or (isinstance(value, float) and not np.isfinite(value)) else value


def learn_fields(people: Sequence[Attributes], timed: bool) -> tuple[Field, ...]:
    """The fields of ``people``, those that most have a value of first; where ``timed``, with the
    hour and the day of the week behind them."""
    found: dict[str, Counter[str | int | float | bool]] = {}
    for attributes in people:
        for name, raw in attributes.items():
            value = plain(raw)
            if value is not None and name not in LEFT_OUT:
                found.setdefault(name, Counter())[value] += 1
    by_holders = sorted(found, key=lambda name: (-found[name].total(), name))
    fields = [field for name in by_holders if (field := _field(name, found[name])) is not None]
    clock = (HOUR, WEEKDAY) if timed else ()
    return (
        *fields[:MOST_FIELDS],
        *(Field(name, _names_of(name), clock=True) for name in clock if name not in found),
    )


def codes_of(field: Field, people: Sequence[Attributes], person: Int64s, ts: Int64s) -> Int32s:
    """(n,) the codes of n moments: of ``person`` (n,) among ``people`` at ``ts`` (n,); -1: none."""
    if field.clock:
        return np.asarray(part_of(field.name, ts), np.int32)
    each = np.fromiter((field.code(told, 0) for told in people), np.int32, len(people))
    return each[person]


def _field(name: str, counts: Counter[str | int | float | bool]) -> Field | None:
    """None: no two values that enough shoppers share."""
    numbers = [number for value in counts if (number := _number(value)) is not None]
    if len(numbers) == len(counts) and len(numbers) > MOST_RANGES:
        return _ranges(name, counts)
    texts = Counter({str(value): count for value, count in counts.items()})
    shared = [
        value
        for value, count in sorted(texts.items(), key=lambda pair: (-pair[1], pair[0]))
        if count >= LEAST_HOLDERS and len(value) <= LONGEST
    ]
    return Field(name, tuple(shared[:MOST_VALUES])) if len(shared) > 1 else None


def _ranges(name: str, counts: Counter[str | int | float | bool]) -> Field | None:
    numbers = np.sort(np.repeat([float(v) for v in counts], list(counts.values())))
    ranges = min(MOST_RANGES, len(numbers) // LEAST_HOLDERS)
    edges = np.unique(np.quantile(numbers, np.arange(1, max(ranges, 1)) / max(ranges, 1)))
    edges = edges[edges > numbers[0]]
    if not len(edges):
        return None
    ends = [f"{edge:g}" for edge in edges]
    between = tuple(f"{low} to {high}" for low, high in pairwise(ends))
    return Field(name, (f"below {ends[0]}", *between, f"{ends[-1]} and more"), tuple(edges))


def _number(value: str | float | bool) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _names_of(name: str) -> tuple[str, ...]:
    if name == WEEKDAY:
        return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return tuple(f"{h:02d} to {h + _HOURS_IN_PART:02d}" for h in range(0, 24, _HOURS_IN_PART))


def part_of(name: str, at: Any) -> Any:
    """The code of a field of the clock at a time or an array of times, in µs."""
    hours = at // _US_IN_HOUR
    return (hours // 24 + _THURSDAY) % 7 if name == WEEKDAY else hours % 24 // _HOURS_IN_PART

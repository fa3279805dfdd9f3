"""A filter at one moment: one condition over the columns of what is chosen.

Parameters, the current user and item, and the time become values; what they decide alone is
decided here. What is left depends on the rows, and on the user's events where it says ``Did``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from endcap.domain.filters import (
    CURRENT_ITEM,
    CURRENT_USER,
    EQUAL,
    INCLUDE,
    UNEQUAL,
    Among,
    And,
    Compare,
    Condition,
    Did,
    Field,
    Filter,
    Filtering,
    HasText,
    Instant,
    IsNull,
    Leaf,
    Literal,
    Not,
    Operand,
    Or,
    Parameter,
    Plain,
    every_operand,
    leaves,
)
from endcap.domain.values import Attributes
from endcap.engine.attribute_values import (
    MIRRORED,
    compared,
    found_in,
    has_text,
    parts_of,
    text_of,
    time_of,
)

EVERYTHING, NOTHING = And(()), Or(())
SECOND_US = 1_000_000
_OF_REQUEST = (CURRENT_ITEM, CURRENT_USER)


class Circumstances(NamedTuple):
    """What a filter may speak of beside what it chooses. ``at``: µs."""

    at: int
    user: Attributes = {}  # noqa: RUF012 - never changed in place
    item: Attributes = {}  # noqa: RUF012


def stands_still(found: Filter) -> bool:
    """Whether it comes to the same condition at every moment."""
    return not any(
        (isinstance(each, Field) and each.dataset in _OF_REQUEST)
        or (isinstance(each, Instant) and each.now)
        for each in every_operand(found)
    )


def bound(asked: Filtering, around: Circumstances) -> Condition:
    """What an item, or user, must meet to stay: any INCLUDE in force, and no EXCLUDE."""
    binder = _Binder(dict(asked.values), around)
    included, excluded = [], []
    some = False
    for expression in asked.filter.expressions:
        if expression.when is not None and binder.condition(expression.when) != EVERYTHING:
            continue
        where = binder.condition(expression.where)
        if expression.effect == INCLUDE:
            some = True
            included.append(where)
        else:
            excluded.append(where)
    least = any_of(included) if some else EVERYTHING
    return all_of([least, negated(any_of(excluded))])


def all_of(parts: Sequence[Condition]) -> Condition:
    if NOTHING in parts:
        return NOTHING
    kept = [part for part in parts if part != EVERYTHING]
    return kept[0] if len(kept) == 1 else And(tuple(kept))


def any_of(parts: Sequence[Condition]) -> Condition:
    if EVERYTHING in parts:
        return EVERYTHING
    kept = [part for part in parts if part != NOTHING]
    return kept[0] if len(kept) == 1 else Or(tuple(kept))


def negated(part: Condition) -> Condition:
    if part in (EVERYTHING, NOTHING):
        return NOTHING if part == EVERYTHING else EVERYTHING
    return part.part if isinstance(part, Not) else Not(part)


def decided(truth: bool) -> Condition:
    return EVERYTHING if truth else NOTHING


Value = Literal | Instant


class _Binder:
    def __init__(self, values: dict[str, tuple[Plain, ...]], around: Circumstances) -> None:
        self._values, self._around = values, around

    def condition(self, found: Condition) -> Condition:
        match found:
            case And(parts):
                return all_of([self.condition(part) for part in parts])
            case Or(parts):
                return any_of([self.condition(part) for part in parts])
            case Not(part):
                return negated(self.condition(part))
            case _:
                return self._leaf(found)

    def _leaf(self, found: Leaf) -> Condition:
        match found:
            case Compare(left, operator, right):
                how = EQUAL if operator == UNEQUAL else operator
                told = self._compare(left, how, right)
                return negated(told) if operator == UNEQUAL else told
            case Among(field, values, negative):
                told = self._among(field, values)
                return negated(told) if negative else told
            case HasText(field, function, said):
                return self._has_text(field, function, said)
            case IsNull(field, negative):
                if field.dataset not in _OF_REQUEST:
                    return negated(IsNull(field)) if negative else found
                return decided(bool(self._of_request(field)) == negative)
            case Did(types, negative, within_us):
                every = [value for each in types for value in self._resolve(each)]
                told = Did(tuple(_type(value) for value in every), False, within_us)
                return negated(told) if negative else told

    def _compare(self, left: Field, how: str, right: Operand) -> Condition:
        """Whether any value of the one stands so to any of the other."""
        column = isinstance(right, Field) and right.dataset not in _OF_REQUEST
        if left.dataset not in _OF_REQUEST:
            if column:
                return Compare(left, how, right)
            return any_of([Compare(left, how, value) for value in self._resolve(right)])
        mine = self._of_request(left)
        if isinstance(right, Field) and column:
            mirrored = MIRRORED[how]
            return any_of([Compare(right, mirrored, Literal(value)) for value in mine])
        others = self._resolve(right)
        return decided(any(_stands(one, how, other) for one in mine for other in others))

    def _among(self, field: Field, values: tuple[Operand, ...]) -> Condition:
        every = tuple(value for each in values for value in self._resolve(each))
        if field.dataset not in _OF_REQUEST:
            return Among(field, every) if every else NOTHING
        mine = self._of_request(field)
        return decided(any(_stands(one, EQUAL, other) for one in mine for other in every))

    def _has_text(self, field: Field, function: str, said: Operand) -> Condition:
        texts = [text_of(each.value) for each in self._resolve(said) if isinstance(each, Literal)]
        if field.dataset not in _OF_REQUEST:
            return any_of([HasText(field, function, Literal(text)) for text in texts])
        mine = [value for value in self._of_request(field) if isinstance(value, str)]
        return decided(any(has_text(value, function, text) for value in mine for text in texts))

    def _resolve(self, operand: Operand) -> list[Value]:
        """The values that it stands for at this moment."""
        match operand:
            case Parameter(name):
                return [Literal(value) for value in self._values[name]]
            case Field():
                return [Literal(value) for value in self._of_request(operand)]
            case Instant(us, True):
                return [Instant(self._around.at // SECOND_US * SECOND_US + us)]
            case _:
                return [operand]

    def _of_request(self, field: Field) -> tuple[Plain, ...]:
        around = self._around
        attributes = around.item if field.dataset == CURRENT_ITEM else around.user
        return parts_of(found_in(attributes, field.name), field.split)


def _stands(one: Plain, how: str, other: Value) -> bool:
    if isinstance(other, Literal):
        return compared(one, how, other.value)
    read = time_of(one)
    return read is not None and compared(read, how, float(other.us))


def _type(value: Value) -> Literal:
    return Literal(text_of(value.value if isinstance(value, Literal) else value.us).lower())


def says_did(found: Condition) -> bool:
    """Whether it depends on the user's events."""
    return any(isinstance(leaf, Did) for leaf in leaves(found))


def columns_of(found: Condition) -> list[Field]:
    """The columns that it reads."""
    fields = []
    for leaf in leaves(found):
        match leaf:
            case Compare(left, _, right):
                fields += [left, right] if isinstance(right, Field) else [left]
            case Among(field, _, _) | HasText(field, _, _) | IsNull(field, _):
                fields.append(field)
    return fields

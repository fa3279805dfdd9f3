"""A filter of the Personalize API in the shop's own terms.

Its clients write event types in their own way and times of creation in seconds; the shop knows
``add_to_cart`` and ``created`` in µs. Values of parameters are changed where they stand for such.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from endcap.domain.avro import CREATED, CREATION
from endcap.domain.event_types import event_type_of
from endcap.domain.filters import (
    CURRENT_ITEM,
    ITEMS,
    Among,
    And,
    Compare,
    Condition,
    Did,
    Expression,
    Field,
    Filter,
    Filtering,
    HasText,
    IsNull,
    Leaf,
    Literal,
    Not,
    Operand,
    Or,
    Parameter,
    Plain,
)

SECOND_US = 1_000_000
Change = Callable[[Plain], Plain]


def as_event_type(value: Plain) -> Plain:
    return event_type_of(value) if isinstance(value, str) else value


def as_micros(value: Plain) -> Plain:
    """Seconds, also as a text; what is no number stays."""
    if isinstance(value, bool):
        return value
    try:
        seconds = float(value)
        return int(seconds * SECOND_US)
    except (ValueError, OverflowError):
        return value


class Term(NamedTuple):
    """A parameter's place in the rewritten filter: whose value goes there, and changed how."""

    parameter: str
    change: Change | None


class Rewritten(NamedTuple):
    """``terms``: by the parameters of ``filter``."""

    filter: Filter
    terms: dict[str, Term]

    def with_values(self, given: Filtering) -> Filtering:
        """``given``: the filter that was rewritten, with values."""
        values = dict(given.values)
        told = []
        for name, (parameter, change) in self.terms.items():
            found = values[parameter]
            told.append((name, tuple(map(change, found)) if change else found))
        return Filtering(self.filter, tuple(told), given.text)


def rewritten(found: Filter) -> Rewritten:
    writer = _Writer()
    expressions = []
    for each in found.expressions:
        when = None if each.when is None else writer.condition(each.when)
        expressions.append(Expression(each.effect, writer.condition(each.where), when))
    return Rewritten(Filter(found.entity, tuple(expressions)), writer.terms)


class _Writer:
    def __init__(self) -> None:
        self.terms: dict[str, Term] = {}

    def condition(self, found: Condition) -> Condition:
        match found:
            case And(parts):
                return And(tuple(map(self.condition, parts)))
            case Or(parts):
                return Or(tuple(map(self.condition, parts)))
            case Not(part):
                return Not(self.condition(part))
            case _:
                return self._leaf(found)

    def _leaf(self, found: Leaf) -> Leaf:
        match found:
            case Compare(left, operator, right):
                return Compare(_own(left), operator, self._operand(right, _change_of(left)))
            case Among(left, values, negated):
                change = _change_of(left)
                told = tuple(self._operand(value, change) for value in values)
                return Among(_own(left), told, negated)
            case HasText(left, function, said):
                return HasText(_own(left), function, self._operand(said, None))
            case IsNull(left, negated):
                return IsNull(_own(left), negated)
            case Did(types, negated, within_us):
                return Did(tuple(map(self._type, types)), negated, within_us)

    def _type(self, found: Literal | Parameter) -> Literal | Parameter:
        if isinstance(found, Literal):
            return Literal(as_event_type(found.value))
        return self._parameter(found, as_event_type)

    def _operand(self, found: Operand, change: Change | None) -> Operand:
        match found:
            case Field():
                return _own(found)
            case Parameter():
                return self._parameter(found, change)
            case Literal(value) if change is not None:
                return Literal(change(value))
            case _:
                return found

    def _parameter(self, found: Parameter, change: Change | None) -> Parameter:
        """Under a name of its own, where the same value is needed in several forms."""
        name = found.name if change is None else f"{found.name} {change.__name__}"
        self.terms[name] = Term(found.name, change)
        return Parameter(name)


def _is_creation(field: Field) -> bool:
    return field.dataset in (ITEMS, CURRENT_ITEM) and field.name.lower() == CREATION


def _own(field: Field) -> Field:
    return Field(field.dataset, CREATED) if _is_creation(field) else field


def _change_of(field: Field) -> Change | None:
    return as_micros if _is_creation(field) else None

"""A parsed filter against the columns that are known to exist."""

from __future__ import annotations

from collections.abc import Mapping

from endcap.domain.errors import InvalidInput
from endcap.domain.filters import (
    CURRENT_ITEM,
    CURRENT_USER,
    EQUAL,
    INTERACTIONS,
    ITEMS,
    UNEQUAL,
    USERS,
    Among,
    And,
    Compare,
    Condition,
    Did,
    Expression,
    Field,
    Filter,
    HasText,
    IsNull,
    Leaf,
    Not,
    Operand,
    Or,
)

# Kinds of columns. CATEGORIES: text that holds several values, separated by |. TEXTUAL: prose.
STRING, CATEGORIES, TEXTUAL, NUMBER, BOOLEAN, TIME = (
    "string", "categories", "textual", "number", "boolean", "time",
)  # fmt: skip
KINDS = (STRING, CATEGORIES, TEXTUAL, NUMBER, BOOLEAN, TIME)
Columns = Mapping[str, str]  # name → one of KINDS

_TEXTS = (STRING, CATEGORIES, TEXTUAL)
_OF = {ITEMS: ITEMS, CURRENT_ITEM: ITEMS, USERS: USERS, CURRENT_USER: USERS}


def check(
    found: Filter,
    items: Columns | None = None,
    users: Columns | None = None,
    *,
    extended: bool = True,
    field: str = "filter",
) -> Filter:
    """The same filter with each field spelled as its column is, and ``split`` where it holds
    several values. ``items``, ``users``: the columns there are; None: nobody knows, all may be.

    Raises InvalidInput: filter_unknown_column, filter_column_type.
    """
    known = {name: columns for name, columns in ((ITEMS, items), (USERS, users)) if columns}
    checker = _Checker(known, extended, field)
    return Filter(found.entity, tuple(checker.expression(each) for each in found.expressions))


class _Checker:
    def __init__(self, known: Mapping[str, Columns], extended: bool, field: str) -> None:
        self._known, self._extended, self._field = known, extended, field

    def expression(self, found: Expression) -> Expression:
        when = None if found.when is None else self._condition(found.when)
        return Expression(found.effect, self._condition(found.where), when)

    def _condition(self, found: Condition) -> Condition:
        match found:
            case And(parts):
                return And(tuple(map(self._condition, parts)))
            case Or(parts):
                return Or(tuple(map(self._condition, parts)))
            case Not(part):
                return Not(self._condition(part))
            case _:
                return self._leaf(found)

    def _leaf(self, found: Leaf) -> Leaf:
        match found:
            case Compare(left, operator, right):
                ordered = operator not in (EQUAL, UNEQUAL)
                left = self._column(left, (NUMBER, TIME, STRING) if ordered else KINDS)
                return Compare(left, operator, self._operand(right))
            case Among(left, values, negated):
                return Among(self._column(left), tuple(map(self._operand, values)), negated)
            case HasText(left, function, said):
                return HasText(self._column(left, _TEXTS), function, self._operand(said))
            case IsNull(left, negated):
                return IsNull(self._column(left), negated)
            case Did():
                return found

    def _operand(self, operand: Operand) -> Operand:
        return self._column(operand) if isinstance(operand, Field) else operand

    def _column(self, named: Field, permitted: tuple[str, ...] = KINDS) -> Field:
        columns = self._known.get(_OF.get(named.dataset, INTERACTIONS))
        if columns is None:
            return named
        spelled = next((name for name in columns if name.lower() == named.name.lower()), None)
        if named.name in columns:
            spelled = named.name
        if spelled is None:
            raise InvalidInput(
                "filter_unknown_column", field=self._field,
                value=f"{named.dataset}.{named.name}", permitted=", ".join(columns),
            )  # fmt: skip
        self._suits(named, columns[spelled], permitted)
        return Field(named.dataset, spelled, columns[spelled] == CATEGORIES)

    def _suits(self, named: Field, kind: str, permitted: tuple[str, ...]) -> None:
        reason = ""
        if kind not in permitted:
            reason = f"this condition needs one that is {' or '.join(permitted)}"
        elif not self._extended and kind in (BOOLEAN, TEXTUAL):
            reason = "filters cannot speak of such columns here"
        if reason:
            raise InvalidInput(
                "filter_column_type", field=self._field, value=f"{named.dataset}.{named.name}",
                permitted=kind, reason=reason,
            )  # fmt: skip

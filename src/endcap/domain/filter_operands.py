"""The part of the parser that reads fields and values."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from endcap.domain.errors import InvalidInput
from endcap.domain.filter_tokens import (
    NAME,
    NUMBER,
    PARAMETER,
    TEXT,
    WORD,
    Source,
    Token,
)
from endcap.domain.filters import (
    CURRENT_ITEM,
    CURRENT_USER,
    EVENT_TYPE,
    INTERACTIONS,
    ITEM,
    ITEMS,
    UNITS_US,
    USER,
    USERS,
    Field,
    Instant,
    Literal,
    Operand,
    Parameter,
)
from endcap.domain.times import parse_iso

MOST_VALUES = 1000
MOST_SPAN_US = 100 * 366 * 86_400_000_000  # a hundred years
_INT64 = 2**63

_DATASETS = {
    name.upper(): name for name in (ITEMS, USERS, INTERACTIONS, CURRENT_ITEM, CURRENT_USER)
}
_UNITS = {name: name for name in UNITS_US} | {name.removesuffix("s"): name for name in UNITS_US}
# Datasets whose columns may be spoken of, by what is chosen: anywhere in a condition.
_OF_ENTITY = {ITEM: (ITEMS, INTERACTIONS), USER: (USERS, INTERACTIONS)}
_CURRENT = (CURRENT_ITEM, CURRENT_USER)
# Words that are no columns unless a dataset stands before them, or backquotes around them.
RESERVED = frozenset(
    ("INCLUDE", "EXCLUDE", "WHERE", "AND", "OR", "NOT", "IN", "IF", "IS", "NULL", "TRUE", "FALSE",
     "NOW", "DATE", "WITHIN", "CONTAINS", "STARTSWITH", "ENDSWITH")
)  # fmt: skip


class Operands:
    """``entity``: what is chosen, "" until it is known. ``spoken``: the dataset that the conditions
    of this expression speak of. ``in_if``: behind IF. ``closed``: what follows IF is read."""

    def __init__(self, source: Source, tokens: Sequence[Token], extended: bool) -> None:
        self.source, self.extended = source, extended
        self.entity = self.spoken = ""
        self.in_if = self.closed = False
        self._tokens, self._at, self._held = tokens, 0, 0

    def _next(self) -> Token:
        return self._tokens[self._at]

    def _second(self) -> Token:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def _step(self) -> Token:
        """The END is never stepped over."""
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        if self._next().says(word):
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise self._unexpected(word)

    def _unexpected(self, permitted: str) -> InvalidInput:
        return self.source.unexpected(self._next(), permitted)

    def _too_many(self, most: int, unit: str) -> InvalidInput:
        return self.source.error("filter_too_many", self._next().offset, most=most, unit=unit)

    def _left(self) -> Field:
        """A field that a condition begins with."""
        permitted = (CURRENT_USER,) if self.in_if else _OF_ENTITY[self.entity]
        if self.extended and not self.in_if and self.entity == ITEM:
            permitted = (*permitted, *_CURRENT)
        begins, field = self._next(), self._field(permitted)
        if not self.extended and not self.in_if:
            if self.spoken not in ("", field.dataset):
                told = f"{field.dataset}.{field.name}"
                raise self.source.error(
                    "filter_datasets", begins.offset, value=told, permitted=self.spoken
                )
            self.spoken = field.dataset
        return field

    def _field(self, permitted: tuple[str, ...]) -> Field:
        """A column of one of these datasets; with ``extended`` the first needs no name before."""
        told = " or ".join(f"{name}.{'EVENT_TYPE' if name == INTERACTIONS else 'COLUMN'}"
                           for name in permitted)  # fmt: skip
        token = self._next()
        if self._second().says(".") and token.kind == WORD:
            dataset = _DATASETS.get(token.value.upper(), "")
            if dataset not in permitted:
                raise self._unexpected(told)
            self._at += 2
            return self._column(dataset)
        plain = token.kind == WORD and token.value.upper() not in RESERVED
        if not (self.extended and (plain or token.kind == NAME)):
            raise self._unexpected(told)
        return Field(permitted[0], self._step().value)

    def _column(self, dataset: str) -> Field:
        token = self._next()
        if token.kind != WORD and not (self.extended and token.kind == NAME):
            raise self._unexpected("the name of a column")
        if dataset == INTERACTIONS:
            if token.value.upper() != EVENT_TYPE:
                raise self._unexpected(EVENT_TYPE)
            self._at += 1
            return Field(INTERACTIONS, EVENT_TYPE)
        return Field(dataset, self._step().value)

    def _right(self) -> Operand:
        """What a field is compared with."""
        token = self._next()
        if token.kind in (NUMBER, TEXT, PARAMETER) or token.says("+", "-"):
            return self._plain()
        if self.extended:
            if token.says("NOW", "DATE") and self._second().says("("):
                return self._time()
            if token.says("TRUE", "FALSE") and not self._second().says("."):
                return self._plain()
        return self._current(compared=True)

    def _current(self, compared: bool = False) -> Field:
        """A column of the current item; with ``extended`` of the current user, and where something
        is ``compared``, of what is chosen as well."""
        permitted: tuple[str, ...] = ()
        if self.entity == ITEM and not (self.in_if and not self.extended):
            permitted = (CURRENT_ITEM,)
        if self.extended and self.entity == ITEM:
            permitted = (*_CURRENT,)
        if self.extended and compared and not self.in_if:
            permitted = ((ITEMS if self.entity == ITEM else USERS), *permitted)
        if self.in_if:
            permitted = tuple(name for name in permitted if name == CURRENT_USER)
        token = self._next()
        named = token.kind == WORD and self._second().says(".")
        bare = self.extended and compared and token.kind in (WORD, NAME) and not self.in_if
        if not permitted or not (named or bare):
            columns = [f"{name}.COLUMN" for name in permitted]
            more = ["TRUE", "FALSE", "NOW()", 'DATE("…")'] if self.extended else []
            raise self._unexpected(", ".join(["a number", "a text", "$name", *more, *columns]))
        return self._field(permitted)

    def _value(self, negated: bool) -> Operand:
        """One in the list of IN."""
        token = self._next()
        if token.kind == WORD and not token.says("TRUE", "FALSE"):
            return self._current()
        self._not_negated(negated)
        return self._plain()

    def _type(self, negated: bool = False) -> Literal | Parameter:
        """One event type."""
        if self._next().kind not in (TEXT, PARAMETER):
            raise self._unexpected("an event type in quotes or $name")
        self._not_negated(negated)
        return self._plain()

    def _not_negated(self, negated: bool) -> None:
        if negated and not self.extended and self._next().kind == PARAMETER:
            raise self._unexpected("a value in quotes (after NOT IN no $name)")

    def _said(self) -> Operand:
        """The text that CONTAINS and its like look for."""
        if self._next().kind in (TEXT, PARAMETER):
            return self._plain()
        return self._current()

    def _plain(self) -> Literal | Parameter:
        """A number, a text, a parameter, or with ``extended`` TRUE and FALSE."""
        token, self._held = self._next(), self._held + 1
        if self._held > MOST_VALUES:
            raise self._too_many(MOST_VALUES, "values")
        if token.kind == PARAMETER:
            return Parameter(self._step().value)
        if token.kind == TEXT:
            return Literal(self._step().value)
        if self.extended and token.says("TRUE", "FALSE"):
            return Literal(self._step().value.upper() == "TRUE")
        sign = -1 if self._take("-") else 1
        if sign > 0:
            self._take("+")
        if self._next().kind != NUMBER:
            more = ", TRUE or FALSE" if self.extended else ""
            raise self._unexpected(f"a number, a text in quotes, $name{more}")
        return Literal(sign * self._number(self._step()))

    def _number(self, token: Token) -> int | float:
        if token.value.isdecimal() and len(token.value) < 20 and int(token.value) < _INT64:
            return int(token.value)
        value = float(token.value)
        if not isfinite(value):
            raise self.source.error("filter_number", token.offset, value=token.value)
        return value

    def _time(self) -> Instant:
        """``NOW()``, ``NOW() - 7 days``, ``DATE("2026-01-31")``."""
        now = self._step().says("NOW")
        self._expect("(")
        us = 0
        if not now:
            token = self._next()
            if token.kind != TEXT:
                raise self._unexpected("a date in quotes")
            try:
                us = parse_iso(self._step().value)
            except (InvalidInput, OverflowError):
                raise self.source.error("filter_date", token.offset, value=token.value) from None
        self._expect(")")
        if now and self._next().says("-", "+"):
            sign = -1 if self._step().value == "-" else 1
            us = sign * self._span()
        return Instant(us, now)

    def _span(self) -> int:
        """``7 days`` in µs."""
        token = self._next()
        if token.kind != NUMBER or not token.value.isdecimal():
            raise self._unexpected("a whole number")
        count = self._number(self._step())
        unit = self._next()
        name = _UNITS.get(unit.value.lower()) if unit.kind == WORD else None
        if name is None:
            raise self._unexpected(", ".join(UNITS_US))
        self._step()
        if count * UNITS_US[name] > MOST_SPAN_US:
            raise self.source.error("filter_number", token.offset, value=token.value)
        return int(count) * UNITS_US[name]

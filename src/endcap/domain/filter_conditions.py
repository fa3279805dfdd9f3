"""The part of the parser that reads conditions: ``AND`` binds closer than ``OR``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from endcap.domain.filter_operands import Operands
from endcap.domain.filter_tokens import NAME, WORD, Source, Token
from endcap.domain.filters import (
    EQUAL,
    INTERACTIONS,
    OPERATORS,
    TEXT_FUNCTIONS,
    UNEQUAL,
    Among,
    And,
    Compare,
    Condition,
    Did,
    Field,
    HasText,
    IsNull,
    Literal,
    Not,
    Operand,
    Or,
    Parameter,
)

MOST_DEPTH = 32
MOST_CONDITIONS = 100

Read = Callable[[], Condition]


class Conditions(Operands):
    def __init__(self, source: Source, tokens: Sequence[Token], extended: bool) -> None:
        super().__init__(source, tokens, extended)
        self._depth = self._count = 0

    def _any_of(self, read: Read) -> Condition:
        parts = [self._all_of(read)]
        while self._take("OR"):
            parts.append(self._all_of(read))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self, read: Read) -> Condition:
        parts = [read()]
        while self._take("AND"):
            parts.append(read())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _condition(self) -> Condition:
        if self.extended and (self._next().says("NOT") or self._next().says("(")):
            return self._nested()
        if self._count == MOST_CONDITIONS:
            raise self._too_many(MOST_CONDITIONS, "conditions")
        self._count += 1
        if self.extended and self._next().says(*TEXT_FUNCTIONS) and self._second().says("("):
            return self._call()
        field = self._left()
        if field.dataset == INTERACTIONS:
            return self._did()
        return self._about(field)

    def _nested(self) -> Condition:
        if self._depth == MOST_DEPTH:
            raise self.source.error("filter_too_deep", self._next().offset, most=MOST_DEPTH)
        self._depth += 1
        if self._take("NOT"):
            found: Condition = Not(self._condition())
        else:
            self._expect("(")
            found = self._any_of(self._condition)
            self._expect(")")
        self._depth -= 1
        return found

    def _about(self, field: Field) -> Condition:
        """What is said of ``field``."""
        token = self._next()
        if token.says(*OPERATORS):
            self._step()
            return Compare(field, token.value, self._right())
        if token.says("IN", "NOT"):
            negated = self._take("NOT")
            self._expect("IN")
            return Among(field, self._values(negated), negated)
        if self.extended:
            if token.says("IS"):
                self._step()
                negated = self._take("NOT")
                self._expect("NULL")
                return IsNull(field, negated)
            if token.says(*TEXT_FUNCTIONS):
                return HasText(field, self._step().value.upper(), self._said())
            if token.kind not in (WORD, NAME) or token.says("AND", "OR", "IF"):
                return Compare(field, EQUAL, Literal(True))  # a field alone: it is true
        more = ", IS, CONTAINS, STARTSWITH, ENDSWITH" if self.extended else ""
        raise self._unexpected(f"IN, NOT IN{more}, or one of {' '.join(OPERATORS)}")

    def _call(self) -> Condition:
        """``CONTAINS(Items.name, "x")``."""
        function = self._step().value.upper()
        self._expect("(")
        field = self._left()
        self._expect(",")
        said = self._said()
        self._expect(")")
        return HasText(field, function, said)

    def _did(self) -> Condition:
        token = self._next()
        if token.says(EQUAL, UNEQUAL):
            negated = self._step().value == UNEQUAL
            types: tuple[Literal | Parameter, ...] = (self._type(negated),)
        elif token.says("IN", "NOT"):
            negated = self._take("NOT")
            self._expect("IN")
            types = self._types(negated)
        else:
            raise self._unexpected("IN, NOT IN, = or !=")
        within = None
        if self.extended and self._take("WITHIN"):
            within = self._span()
        return Did(types, negated, within)

    def _types(self, negated: bool) -> tuple[Literal | Parameter, ...]:
        self._expect("(")
        found = [self._type(negated)]
        while self._take(","):
            found.append(self._type(negated))
        self._expect(")")
        return tuple(found)

    def _values(self, negated: bool) -> tuple[Operand, ...]:
        """``(a, b)``; without brackets a column of the current item or user."""
        if not self._take("("):
            if self._next().kind not in (WORD, NAME):
                raise self._unexpected("( or CurrentItem.COLUMN")
            return (self._current(),)
        found = [self._value(negated)]
        while self._take(","):
            found.append(self._value(negated))
        self._expect(")")
        return tuple(found)

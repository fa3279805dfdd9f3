"""A filter's text to the values of ``filters``: Personalize's grammar, or Endcap's superset.

Every failure is an InvalidInput that says where, what stands there, and what is permitted there.
Text, nesting and counts are bounded, so that any text is answered in a bounded time.
"""

from __future__ import annotations

from endcap.domain.filter_conditions import Conditions
from endcap.domain.filter_tokens import END, MOST_TEXT, WORD, Source, Token, tokens_of
from endcap.domain.filters import (
    EXCLUDE,
    INCLUDE,
    ITEM,
    USER,
    Condition,
    Expression,
    Filter,
)

__all__ = ["MOST_EXPRESSIONS", "MOST_TEXT", "parse"]

MOST_EXPRESSIONS = 20
_ENTITIES = {"ITEMID": ITEM, "USERID": USER}


def parse(text: str, *, extended: bool, field: str = "filter") -> Filter:
    """``extended`` False: Personalize's grammar as it is used; True: the superset. ``field``: what
    errors call the text.

    Raises InvalidInput: filter_too_long, filter_syntax, filter_unclosed, filter_number,
    filter_date, filter_too_deep, filter_too_many, filter_datasets, filter_entities. Its ``facts``
    hold ``line`` and ``column`` from 1 and ``offset`` from 0.
    """
    source = Source(text, field)
    return _Parser(source, tokens_of(source), extended).whole()


class _Parser(Conditions):
    def whole(self) -> Filter:
        found = [self._expression()]
        while self._take("|"):
            if len(found) == MOST_EXPRESSIONS:
                raise self._too_many(MOST_EXPRESSIONS, "expressions")
            found.append(self._expression())
        if self._next().kind != END:
            raise self._unexpected(self._after_condition())
        return Filter(self.entity, tuple(found))

    def _after_condition(self) -> str:
        if self.closed:
            return "|, or the end"
        return "AND, OR, IF, |, or the end"

    def _expression(self) -> Expression:
        """With ``extended``, a condition alone includes items."""
        self.closed, self.spoken = False, ""
        token = self._next()
        if token.says(INCLUDE, EXCLUDE):
            effect = self._step().value.upper()
            self._entity()
            self._expect("WHERE")
        elif self.extended:
            effect = INCLUDE
            self._chosen(ITEM, token)
        else:
            raise self._unexpected("INCLUDE or EXCLUDE")
        where = self._any_of(self._condition)
        when = self._when() if self._take("IF") else None
        return Expression(effect, where, when)

    def _entity(self) -> None:
        token = self._next()
        entity = _ENTITIES.get(token.value.upper()) if token.kind == WORD else None
        if entity is None:
            raise self._unexpected("ItemID or UserID")
        self._step()
        self._chosen(entity, token)

    def _chosen(self, entity: str, token: Token) -> None:
        if self.entity not in ("", entity):
            raise self.source.error(
                "filter_entities", token.offset, value=entity, permitted=self.entity
            )
        self.entity = entity

    def _when(self) -> Condition:
        """What stands after IF speaks of the current user alone."""
        self.in_if = True
        found = self._any_of(self._condition) if self.extended else self._all_of(self._condition)
        self.in_if, self.closed = False, True
        return found

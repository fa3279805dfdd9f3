"""Bound conditions over columns: true or false for each row. Nothing that is absent equals, or
stands in order to, anything; ``!=`` and ``NOT IN`` are the negations of ``=`` and ``IN``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from endcap.domain.arrays import Bools, Int32s
from endcap.domain.filters import (
    EQUAL,
    Among,
    And,
    Compare,
    Condition,
    Did,
    Field,
    HasText,
    Instant,
    IsNull,
    Leaf,
    Literal,
    Not,
    Operand,
    Or,
    Plain,
)
from endcap.engine.attribute_columns import Columns
from endcap.engine.attribute_values import ORDERED, compared
from endcap.engine.distinct_values import ABSENT, SEVERAL, TEXT, Column

# (condition, (n,) rows or None for all, how many rows there are) → (n,)
Doing = Callable[[Did, Int32s | None, int], Bools]


def nobody_did(leaf: Did, rows: Int32s | None, items: int) -> Bools:
    del leaf
    return np.zeros(items if rows is None else len(rows), np.bool_)


def evaluate(
    condition: Condition,
    columns: Columns,
    rows: Int32s | None,
    items: int,
    did: Doing,
    known: Bools | None = None,
) -> Bools:
    """(n,) of n ``rows``, or of all ``items`` rows. ``known`` (n,): False where a row stands for
    nothing: it has no attributes and no events."""
    return _Evaluation(columns, rows, items, did, known).of(condition)


class _Evaluation:
    def __init__(
        self, columns: Columns, rows: Int32s | None, items: int, did: Doing, known: Bools | None
    ) -> None:
        self._columns, self._rows, self._items = columns, rows, items
        self._did, self._known = did, known
        self._n = items if rows is None else len(rows)

    def of(self, condition: Condition) -> Bools:
        match condition:
            case And(parts):
                return self._joined(parts, True)
            case Or(parts):
                return self._joined(parts, False)
            case Not(part):
                return ~self.of(part)
            case Did():
                found = self._did(condition, self._rows, self._items)
                return found if self._known is None else found & self._known
            case _:
                return self._of_column(condition)

    def _of_column(self, leaf: Leaf) -> Bools:
        match leaf:
            case Compare(left, how, Field() as right):
                return self._pairwise(self._columns.of(left), how, self._columns.of(right))
            case Compare(left, how, right):
                column = self._columns.of(left)
                return self._spread(column, marks_of(column, how, right))
            case Among(field, values, _):
                column = self._columns.of(field)
                marks = np.zeros(len(column.values), np.bool_)
                for value in values:
                    marks |= marks_of(column, EQUAL, value)
                return self._spread(column, marks)
            case HasText(field, function, Literal(value)):
                column = self._columns.of(field)
                return self._spread(column, column.has_text(function, str(value)))
            case IsNull(field, _):
                return np.equal(self._codes(self._columns.of(field)), ABSENT)
            case _:
                raise TypeError(f"{type(leaf).__name__} is not bound")

    def _joined(self, parts: tuple[Condition, ...], every: bool) -> Bools:
        """Of no parts: true where every one is needed, else false."""
        found = np.full(self._n, every, np.bool_)
        for part in parts:
            found = found & self.of(part) if every else found | self.of(part)
        return found

    def _codes(self, column: Column) -> Int32s:
        if self._rows is None:
            return column.codes[: self._items]
        codes = column.codes[self._rows]
        return codes if self._known is None else np.where(self._known, codes, ABSENT)

    def _spread(self, column: Column, marks: Bools) -> Bools:
        return marks.take(self._codes(column))

    def _pairwise(self, left: Column, how: str, right: Column) -> Bools:
        """Rows by what two columns of each say: numbers at once, other pairs one by one."""
        ours, theirs = self._codes(left), self._codes(right)
        one, other = left.numbers()[ours], right.numbers()[theirs]
        rest = (ours != ABSENT) & (theirs != ABSENT)
        both = np.isfinite(one) & np.isfinite(other)
        if how == EQUAL:  # two texts are equal as texts
            both &= ~((left.of_kind()[ours] == TEXT) & (right.of_kind()[theirs] == TEXT))
        found: Bools = both & (one == other if how == EQUAL else ORDERED[how](one, other))
        rest &= ~both
        if rest.any():
            pairs = ours[rest].astype(np.int64) * len(right.values) + theirs[rest]
            distinct, places = np.unique(pairs, return_inverse=True)
            told = [
                any_stand(left, pair // len(right.values), how, right, pair % len(right.values))
                for pair in distinct.tolist()
            ]
            found[rest] = np.array(told, np.bool_)[places]
        return found


def any_stand(left: Column, one: int, how: str, right: Column, other: int) -> bool:
    return any(
        compared(a, how, b) for a in plain_values(left, one) for b in plain_values(right, other)
    )


def plain_values(column: Column, entry: int) -> list[Plain]:
    value = column.values[entry]
    if column.kinds[entry] == SEVERAL:
        return [column.values[member] for member in value]
    return [value]


def marks_of(column: Column, how: str, value: Operand) -> Bools:
    """(entries,) which of a column's values stand so to a bound one."""
    match value:
        case Literal(plain):
            return column.equal(plain) if how == EQUAL else column.in_order(how, plain)
        case Instant(us, False):
            return column.at_time(how, us)
        case _:
            raise TypeError(f"{type(value).__name__} is not bound")

"""Filters as text: what ``parse`` makes the same filter of again."""

from __future__ import annotations

import re

from endcap.domain.filters import (
    INTERACTIONS,
    UNITS_US,
    Among,
    And,
    Compare,
    Condition,
    Did,
    Expression,
    Field,
    Filter,
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
)
from endcap.domain.times import iso

_PLAIN = re.compile(r"[^\W\d]\w*")
_QUOTED = re.compile(r'(["\\])')


def text(found: Filter) -> str:
    """The filter in the extended form, on one line but for line breaks in its values; in
    Personalize's where nothing in it is beyond that."""
    parts = (expression_text(each, found.entity) for each in found.expressions)
    return " | ".join(parts)


def expression_text(expression: Expression, entity: str) -> str:
    when = "" if expression.when is None else f" IF {condition_text(expression.when)}"
    return f"{expression.effect} {entity} WHERE {condition_text(expression.where)}{when}"


def condition_text(condition: Condition) -> str:
    match condition:
        case And(parts):
            return " AND ".join(_bracketed(part, And | Or) for part in parts)
        case Or(parts):
            return " OR ".join(_bracketed(part, Or) for part in parts)
        case Not(part):
            return f"NOT {_bracketed(part, And | Or)}"
        case _:
            return _leaf_text(condition)


def _bracketed(part: Condition, kinds: object) -> str:
    inner = condition_text(part)
    return f"({inner})" if isinstance(part, kinds) else inner  # type: ignore[arg-type]


def _leaf_text(leaf: Leaf) -> str:
    match leaf:
        case Compare(left, operator, right):
            return f"{operand_text(left)} {operator} {operand_text(right)}"
        case Among(field, values, negated):
            return f"{operand_text(field)} {'NOT ' * negated}IN {_list_text(values)}"
        case HasText(field, function, given):
            return f"{operand_text(field)} {function} {operand_text(given)}"
        case IsNull(field, negated):
            return f"{operand_text(field)} IS {'NOT ' * negated}NULL"
        case Did(types, negated, within_us):
            within = "" if within_us is None else f" WITHIN {_span_text(within_us)}"
            return f"{INTERACTIONS}.EVENT_TYPE {'NOT ' * negated}IN {_list_text(types)}{within}"


def _list_text(values: tuple[Operand, ...]) -> str:
    if len(values) == 1 and isinstance(values[0], Field):
        return operand_text(values[0])
    return f"({', '.join(map(operand_text, values))})"


def operand_text(operand: Operand) -> str:
    match operand:
        case Literal(value):
            return _value_text(value)
        case Parameter(name):
            return f"${name}"
        case Field(dataset, name, _):
            return f"{dataset}.{name if _PLAIN.fullmatch(name) else f'`{name}`'}"
        case Instant(us, now):
            if not now:
                return f'DATE("{iso(us)}")'
            return "NOW()" if not us else f"NOW() {'-' if us < 0 else '+'} {_span_text(abs(us))}"


def _value_text(value: Plain) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return '"' + _QUOTED.sub(r"\\\1", value) + '"'
    return repr(value)


def _span_text(us: int) -> str:
    unit = max((unit for unit in UNITS_US if us % UNITS_US[unit] == 0), key=UNITS_US.__getitem__)
    return f"{us // UNITS_US[unit]} {unit}"

"""The filter language: the values that a parsed filter is made of, and what it speaks of.

``filter_parser`` makes them of a text, ``filter_text`` prints them, ``filter_check`` holds them
against known columns, ``filter_values`` gives parameters their values. docs/filters.md has the
grammar and the meaning of each condition.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

INCLUDE, EXCLUDE = "INCLUDE", "EXCLUDE"
ITEM, USER = "ItemID", "UserID"
ITEMS, USERS, INTERACTIONS = "Items", "Users", "Interactions"
CURRENT_ITEM, CURRENT_USER = "CurrentItem", "CurrentUser"
DATASETS = (ITEMS, USERS, INTERACTIONS, CURRENT_ITEM, CURRENT_USER)
EVENT_TYPE, ANY_EVENT = "EVENT_TYPE", "*"

EQUAL, UNEQUAL, LESS, AT_MOST, MORE, AT_LEAST = "=", "!=", "<", "<=", ">", ">="
OPERATORS = (EQUAL, UNEQUAL, LESS, AT_MOST, MORE, AT_LEAST)
CONTAINS, STARTS_WITH, ENDS_WITH = "CONTAINS", "STARTSWITH", "ENDSWITH"
TEXT_FUNCTIONS = (CONTAINS, STARTS_WITH, ENDS_WITH)
UNITS_US = {
    "seconds": 1_000_000,
    "minutes": 60_000_000,
    "hours": 3_600_000_000,
    "days": 86_400_000_000,
    "weeks": 604_800_000_000,
}

Plain = str | int | float | bool


class Literal(Struct, frozen=True):
    """A value that stands in the filter. 4 and 4.0 are the same; 1 and TRUE are not."""

    value: Plain

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Literal):
            return NotImplemented
        both = (self.value, other.value)
        return both[0] == both[1] and isinstance(both[0], bool) == isinstance(both[1], bool)

    def __hash__(self) -> int:
        return hash(self.value)


class Parameter(Struct, frozen=True):
    """``$name``: its value comes with each use."""

    name: str


class Field(Struct, frozen=True):
    """``name`` as it was written; ``split``: the schema says that its texts hold several values,
    separated by ``|``."""

    dataset: str
    name: str
    split: bool = False


class Instant(Struct, frozen=True):
    """A time: ``us`` since 1970, or with ``now`` from the time of the query on."""

    us: int
    now: bool = False


Operand = Literal | Parameter | Field | Instant


class Compare(Struct, frozen=True, cache_hash=True):
    left: Field
    operator: str
    right: Operand


class Among(Struct, frozen=True, cache_hash=True):
    """``IN``, or with ``negated`` ``NOT IN``."""

    field: Field
    values: tuple[Operand, ...]
    negated: bool = False


class HasText(Struct, frozen=True, cache_hash=True):
    field: Field
    function: str
    text: Operand


class IsNull(Struct, frozen=True, cache_hash=True):
    field: Field
    negated: bool = False


class Did(Struct, frozen=True, cache_hash=True):
    """The user has an event of one of these types with the item; ``within_us`` before now."""

    types: tuple[Literal | Parameter, ...]
    negated: bool = False
    within_us: int | None = None


Leaf = Compare | Among | HasText | IsNull | Did


class Not(Struct, frozen=True, cache_hash=True):
    part: Condition


class And(Struct, frozen=True, cache_hash=True):
    parts: tuple[Condition, ...]


class Or(Struct, frozen=True, cache_hash=True):
    parts: tuple[Condition, ...]


Condition = Leaf | Not | And | Or


class Expression(Struct, frozen=True):
    """``effect``: INCLUDE or EXCLUDE; ``when``: the condition after IF."""

    effect: str
    where: Condition
    when: Condition | None = None


class Filter(Struct, frozen=True, cache_hash=True):
    """``entity``: what is filtered, ITEM or USER."""

    entity: str
    expressions: tuple[Expression, ...]


class Filtering(Struct, frozen=True, cache_hash=True):
    """A filter with the values of its parameters, as a query carries it. ``text``: as it came."""

    filter: Filter
    values: tuple[tuple[str, tuple[Plain, ...]], ...] = ()
    text: str = ""


def conditions(found: Filter) -> Iterator[Condition]:
    """What stands after WHERE and IF, in order."""
    for expression in found.expressions:
        yield expression.where
        if expression.when is not None:
            yield expression.when


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The conditions that hold no other, from left to right."""
    if isinstance(condition, And | Or):
        for part in condition.parts:
            yield from leaves(part)
    elif isinstance(condition, Not):
        yield from leaves(condition.part)
    else:
        yield condition


def operands(leaf: Leaf) -> tuple[Operand, ...]:
    """Fields, values and parameters of one condition, from left to right."""
    match leaf:
        case Compare(left, _, right):
            return (left, right)
        case Among(field, values, _):
            return (field, *values)
        case HasText(field, _, text):
            return (field, text)
        case IsNull(field, _):
            return (field,)
        case Did(types, _, _):
            return (Field(INTERACTIONS, EVENT_TYPE), *types)


def every_operand(found: Filter) -> Iterator[Operand]:
    for condition in conditions(found):
        for leaf in leaves(condition):
            yield from operands(leaf)


def parameters(found: Filter) -> tuple[str, ...]:
    """Names of the parameters, each once, as they first occur."""
    names = (each.name for each in every_operand(found) if isinstance(each, Parameter))
    return tuple(dict.fromkeys(names))


def fields(found: Filter) -> tuple[Field, ...]:
    """The fields, each once, as they first occur."""
    return tuple(dict.fromkeys(each for each in every_operand(found) if isinstance(each, Field)))


def datasets(found: Filter) -> frozenset[str]:
    """Of what the filter speaks: some of ``DATASETS``."""
    return frozenset(field.dataset for field in fields(found))


def of_users(found: Filter) -> bool:
    """Whether it chooses users: for batch segments alone."""
    return found.entity == USER

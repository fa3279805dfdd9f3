"""Compiled filters against an interpreter that looks at one item after the other."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from endcap.domain.filters import (
    EXCLUDE,
    INCLUDE,
    ITEM,
    Among,
    And,
    Compare,
    Did,
    Expression,
    Field,
    Filter,
    Filtering,
    HasText,
    Instant,
    IsNull,
    Literal,
    Not,
    Or,
    Parameter,
)
from endcap.domain.records import EventsPosted, ItemsPut, UsersPut
from endcap.domain.values import Event, Item, Query, User
from endcap.engine.answer import answer
from endcap.engine.attributes import AttributeTable, pack
from endcap.engine.moment import Live, live, observe
from endcap.engine.ragged import Blobs
from endcap.engine.serving import UNTRAINED
from endcap.engine.state import LiveState, StateLimits

NOW = 1_750_000_000_400_000
DAY_US = 86_400_000_000
KINDS = ("view", "add_to_cart", "purchase")

words = some.sampled_from(["a", "b", "A", "ab", "4", "4.0", "true", "False", "9", "", "2025-06-10",
                           "a|b", "b|4", "|"])  # fmt: skip
numbers = some.sampled_from([0, 1, 4, 4.0, 9, -1, 2.5, 1_749_900_000, 1_749_900_000_000,
                             NOW - DAY_US, NOW // 1_000_000 * 1_000_000])  # fmt: skip
several = some.lists(some.sampled_from(["a", "b", "A", "4", ""]), max_size=3)
attribute = some.one_of(words, numbers, some.booleans(), several)
names = some.sampled_from(["x", "y", "Z", "some_time"])
spelled = some.sampled_from(["x", "X", "y", "Z", "z", "someTime", "SOME_TIME"])
attributes = some.dictionaries(spelled, attribute, max_size=4)

fields = some.builds(
    Field, some.sampled_from(["Items", "Items", "CurrentItem", "CurrentUser"]), names,
    some.booleans(),
)  # fmt: skip
plain = some.one_of(words, numbers, some.booleans())
literal = some.builds(Literal, plain)
parameter = some.builds(Parameter, some.sampled_from(["p", "q"]))
instant = some.one_of(
    some.sampled_from([Instant(-7 * DAY_US, True), Instant(0, True), Instant(-DAY_US, True)]),
    some.just(Instant(NOW - 5 * DAY_US)),
)
current = fields.filter(lambda field: field.dataset != "Items")
kinds = some.sampled_from([Literal("view"), Literal("Purchase"), Literal("*"), Literal("other")])
leaves = some.one_of(
    some.builds(Compare, fields, some.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
                some.one_of(literal, parameter, fields, instant)),
    some.builds(Among, fields,
                some.lists(some.one_of(literal, parameter, current), max_size=3).map(tuple),
                some.booleans()),
    some.builds(HasText, fields, some.sampled_from(["CONTAINS", "STARTSWITH", "ENDSWITH"]),
                some.one_of(some.builds(Literal, words), parameter)),
    some.builds(IsNull, fields, some.booleans()),
    some.builds(Did, some.lists(kinds, min_size=1, max_size=2).map(tuple), some.booleans(),
                some.sampled_from([None, 3 * DAY_US])),
)  # fmt: skip


def nested(inner: Any) -> Any:
    many = some.lists(inner, min_size=2, max_size=3).map(tuple)
    return some.one_of(some.builds(And, many), some.builds(Or, many), some.builds(Not, inner))


conditions = some.recursive(leaves, nested, max_leaves=6)
of_user = some.builds(
    Compare, some.builds(Field, some.just("CurrentUser"), names), some.just("="), literal
)
expressions = some.builds(
    Expression, some.sampled_from([INCLUDE, EXCLUDE]), conditions,
    some.one_of(some.none(), some.none(), of_user),
)  # fmt: skip
filterings = some.builds(
    Filtering,
    some.builds(Filter, some.just(ITEM), some.lists(expressions, min_size=1, max_size=3)
                .map(tuple)),
    some.tuples(*(some.tuples(some.just(name), some.lists(plain, max_size=2).map(tuple))
                  for name in "pq")),
)  # fmt: skip
changes = some.lists(some.tuples(some.integers(0, 9), attributes), max_size=4)
happened = some.lists(
    some.tuples(some.integers(0, 9), some.sampled_from(KINDS), some.integers(0, 6)), max_size=5
)


# The interpreter: written from the words of the page, without arrays or codes.
class Naive:
    def __init__(
        self, item: Any, user: Any, beside: Any, did: list[tuple[str, int]], values: Any
    ) -> None:
        self.of = {"Items": item, "CurrentUser": user, "CurrentItem": beside}
        self.did, self.given = did, values

    def stays(self, found: Filter) -> bool:
        active = [e for e in found.expressions if e.when is None or self.holds(e.when)]
        include = [e for e in active if e.effect == INCLUDE]
        exclude = [e for e in active if e.effect == EXCLUDE]
        kept = any(self.holds(e.where) for e in include) if include else True
        return kept and not any(self.holds(e.where) for e in exclude)

    def holds(self, what: Any) -> bool:  # noqa: PLR0911 - one for each kind of condition
        if isinstance(what, And):
            return all(self.holds(part) for part in what.parts)
        if isinstance(what, Or):
            return any(self.holds(part) for part in what.parts)
        if isinstance(what, Not):
            return not self.holds(what.part)
        if isinstance(what, Did):
            wanted = {str(each.value).lower() for each in what.types}
            fits = any(
                (kind in wanted or "*" in wanted)
                and (what.within_us is None or at >= NOW - what.within_us)
                for kind, at in self.did
            )
            return fits is not what.negated
        if isinstance(what, IsNull):
            return (not self.values(what.field)) is not what.negated
        if isinstance(what, Among):
            others = [value for each in what.values for value in self.values(each)]
            mine = self.values(what.field)
            return any(same(a, b) for a in mine for b in others) is not what.negated
        if isinstance(what, HasText):
            return self.has_text(what)
        mine, others = self.values(what.left), self.values(what.right)
        if what.operator == "!=":
            return not any(same(a, b) for a in mine for b in others)
        if what.operator == "=":
            return any(same(a, b) for a in mine for b in others)
        return any(ordered(a, what.operator, b) for a in mine for b in others)

    def has_text(self, what: HasText) -> bool:
        looked = [spoken(value).lower() for value in self.values(what.text)]
        texts = [value.lower() for value in self.values(what.field) if isinstance(value, str)]
        how = {"CONTAINS": str.__contains__, "STARTSWITH": str.startswith,
               "ENDSWITH": str.endswith}[what.function]  # fmt: skip
        return any(how(a, b) for a in texts for b in looked)

    def values(self, operand: Any) -> list[Any]:
        if isinstance(operand, Literal):
            return [operand.value]
        if isinstance(operand, Parameter):
            return list(self.given[operand.name])
        if isinstance(operand, Instant):
            return [("time", operand.us + (NOW // 10**6 * 10**6 if operand.now else 0))]
        name = operand.name
        camel = re.sub("_(.)", lambda m: m[1].upper(), name.lower())
        attributes = self.of[operand.dataset]
        for spelling in (name, name.lower(), name.upper(), name.capitalize(), camel):
            if spelling in attributes:
                value = attributes[spelling]
                if isinstance(value, str) and operand.split:
                    return [part for part in value.split("|") if part]
                return value if isinstance(value, list) else [value]
        return []


def number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value)
    except ValueError:
        return None


def spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def microseconds(value: Any) -> float | None:
    read = number(value)
    if read is not None:
        return read * (10**6 if abs(read) < 1e11 else 10**3 if abs(read) < 1e14 else 1)
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1e6
    except (ValueError, TypeError):
        return None


def same(a: Any, b: Any) -> bool:
    if isinstance(b, tuple):
        return microseconds(a) == b[1]
    if isinstance(a, bool) and isinstance(b, bool):
        return a == b
    if isinstance(a, bool) or isinstance(b, bool):
        truth, other = (a, b) if isinstance(a, bool) else (b, a)
        return isinstance(other, str) and other.lower() == str(truth).lower()
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    return number(a) is not None and number(a) == number(b)


def ordered(a: Any, how: str, b: Any) -> bool:
    compare = {"<": lambda x, y: x < y, "<=": lambda x, y: x <= y,
               ">": lambda x, y: x > y, ">=": lambda x, y: x >= y}[how]  # fmt: skip
    if isinstance(b, tuple):
        at = microseconds(a)
        return at is not None and compare(at, b[1])
    if number(a) is not None and number(b) is not None:
        return compare(number(a), number(b))
    return isinstance(a, str) and isinstance(b, str) and compare(a, b)


def shop(items: list[dict[str, Any]], of_ann: dict[str, Any]) -> Live:
    """Half of the catalogue in a snapshot, the other half put later."""
    state = LiveState(None, StateLimits())
    for place in range(len(items)):
        state.items.add(f"i{place}")
    half = len(items) // 2
    base = [pack(attributes) for attributes in items[:half]]
    state.of_items = AttributeTable(Blobs.of(base + [b""] * (len(items) - half)))
    put = tuple(Item(f"i{n}", attributes) for n, attributes in enumerate(items) if n >= half)
    state.apply(ItemsPut(NOW, items=put), 1)
    state.apply(UsersPut(NOW, users=(User("ann", of_ann),)), 2)
    return live(state, UNTRAINED)


def expected(now: Live, asked: Filtering, events: list[tuple[int, str, int]]) -> list[bool]:
    state = now.state
    told = []
    for row in range(len(state.items)):
        item = state.item_attributes(row)
        did = [(kind, NOW - days * DAY_US) for place, kind, days in events if place == row]
        naive = Naive(item, state.user_attributes("ann"), state.item_attributes(0), did,
                      dict(asked.values))  # fmt: skip
        told.append(naive.stays(asked.filter) and bool(item))
    return told


def seen_by_engine(now: Live, asked: Filtering) -> list[bool]:
    query = Query("popular", NOW, user_id="ann", item_id="i0", seen="none", filter=asked)
    allowed = observe(now, query).allowed
    assert allowed is not None
    return [bool(each) for each in allowed]


@given(some.lists(attributes, min_size=10, max_size=10), attributes, happened,
       some.lists(filterings, min_size=1, max_size=3), changes)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_bitmaps_are_what_one_item_after_the_other_says(
    items: list[dict[str, Any]],
    of_ann: dict[str, Any],
    events: list[tuple[int, str, int]],
    asked: list[Filtering],
    later: list[tuple[int, dict[str, Any]]],
) -> None:
    items[0] = {**items[0], "always": 1}  # so that there is a catalogue
    now = shop(items, of_ann)
    for each in asked:
        assert seen_by_engine(now, each) == expected(now, each, [])
    posted = tuple(
        Event("ann", f"i{place}", kind, NOW - days * DAY_US, f"e{number}")
        for number, (place, kind, days) in enumerate(events)
    )
    now.state.apply(EventsPosted(NOW, events=posted), 3)
    for each in asked:
        assert seen_by_engine(now, each) == expected(now, each, events)
    for end, (place, attributes_then) in enumerate(later, start=4):
        now.state.apply(ItemsPut(NOW, items=(Item(f"i{place}", attributes_then),)), end)
        for each in asked:
            assert seen_by_engine(now, each) == expected(now, each, events)


def test_new_items_and_the_first_attributes_count_at_once() -> None:
    """Without a catalogue everything is sold; the first attribute of any item ends that."""
    state = LiveState(None, StateLimits())
    now = live(state, UNTRAINED)
    price = Compare(Field("Items", "price"), "<", Literal(5))
    cheap = Filtering(Filter(ITEM, (Expression(EXCLUDE, price),)))
    dear = Filtering(Filter(ITEM, (Expression(EXCLUDE, Not(price)),)))
    state.apply(EventsPosted(NOW, events=(Event("u", "one", "view", NOW, "1"),)), 1)
    assert [seen_by_engine(now, each) for each in (cheap, dear)] == [[True], [False]]
    state.apply(EventsPosted(NOW, events=(Event("u", "two", "view", NOW, "2"),)), 2)
    assert [seen_by_engine(now, each) for each in (cheap, dear)] == [[True] * 2, [False] * 2]
    state.apply(ItemsPut(NOW, items=(Item("two", {"price": 3}), Item("three", {"price": 9}))), 3)
    assert seen_by_engine(now, cheap) == [False, False, True]
    assert seen_by_engine(now, dear) == [False, True, False]
    state.apply(ItemsPut(NOW, items=(Item("two", {"available": False}),)), 4)
    assert seen_by_engine(now, dear) == [False] * 3
    many = tuple(Item(f"more-{n}", {"price": n % 10}) for n in range(300))
    state.apply(ItemsPut(NOW, items=many), 5)
    assert sum(seen_by_engine(now, dear)) == 150
    assert np.count_nonzero(seen_by_engine(now, cheap)) == 151


def test_an_empty_text_in_a_list_is_a_value() -> None:
    """Of a column that holds several values: split texts have no empty part, lists may."""
    now = shop([{"x": ["", "a"]}, {"x": ""}, {"x": "|"}, {"x": "|b"}, {"x": "b", "y": "b"}], {})
    for split in (False, True):
        field = Field("Items", "x", split)
        absent = Filtering(Filter(ITEM, (Expression(INCLUDE, IsNull(field)),)))
        assert seen_by_engine(now, absent) == [False, split, split, False, False]
        empty = Filtering(Filter(ITEM, (Expression(INCLUDE, Among(field, (Literal(""),))),)))
        assert seen_by_engine(now, empty) == [True, not split, False, False, False]
        same = Compare(field, "=", Field("Items", "y"))
        alike = Filtering(Filter(ITEM, (Expression(INCLUDE, same),)))
        assert seen_by_engine(now, alike) == [False, False, False, False, True]


def test_only_so_much_is_kept(monkeypatch: Any) -> None:
    from endcap.engine import attribute_columns, filter_masks

    now = shop([{"x": n, "y": "a", "Z": "b"} for n in range(10)], {})
    monkeypatch.setattr(filter_masks, "MOST_KEPT_BYTES", 300)
    monkeypatch.setattr(attribute_columns, "MOST_BYTES", 1)
    for name in ("x", "y", "Z", "x", "y"):
        for most in range(10):
            condition = Compare(Field("Items", name), "<", Literal(most))
            asked = Filtering(Filter(ITEM, (Expression(INCLUDE, condition),)))
            wanted = [n < most for n in range(10)] if name == "x" else [False] * 10
            assert seen_by_engine(now, asked) == wanted
            found = answer(now, Query("popular", NOW, k=20, seen="none", filter=asked))
            assert len(found.items) == sum(wanted)
    assert len(now.masks._kept) < 10
    assert len(now.masks.columns._columns) == 1


def test_a_bitmap_that_is_kept_outlives_its_columns(monkeypatch: Any) -> None:
    from endcap.engine import attribute_columns

    now = shop([{"x": n, "y": n} for n in range(10)], {})
    monkeypatch.setattr(attribute_columns, "MOST_BYTES", 1)
    below = {
        name: Filtering(Filter(ITEM, (Expression(INCLUDE, Compare(Field("Items", name), "<",
                                                                  Literal(4))),)))
        for name in "xy"
    }  # fmt: skip
    every = tuple(f"i{n}" for n in range(10))
    for name in "xyxyx":
        query = Query("rerank", NOW, k=10, item_ids=every, filter=below[name])
        assert {item.id for item in answer(now, query).items} == {f"i{n}" for n in range(4)}

"""The filter language: what is refused, where and why; printing; texts of any kind."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from endcap.domain.errors import InvalidInput
from endcap.domain.filter_check import check
from endcap.domain.filter_conditions import MOST_CONDITIONS, MOST_DEPTH
from endcap.domain.filter_parser import MOST_EXPRESSIONS, MOST_TEXT, parse
from endcap.domain.filter_text import text
from endcap.domain.filter_values import filtering, read_filtering, read_values
from endcap.domain.filters import (
    ANY_EVENT,
    CURRENT_ITEM,
    CURRENT_USER,
    DATASETS,
    EXCLUDE,
    INCLUDE,
    INTERACTIONS,
    ITEM,
    ITEMS,
    OPERATORS,
    TEXT_FUNCTIONS,
    USERS,
    Among,
    And,
    Compare,
    Did,
    Expression,
    Field,
    Filter,
    HasText,
    Instant,
    IsNull,
    Literal,
    Not,
    Or,
    Parameter,
    datasets,
    fields,
    of_users,
    parameters,
)

WHERE = "INCLUDE ItemID WHERE "

# (text, line, column, what stands there) in the strict form
REFUSED: list[tuple[str, int, int, str]] = [
    ("", 1, 1, "the end"),
    ("   ", 1, 4, "the end"),
    ("ItemID WHERE Items.a IN ('x')", 1, 1, "ItemID"),
    ("INCLUDE", 1, 8, "the end"),
    ("INCLUDE Items WHERE Items.a IN ('x')", 1, 9, "Items"),
    ("INCLUDE ActionID WHERE Actions.a IN ('x')", 1, 9, "ActionID"),
    ("INCLUDE ItemID Items.a IN ('x')", 1, 16, "Items"),
    (WHERE, 1, 22, "the end"),
    (WHERE + "a IN ('x')", 1, 22, "a"),
    (WHERE + "Items IN ('x')", 1, 22, "Items"),
    (WHERE + "Items. IN", 1, 31, "the end"),
    (WHERE + "Users.a IN ('x')", 1, 22, "Users"),
    (WHERE + "Actions.a IN ('x')", 1, 22, "Actions"),
    (WHERE + "CurrentUser.a IN ('x')", 1, 22, "CurrentUser"),
    (WHERE + "CurrentItem.a IN ('x')", 1, 22, "CurrentItem"),
    (WHERE + "Interactions.EVENT_VALUE > 3", 1, 35, "EVENT_VALUE"),
    (WHERE + "Interactions.EVENT_TYPE > 3", 1, 46, ">"),
    (WHERE + "Interactions.EVENT_TYPE IN (3)", 1, 50, "3"),
    (WHERE + "Interactions.EVENT_TYPE IN ('a') WITHIN 3 days", 1, 55, "WITHIN"),
    (WHERE + "Items.a", 1, 29, "the end"),
    (WHERE + "Items.a LIKE 'x'", 1, 30, "LIKE"),
    (WHERE + "Items.a IN", 1, 32, "the end"),
    (WHERE + "Items.a IN 'x'", 1, 33, "x"),
    (WHERE + "Items.a IN ()", 1, 34, ")"),
    (WHERE + "Items.a IN ('x'", 1, 37, "the end"),
    (WHERE + "Items.a IN ('x',)", 1, 38, ")"),
    (WHERE + "Items.a IN ('x' 'y')", 1, 38, "y"),
    (WHERE + "Items.a IN (x)", 1, 34, "x"),
    (WHERE + "Items.a IN $p", 1, 33, "p"),
    (WHERE + "Items.a NOT ('x')", 1, 34, "("),
    (WHERE + "Items.a NOT IN ($p)", 1, 38, "p"),
    (WHERE + "Items.a = ", 1, 32, "the end"),
    (WHERE + "Items.a = Items.b", 1, 32, "Items"),
    (WHERE + "Items.a = TRUE", 1, 32, "TRUE"),
    (WHERE + "Items.a == 3", 1, 31, "="),
    (WHERE + "Items.a <> 3", 1, 31, ">"),
    (WHERE + "Items.a < -'x'", 1, 33, "x"),
    (WHERE + "Items.a < NOW()", 1, 32, "NOW"),
    (WHERE + "Items.a IS NULL", 1, 30, "IS"),
    (WHERE + "Items.a CONTAINS 'x'", 1, 30, "CONTAINS"),
    (WHERE + "NOT Items.a IN ('x')", 1, 22, "NOT"),
    (WHERE + "(Items.a IN ('x'))", 1, 22, "("),
    (WHERE + "Items.a IN ('x') AND", 1, 42, "the end"),
    (WHERE + "Items.a IN ('x') Items.b IN ('y')", 1, 39, "Items"),
    (WHERE + "Items.a IN ('x') |", 1, 40, "the end"),
    (WHERE + "Items.a IN ('x') | Items.b IN ('y')", 1, 41, "Items"),
    (WHERE + "Items.a IN ('x') IF", 1, 41, "the end"),
    (WHERE + "Items.a IN ('x') IF Items.b IN ('y')", 1, 42, "Items"),
    (WHERE + "Items.a IN ('x') IF CurrentUser.b IN ('y') OR CurrentUser.c IN ('z')", 1, 65, "OR"),
    (WHERE + "Items.a IN ('x') IF CurrentUser.b = CurrentItem.c", 1, 58, "CurrentItem"),
    (WHERE + "Items.a IN ('x') IF CurrentUser.b IN ('y') IF CurrentUser.c = 1", 1, 65, "IF"),
    ("INCLUDE\nItemID\n WHERE Items.a ! 3", 3, 16, "!"),
    (WHERE + "Items.a = 3 # more", 1, 34, "#"),
    (WHERE + "Items.`a b` = 3", 1, 28, "a b"),
]


@pytest.mark.parametrize(("given_text", "line", "column", "found"), REFUSED)
def test_what_is_refused_says_where(given_text: str, line: int, column: int, found: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(given_text, extended=False)
    error = refused.value
    assert error.code == "filter_syntax"
    assert (error.facts["line"], error.facts["column"], error.value) == (line, column, found)
    assert error.facts["permitted"]
    before = given_text.split("\n")[: line - 1]
    assert error.facts["offset"] == sum(len(each) + 1 for each in before) + column - 1


@pytest.mark.parametrize(
    ("given_text", "column", "permitted"),
    [
        (WHERE + "Items.a ?", 30, "a keyword, field, value or operator"),
        ("INCLUDE x", 9, "ItemID or UserID"),
        (WHERE + "Items.a ~", 30, "a keyword, field, value or operator"),
        (WHERE + "Users.a = 1", 22, "Items.COLUMN or Interactions.EVENT_TYPE"),
        (WHERE + "Items.a within", 30, "IN, NOT IN, or one of = != < <= > >="),
        (WHERE + "Items.a IN ('x') x", 39, "AND, OR, IF, |, or the end"),
        (WHERE + "Items.a = 1 IF CurrentUser.b = 2 x", 55, "|, or the end"),
        (WHERE + "Items.a = TRUE", 32, "a number, a text, $name, CurrentItem.COLUMN"),
    ],
)
def test_what_is_permitted_there(given_text: str, column: int, permitted: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(given_text, extended=False)
    assert refused.value.facts["column"] == column
    assert refused.value.facts["permitted"] == permitted


@pytest.mark.parametrize(
    ("given_text", "code", "column"),
    [
        ("a = 'x", "filter_unclosed", 5),
        ('a = "x\\"', "filter_unclosed", 5),
        ("a = 1 AND `b = 2", "filter_unclosed", 11),
        ("a = 1e999", "filter_number", 5),
        ("a < NOW() - 99999999 weeks", "filter_number", 13),
        ("a < NOW() - 1.5 days", "filter_syntax", 13),
        ("a < NOW() - 7 moons", "filter_syntax", 15),
        ("a < NOW(", "filter_syntax", 9),
        ("a < DATE(3)", "filter_syntax", 10),
        ("a < DATE('soon')", "filter_date", 10),
        ("a < DATE('2026-02-30')", "filter_date", 10),
        ("a = 1 )", "filter_syntax", 7),
        ("(a = 1", "filter_syntax", 7),
        ("NOT", "filter_syntax", 4),
        ("a IS 3", "filter_syntax", 6),
        ("CONTAINS(a 'x')", "filter_syntax", 12),
        ("CONTAINS(a, 3)", "filter_syntax", 13),
        ("a STARTSWITH 3", "filter_syntax", 14),
        ("a IN (b)", "filter_syntax", 7),
        ("and = 1", "filter_syntax", 1),
        ("NOW() < a", "filter_syntax", 1),
        ("5 < a", "filter_syntax", 1),
        ("a = 1 IF Items.b = 1", "filter_syntax", 10),
        ("Users.a = 1", "filter_syntax", 1),
        ("Interactions.EVENT_TYPE IN ('x') WITHIN days", "filter_syntax", 41),
        ("INCLUDE UserID WHERE Items.a = 1", "filter_syntax", 22),
        ("INCLUDE UserID WHERE Users.a = CurrentItem.b", "filter_syntax", 32),
        ("EXCLUDE UserID WHERE Users.a = 1 | EXCLUDE ItemID WHERE Items.a = 1",
         "filter_entities", 44),
    ],
)  # fmt: skip
def test_what_the_extended_form_refuses(given_text: str, code: str, column: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(given_text, extended=True)
    assert (refused.value.code, refused.value.facts["column"]) == (code, column)


def test_a_strict_expression_speaks_of_one_dataset() -> None:
    mixed = WHERE + "Items.a IN ('x') AND Interactions.EVENT_TYPE IN ('y')"
    with pytest.raises(InvalidInput) as refused:
        parse(mixed, extended=False)
    assert (refused.value.code, refused.value.facts["column"]) == ("filter_datasets", 43)
    assert datasets(parse(mixed, extended=True)) == {ITEMS, INTERACTIONS}
    piped = mixed.replace("AND", "| INCLUDE ItemID WHERE")
    assert datasets(parse(piped, extended=False)) == {ITEMS, INTERACTIONS}


@pytest.mark.parametrize(
    ("given_text", "code"),
    [
        ("a = 1 OR " * (MOST_TEXT // 9) + "a = 1", "filter_too_long"),
        (" OR ".join(["a = 1"] * (MOST_CONDITIONS + 1)), "filter_too_many"),
        ("|".join(["a = 1"] * (MOST_EXPRESSIONS + 1)), "filter_too_many"),
        (f"a IN ({','.join(['1'] * 1001)})", "filter_too_many"),
        ("(" * (MOST_DEPTH + 1) + "a = 1" + ")" * (MOST_DEPTH + 1), "filter_too_deep"),
        ("NOT " * (MOST_DEPTH + 1) + "a = 1", "filter_too_deep"),
    ],
)
def test_size_depth_and_counts_are_bounded(given_text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(given_text, extended=True)
    assert refused.value.code == code


def test_what_is_just_permitted_passes() -> None:
    for given_text in (
        " OR ".join(["a = 1"] * MOST_CONDITIONS),
        "|".join(["a = 1"] * MOST_EXPRESSIONS),
        "(" * MOST_DEPTH + "a = 1" + ")" * MOST_DEPTH,
        "NOT " * MOST_DEPTH + "a = 1",
    ):
        parsed = parse(given_text, extended=True)
        assert parse(text(parsed), extended=True) == parsed


def test_and_binds_closer_than_or() -> None:
    a, b, c = (Compare(Field(ITEMS, name), "=", Literal(1)) for name in "abc")
    one = parse(WHERE + "Items.a = 1 OR Items.b = 1 AND Items.c = 1", extended=False)
    assert one.expressions[0].where == Or((a, And((b, c))))
    other = parse("(a = 1 OR b = 1) AND c = 1", extended=True)
    assert other.expressions[0].where == And((Or((a, b)), c))


def test_what_a_filter_speaks_of() -> None:
    found = parse(
        "INCLUDE ItemID WHERE Items.a IN ($x, 'y', $x) AND Items.b < $z | EXCLUDE ItemID WHERE "
        "Interactions.EVENT_TYPE IN ($t) IF CurrentUser.c = 3",
        extended=False,
    )
    assert parameters(found) == ("x", "z", "t")
    assert [(each.dataset, each.name) for each in fields(found)] == [
        (ITEMS, "a"), (ITEMS, "b"), (INTERACTIONS, "EVENT_TYPE"), (CURRENT_USER, "c"),
    ]  # fmt: skip
    assert datasets(found) <= set(DATASETS)
    assert not of_users(found)
    assert of_users(parse("EXCLUDE UserID WHERE Users.a IN ('x')", extended=False))


names = some.one_of(
    some.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
    some.text("ab c-é.|\n'\"", min_size=1, max_size=5),
)
columns = some.builds(Field, some.sampled_from([ITEMS, CURRENT_ITEM, CURRENT_USER]), names)
plain = some.one_of(
    some.text(max_size=8), some.booleans(), some.integers(-(2**63) + 1, 2**63 - 1),
    some.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
literals = some.builds(Literal, plain)
given_later = some.builds(Parameter, some.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True))
spans = some.integers(0, 10**6).map(lambda n: n * 1_000_000)
instants = some.one_of(
    some.builds(Instant, spans, some.just(True)),
    some.builds(Instant, spans.map(lambda us: -us), some.just(True)),
    some.builds(Instant, some.integers(0, 4 * 10**15), some.just(False)),
)
values = some.one_of(literals, given_later, columns, instants)
texts = some.builds(Literal, some.text(max_size=6))
current = some.builds(Field, some.sampled_from([CURRENT_ITEM, CURRENT_USER]), names)
listed = some.one_of(literals, given_later, current)
leaves = some.one_of(
    some.builds(Compare, columns, some.sampled_from(OPERATORS), values),
    some.builds(Among, columns, some.lists(listed, min_size=1, max_size=4).map(tuple),
                some.booleans()),
    some.builds(HasText, columns, some.sampled_from(TEXT_FUNCTIONS),
                some.one_of(texts, given_later)),
    some.builds(IsNull, columns, some.booleans()),
    some.builds(Did, some.lists(some.one_of(texts, given_later, some.just(Literal(ANY_EVENT))),
                                min_size=1, max_size=3).map(tuple),
                some.booleans(), some.one_of(some.none(), spans)),
)  # fmt: skip


def nested(inner: Any) -> Any:
    several = some.lists(inner, min_size=2, max_size=3).map(tuple)
    return some.one_of(some.builds(And, several), some.builds(Or, several), some.builds(Not, inner))


def of_current_user(name: str) -> Any:
    return Compare(Field(CURRENT_USER, name), "=", Literal(1))


expressions = some.builds(
    Expression, some.sampled_from([INCLUDE, EXCLUDE]),
    some.recursive(leaves, nested, max_leaves=8),
    some.one_of(some.none(), names.map(of_current_user)),
)  # fmt: skip
filters = some.builds(
    Filter, some.just(ITEM), some.lists(expressions, min_size=1, max_size=3).map(tuple)
)


@given(filters)
@settings(max_examples=150, deadline=None)
def test_what_is_printed_parses_to_the_same(found: Filter) -> None:
    assert parse(text(found), extended=True) == found


pieces = some.sampled_from(
    [*"()|,.<>=!+-$`'\"\\ \n", "INCLUDE ", "EXCLUDE ", "ItemID ", "UserID ", "WHERE ", " AND ",
     " OR ", " NOT ", " IN ", " IF ", "Items.a", "Users.b", "CurrentUser.c", "CurrentItem.d",
     "Interactions.EVENT_TYPE", "$p", "'x'", '"y"', " 7 ", "NOW()", "DATE('2026-01-31')", " days ",
     " IS ", " NULL ", " CONTAINS ", " TRUE ", " WITHIN ", "1e9", "é", "\0", "name"]
)  # fmt: skip


@given(some.one_of(some.lists(pieces, max_size=30).map("".join), some.text(max_size=60)),
       some.booleans())  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_text_is_parsed_or_refused_in_one_way(given_text: str, extended: bool) -> None:
    refused = None
    try:
        found = parse(given_text, extended=extended)
    except InvalidInput as error:
        refused = error
    if refused is not None:
        assert refused.code.startswith("filter_")
        assert len(str(refused)) < 500
        return
    assert parse(text(found), extended=True) == found
    if not extended:
        assert parse(given_text, extended=True) == found


@pytest.mark.parametrize(
    "given_text",
    ["(" * 4000, "NOT " * 1000, '"' * 4001, "\\" * 4000, '"' + "\\" * 3999, "a " * 2048, "9" * 4096,
     "." * 4096, "`" * 4095, "a=1 AND " * 500, "- " * 2000, "x" * 10**6, "a = " + "9" * 4000],
)  # fmt: skip
def test_hostile_texts_take_no_time(given_text: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidInput):
        parse(given_text, extended=True)
    assert time.process_time() - began < 5  # seconds: a bound for endless, not for slow


@pytest.mark.parametrize(
    ("value", "extended", "read"),
    [
        ('"a"', False, ("a",)),
        (' "a" ,\'b\', "c, d" ', False, ("a", "b", "c, d")),
        ('"with \\"quotes\\""', False, ('with "quotes"',)),
        ("20", False, (20,)),
        ("-1.5", False, (-1.5,)),
        ("plain", True, ("plain",)),
        ("", True, ("",)),
        ('"open', True, ('"open',)),
        ('"a" "b"', True, ('"a" "b"',)),
        (3, True, (3,)),
        (True, True, (True,)),
        (["a", 2, False], True, ("a", 2, False)),
        ([], True, ()),
    ],
)
def test_values_that_are_read(value: Any, extended: bool, read: tuple[Any, ...]) -> None:
    found = parse("INCLUDE ItemID WHERE Items.a IN ($v)", extended=extended)
    assert filtering(found, {"v": value}, extended=extended).values == (("v", read),)


@pytest.mark.parametrize(
    ("values_given", "extended", "code", "field"),
    [
        ({}, False, "filter_value_missing", "v"),
        ({"v": "1", "w": "2"}, False, "filter_value_unknown", "w"),
        ({"v": "plain"}, False, "filter_value", "v"),
        ({"v": '"open'}, False, "filter_value", "v"),
        ({"v": '"a",'}, False, "filter_value", "v"),
        ({"v": '"a" "b"'}, False, "filter_value", "v"),
        ({"v": ""}, False, "filter_value", "v"),
        ({"v": "1e999"}, False, "filter_value", "v"),
        ({"v": 3}, False, "filter_value", "v"),
        ({"v": None}, True, "filter_value", "v"),
        ({"v": {"a": 1}}, True, "filter_value", "v"),
        ({"v": [["a"]]}, True, "filter_value", "v"),
        ({"v": float("nan")}, True, "filter_value", "v"),
        ({"v": 10**400}, True, "filter_value", "v"),
        ({"v": ["a"] * 1001}, True, "filter_values_many", "v"),
    ],
)
def test_values_that_are_refused(
    values_given: dict[str, Any], extended: bool, code: str, field: str
) -> None:
    found = parse("INCLUDE ItemID WHERE Items.a IN ($v)", extended=extended)
    with pytest.raises(InvalidInput) as refused:
        filtering(found, values_given, extended=extended)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize("json", ["", "[]", "3", '{"a":', "{" * 5000, '"x"'])
def test_values_must_be_an_object(json: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_values(json)
    assert refused.value.code == "filter_values_json"


def test_a_filter_of_users_is_for_no_answer() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_filtering("EXCLUDE UserID WHERE Users.a = 1", {})
    assert refused.value.code == "filter_of_users"


OF_ITEMS = {"GENRE": "categories", "PRICE": "number", "NAME": "string", "ABOUT": "textual",
            "SALE": "boolean", "CREATED": "time"}  # fmt: skip
OF_USERS = {"AGE": "number"}


def test_known_columns_give_fields_their_spelling() -> None:
    found = parse(WHERE + "Items.genre IN CurrentItem.Genre AND Items.Price < 3 "
                  "IF CurrentUser.age > 3", extended=False)  # fmt: skip
    told = fields(check(found, OF_ITEMS, OF_USERS, extended=False))
    assert told == (
        Field(ITEMS, "GENRE", True), Field(CURRENT_ITEM, "GENRE", True), Field(ITEMS, "PRICE"),
        Field(CURRENT_USER, "AGE"),
    )  # fmt: skip
    assert check(found) == found
    users = parse("EXCLUDE UserID WHERE Users.age > 3", extended=False)
    assert fields(check(users, OF_ITEMS, OF_USERS)) == (Field(USERS, "AGE"),)


@pytest.mark.parametrize(
    ("given_text", "extended", "code", "value"),
    [
        ("Items.COLOUR IN ('red')", False, "filter_unknown_column", "Items.COLOUR"),
        ("Items.PRICE < CurrentItem.COST", False, "filter_unknown_column", "CurrentItem.COST"),
        ("Items.PRICE < 3 IF CurrentUser.PRICE = 3", False, "filter_unknown_column",
         "CurrentUser.PRICE"),
        ("Items.GENRE < 3", False, "filter_column_type", "Items.GENRE"),
        ("Items.SALE IN ('true')", False, "filter_column_type", "Items.SALE"),
        ("Items.ABOUT IN ('x')", False, "filter_column_type", "Items.ABOUT"),
        ("Items.SALE > 1", True, "filter_column_type", "Items.SALE"),
        ("Items.PRICE CONTAINS 'x'", True, "filter_column_type", "Items.PRICE"),
        ("NOT (Items.NAME = 'x' OR Items.X IS NULL)", True, "filter_unknown_column", "Items.X"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_columns(
    given_text: str, extended: bool, code: str, value: str
) -> None:
    found = parse(WHERE + given_text, extended=extended)
    with pytest.raises(InvalidInput) as refused:
        check(found, OF_ITEMS, OF_USERS, extended=extended)
    assert (refused.value.code, refused.value.value) == (code, value)


def test_the_extended_form_may_speak_of_booleans_and_prose() -> None:
    found = parse("SALE AND ABOUT CONTAINS 'x' AND CREATED > NOW() - 7 days", extended=True)
    assert len(fields(check(found, OF_ITEMS))) == 3

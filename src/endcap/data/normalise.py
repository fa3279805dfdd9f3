"""The SQL that turns raw columns into canonical ones and says what is wrong with a row.

Each check is a pair (condition, reason); the first that holds rejects the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from msgspec import Struct

from endcap.data.casts import (
    REAL_KINDS,
    WHOLE_KINDS,
    as_boolean,
    as_micros,
    as_number,
    as_text,
    given,
    is_text,
    odd_name,
)
from endcap.data.chunks import OURS
from endcap.data.entities import BOOLEAN, NUMBER, TEXT, WHOLE
from endcap.data.sql import quoted, text
from endcap.domain.columns import ATTRIBUTES, EVENT_ID, EVENT_TYPE, ITEM_ID, SESSION_ID, TS, USER_ID
from endcap.domain.columns import VALUE as AMOUNT

MOST_ID = 256
DAY_US = 86_400_000_000
# What the engine knows about items; other attributes take the type of their values.
ITEM_ATTRIBUTES = {
    "name": TEXT, "department": TEXT, "aisle": TEXT, "description": TEXT, "price": NUMBER,
    "available": BOOLEAN, "created": WHOLE,
}  # fmt: skip


class Check(Struct, frozen=True):
    """When ``broken`` (SQL over canonical columns) is true, the row is rejected: ``code`` about
    the file's ``column``."""

    broken: str
    code: str
    column: str


class Rules(Struct, frozen=True):
    """What holds for all rows of an import. ``own_words``: event types stay as they are
    written."""

    latest: int  # µs; a later time is wrong
    event_type: str | None
    event_types: dict[str, str]
    time_format: str | None
    keep: tuple[str, ...]
    own_words: bool = False


def id_checks(ours: str, column: str, kind: str, *, required: bool = True) -> list[Check]:
    """Checks of the canonical text column ``ours``."""
    name = quoted(ours)
    checks = [Check(f"{name} IS NULL", "empty_id", column)] if required else []
    checks.append(Check(f"length({name}) > {MOST_ID}", "id_too_long", column))
    if is_text(kind):
        wrong = f"regexp_matches({name}, '\\p{{Cc}}')"
        broken = f"CASE WHEN {odd_name(column)} THEN {wrong} ELSE false END"
        checks.append(Check(broken, "id_unprintable", column))
    return checks


def event_columns(
    columns: Mapping[str, str],
    attributes: Mapping[str, str],
    kinds: Mapping[str, str],
    declared: Mapping[str, str],
    rules: Rules,
) -> tuple[dict[str, str], list[Check]]:
    """(canonical → SQL over the raw columns, checks in order).

    ``kinds``: DuckDB's type of each raw column. ``declared``: the attribute type of columns that
    have one; text of the others (CSV) is taken for what it looks like.
    """
    sql: dict[str, str] = {}
    checks: list[Check] = []
    for ours in (USER_ID, ITEM_ID):
        sql[ours] = as_text(columns[ours], kinds[columns[ours]])
        checks += id_checks(ours, columns[ours], kinds[columns[ours]])
    for one, more in (
        _event_type(columns, kinds, rules),
        _time(columns[TS], kinds, rules),
        _amount(columns.get(AMOUNT), kinds),
        _optional_id(EVENT_ID, columns.get(EVENT_ID), kinds),
        _optional_id(SESSION_ID, columns.get(SESSION_ID), kinds),
        _attributes(columns.get(ATTRIBUTES), attributes, kinds, declared),
    ):
        sql |= one
        checks += more
    return sql, checks


Part = tuple[dict[str, str], list[Check]]


def _time(column: str, kinds: Mapping[str, str], rules: Rules) -> Part:
    outside = f"ts < 0 OR ts > {rules.latest}"
    checks = [Check("ts IS NULL", "bad_time", column), Check(outside, "time_out_of_range", column)]
    return {TS: as_micros(column, kinds[column], rules.time_format)}, checks


def _amount(column: str | None, kinds: Mapping[str, str]) -> Part:
    if column is None:
        return {AMOUNT: "NULL::DOUBLE"}, []
    wrong = f'"{OURS}has value" AND (value IS NULL OR NOT isfinite(value))'
    sql = {
        AMOUNT: as_number(column, kinds[column]),
        f"{OURS}has value": given(column, kinds[column]),
    }
    return sql, [Check(wrong, "not_a_number", column)]


def _optional_id(ours: str, column: str | None, kinds: Mapping[str, str]) -> Part:
    if column is None:
        return {ours: "NULL::VARCHAR"}, []
    return {ours: as_text(column, kinds[column])}, id_checks(
        ours, column, kinds[column], required=False
    )


def _attributes(
    whole: str | None,
    attributes: Mapping[str, str],
    kinds: Mapping[str, str],
    declared: Mapping[str, str],
) -> Part:
    """A column that holds the JSON object already, or one built from all other columns."""
    if whole is None:
        sql = attributes_json(attributes, kinds, declared) if attributes else "NULL::VARCHAR"
        return {ATTRIBUTES: sql}, []
    wrong = (
        "attributes IS NOT NULL AND CASE WHEN json_valid(attributes) "
        "THEN json_type(attributes) <> 'OBJECT' ELSE true END"
    )
    sql = f"nullif({as_text(whole, kinds[whole])}, '{{}}')"
    return {ATTRIBUTES: sql}, [Check(wrong, "not_an_object", whole)]


def _event_type(columns: Mapping[str, str], kinds: Mapping[str, str], rules: Rules) -> Part:
    theirs = columns.get(EVENT_TYPE)
    if not theirs:
        return {EVENT_TYPE: text(rules.event_type or "view")}, []
    word = as_text(theirs, kinds[theirs])
    if rules.own_words:
        return {EVENT_TYPE: word}, id_checks(EVENT_TYPE, theirs, kinds[theirs])
    word = f"lower({word})"
    renamed = "".join(
        f" WHEN {text(old.lower())} THEN {text(new)}" for old, new in rules.event_types.items()
    )
    sql = f"CASE {word}{renamed} ELSE {word} END" if renamed else word
    return {EVENT_TYPE: sql}, id_checks(EVENT_TYPE, theirs, kinds[theirs])


def attributes_json(
    attributes: Mapping[str, str], kinds: Mapping[str, str], declared: Mapping[str, str]
) -> str:
    """One JSON object with its names in order and without nulls; NULL when it is empty."""
    members = ", ".join(
        f"CASE WHEN {given(theirs, kinds[theirs])} THEN {text(json.dumps(ours) + ':')} || "
        f"({_member(theirs, kinds[theirs], declared)})::VARCHAR END"
        for ours, theirs in sorted(attributes.items())
    )
    # Texts joined by hand: three times as fast as the JSON functions, and nulls drop out.
    return f"nullif('{{' || concat_ws(',', {members}) || '}}', '{{}}')"


def _member(column: str, kind: str, declared: Mapping[str, str]) -> str:
    name = quoted(column)
    if kind != TEXT:
        plain = kind in (*WHOLE_KINDS, *REAL_KINDS, "BOOLEAN") or kind.endswith("[]")
        return f"to_json({name})" if plain else f"to_json({name}::VARCHAR)"
    if column in declared:
        return f"to_json({name})" if declared[column] == TEXT else f"{name}::JSON"
    number = "-?(0|[1-9][0-9]{0,14})([.][0-9]+)?"
    return (
        f"CASE WHEN regexp_full_match({name}, '-?(0|[1-9][0-9]{{0,17}})') "
        f"THEN to_json({name}::BIGINT) WHEN regexp_full_match({name}, '{number}') "
        f"THEN to_json({name}::DOUBLE) WHEN {name} IN ('true', 'false') "
        f"THEN to_json({name} = 'true') ELSE to_json({name}) END"
    )


def entity_columns(
    key: str, theirs: str, attributes: Mapping[str, str], kinds: Mapping[str, str], table: str
) -> tuple[dict[str, str], list[Check]]:
    """(canonical → SQL, checks): the id and all attributes as text that the final type reads."""
    sql = {key: as_text(theirs, kinds[theirs])}
    checks = id_checks(key, theirs, kinds[theirs])
    for ours, column in attributes.items():
        kind = kinds[column]
        wanted = ITEM_ATTRIBUTES.get(ours) if table == "items" else None
        value, code = _typed(column, kind, wanted)
        sql[ours] = value
        if code:
            sql[f"{OURS}has {ours}"] = given(column, kind)
            there, name = quoted(f"{OURS}has {ours}"), quoted(ours)
            wrong = f"{name} IS NULL OR {name} IN ('inf', '-inf', 'nan')"
            checks.append(Check(f"{there} AND ({wrong})", code, column))
    return sql, checks


def _typed(column: str, kind: str, wanted: str | None) -> tuple[str, str]:
    """(SQL of the attribute as text, the code of a value that is no such type)."""
    if wanted == WHOLE:  # ``created``: the only one
        return f"({as_micros(column, kind)})::VARCHAR", "bad_time"
    if wanted == NUMBER:
        return f"({as_number(column, kind)})::VARCHAR", "not_a_number"
    if wanted == BOOLEAN:
        return f"({as_boolean(column, kind)})::VARCHAR", "not_a_boolean"
    if kind.endswith("[]"):
        return f"to_json(list_transform({quoted(column)}, lambda x: x::VARCHAR))::VARCHAR", ""
    return f"nullif({quoted(column)}::VARCHAR, '')", ""

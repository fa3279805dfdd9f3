"""What a schema must be to be taken: an Avro record in JSON, flat, with the columns that the API
asks for. ``domain/avro`` reads those that were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from endcap.control.registry.datasets import INTERACTIONS, ITEMS, TYPES, USERS
from endcap.control.registry.recipes import ECOMMERCE, VIDEO
from endcap.domain.avro import Column
from endcap.domain.errors import InvalidInput

STRING, LONG, NULL = "string", "long", "null"
FLOATS, NUMBERS = ("float", "double"), ("float", "double", "int", LONG)
PLAIN = (*NUMBERS, STRING, "boolean", NULL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z\d_]{0,149}", re.ASCII)


class Columns(NamedTuple):
    """``type``: of the dataset that may have them."""

    type: str
    columns: tuple[Column, ...]

    def named(self, name: str) -> Column | None:
        """Whatever its case."""
        return next((c for c in self.columns if c.name.upper() == name.upper()), None)


_MUST: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    INTERACTIONS: {"USER_ID": (STRING,), "ITEM_ID": (STRING,), "TIMESTAMP": (LONG,)},
    ITEMS: {"ITEM_ID": (STRING,)},
    USERS: {"USER_ID": (STRING,)},
}
_MUST_IN_DOMAIN: Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]] = {
    (ECOMMERCE, INTERACTIONS): {"EVENT_TYPE": (STRING,)},
    (ECOMMERCE, ITEMS): {"PRICE": FLOATS, "CATEGORY_L1": (STRING,)},
    (VIDEO, INTERACTIONS): {"EVENT_TYPE": (STRING,)},
    (VIDEO, ITEMS): {"GENRES": (STRING,), "CREATION_TIMESTAMP": (LONG,)},
}
_CATEGORICAL_IN_DOMAIN = {(ECOMMERCE, ITEMS): "CATEGORY_L1", (VIDEO, ITEMS): "GENRES"}
_RESERVED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    INTERACTIONS: {
        "EVENT_TYPE": (STRING,),
        "EVENT_VALUE": NUMBERS,
        "IMPRESSION": (STRING,),
        "RECOMMENDATION_ID": (STRING,),
        "EVENT_ATTRIBUTION_SOURCE": (STRING,),
    },
    ITEMS: {"CREATION_TIMESTAMP": (LONG,)},
    USERS: {},
}


def read_columns(text: str) -> Columns:
    """What a schema that was taken says. Raises InvalidInput: schema_unreadable, schema_record,
    schema_name, schema_column, schema_column_type, schema_mark, schema_column_twice."""
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("schema_unreadable", field="schema", reason=str(error)) from None
    if not isinstance(raw, dict) or raw.get("type") != "record" or not _filled(raw.get("fields")):
        raise InvalidInput("schema_record", field="schema")
    name = raw.get("name")
    if not isinstance(name, str) or name.upper() not in TYPES:
        raise InvalidInput("schema_name", field="schema", value=name)
    columns = tuple(map(_column, raw["fields"]))
    seen: set[str] = set()
    for column in columns:
        if column.name.upper() in seen:
            raise InvalidInput("schema_column_twice", field="schema", value=column.name)
        seen.add(column.name.upper())
    return Columns(name.upper(), columns)


def check_columns(found: Columns, domain: str) -> None:
    """Hold them against what the API asks, of a domain too.

    Raises InvalidInput: schema_lacks, schema_column_type, schema_categorical, schema_textual,
    schema_no_metadata.
    """
    here = (domain, found.type)
    must = {**_MUST[found.type], **_MUST_IN_DOMAIN.get(here, {})}
    for name, types in must.items():
        _must_have(found, name, types)
    for name, types in _RESERVED[found.type].items():
        column = found.named(name)
        if column is not None:
            _of_type(column, types)
    categorical = _CATEGORICAL_IN_DOMAIN.get(here, "")
    for column in found.columns:
        _check_marks(found, column, column.name.upper() in {*must, *_RESERVED[found.type]})
        if column.name.upper() == categorical and not column.categorical:
            raise InvalidInput("schema_not_categorical", field="schema", value=column.name)
    if found.type != INTERACTIONS and len(found.columns) == 1:
        raise InvalidInput("schema_no_metadata", field="schema", value=found.type)


def _filled(fields: Any) -> bool:
    return isinstance(fields, list) and bool(fields)


def _column(raw: Any) -> Column:
    name = raw.get("name") if isinstance(raw, dict) else None
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput("schema_column", field="schema", value=raw if name is None else name)
    said = raw.get("type")
    types = said if isinstance(said, list) else [said]
    named = [each for each in types if each != NULL]
    if len(named) != 1 or named[0] not in PLAIN:
        raise InvalidInput("schema_column_type", field=name, value=said, permitted=", ".join(PLAIN))
    return Column(name, named[0], NULL in types, _truth(raw, "categorical"), _truth(raw, "textual"))


def _truth(raw: Mapping[str, Any], mark: str) -> bool:
    """In the wild it comes as text too."""
    said = raw.get(mark, False)
    return said is True or (isinstance(said, str) and said.lower() == "true")


def _must_have(found: Columns, name: str, types: tuple[str, ...]) -> None:
    column = found.named(name)
    if column is None:
        raise InvalidInput("schema_lacks", field="schema", value=name, kind=found.type)
    _of_type(column, types)
    if name in _MUST[found.type] and column.nullable:
        raise InvalidInput(
            "schema_column_type", field=name, value=NULL, permitted=" or ".join(types)
        )


def _of_type(column: Column, types: tuple[str, ...]) -> None:
    if column.kind not in types:
        raise InvalidInput(
            "schema_column_type", field=column.name, value=column.kind,
            permitted=" or ".join(types),
        )  # fmt: skip


def _check_marks(found: Columns, column: Column, fixed: bool) -> None:
    if column.categorical and (
        column.kind != STRING or (fixed and column.name.upper() not in ("CATEGORY_L1", "GENRES"))
    ):
        raise InvalidInput("schema_categorical", field="schema", value=column.name)
    if column.textual and (column.kind != STRING or found.type != ITEMS or fixed):
        raise InvalidInput("schema_textual", field="schema", value=column.name)


def check_wider(before: Columns, after: Columns) -> None:
    """Whether data of the one can be read by the other. Raises InvalidInput: schema_narrower,
    schema_not_nullable."""
    for column in before.columns:
        if column not in after.columns:
            raise InvalidInput("schema_narrower", field="schemaArn", value=column.name)
    for column in after.columns:
        if column not in before.columns and not column.nullable:
            raise InvalidInput("schema_not_nullable", field="schemaArn", value=column.name)

"""Schemas as columns."""

from __future__ import annotations

import json

from endcap.domain.avro import Column, attribute_of, columns_of


def schema(*fields: object) -> str:
    return json.dumps({"type": "record", "name": "Items", "fields": fields, "version": "1.0"})


def test_unions_with_null_are_nullable_columns_of_the_other_type() -> None:
    text = schema(
        {"name": "ITEM_ID", "type": "string"},
        {"name": "PRICE", "type": ["null", "float"]},
        {"name": "GENRES", "type": ["string", "null"], "categorical": True},
        {"name": "DESCRIPTION", "type": {"type": "string"}, "textual": True},
    )
    assert columns_of(text) == (
        Column("ITEM_ID", "string"),
        Column("PRICE", "float", nullable=True),
        Column("GENRES", "string", nullable=True, categorical=True),
        Column("DESCRIPTION", "string", textual=True),
    )


def test_categories_and_impressions_hold_several_values() -> None:
    assert Column("GENRES", "string", categorical=True).listed
    assert Column("IMPRESSION", "string").listed
    assert not Column("TITLE", "string").listed


def test_attributes_are_called_as_their_columns_in_lower_case() -> None:
    assert attribute_of("PRICE", item=True) == "price"
    assert attribute_of("CREATION_TIMESTAMP", item=True) == "created"
    assert attribute_of("CREATION_TIMESTAMP") == "creation_timestamp"

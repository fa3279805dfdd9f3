"""Schemas of datasets, in Avro's JSON, as columns; and how a column is called once it is here."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

# Columns that are no attributes, in upper case, and the lake's name for each.
OF_EVENTS = {
    "USER_ID": "user_id",
    "ITEM_ID": "item_id",
    "TIMESTAMP": "ts",
    "EVENT_TYPE": "event_type",
    "EVENT_VALUE": "value",
    "SESSION_ID": "session_id",
}
CREATION, CREATED = "creation_timestamp", "created"
LISTED = ("impression",)  # of events: several ids with | between


class Column(NamedTuple):
    """``name`` as the schema spells it. ``kind``: string, boolean, int, long, float or double."""

    name: str
    kind: str
    nullable: bool = False
    categorical: bool = False
    textual: bool = False

    @property
    def listed(self) -> bool:
        """Whether a value may hold several, with | between."""
        return self.categorical or self.name.lower() in LISTED


def columns_of(schema: str) -> tuple[Column, ...]:
    """The columns of a schema that was checked when it was made, in its order."""
    return tuple(_column(field) for field in json.loads(schema)["fields"])


def attribute_of(column: str, *, item: bool = False) -> str:
    """What an attribute is called in the lake, in answers and in filters: as its column in lower
    case. An item's CREATION_TIMESTAMP (seconds) is ``created`` (µs), which the engine knows."""
    name = column.lower()
    return CREATED if item and name == CREATION else name


def _column(field: dict[str, Any]) -> Column:
    given = field["type"]
    union = given if isinstance(given, list) else [given]
    kinds = [kind["type"] if isinstance(kind, dict) else kind for kind in union]
    kind = next((kind for kind in kinds if kind != "null"), "string")
    marks = (field.get("categorical") is True, field.get("textual") is True)
    return Column(field["name"], kind, "null" in kinds, *marks)

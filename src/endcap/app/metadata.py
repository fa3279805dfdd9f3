"""Attributes of items beside their ids, as texts, where campaign and request ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from endcap.app.group_columns import group_columns
from endcap.app.shops import Opened
from endcap.control.registry.store import Registry
from endcap.domain.avro import CREATED, CREATION, Column, attribute_of
from endcap.domain.errors import InvalidInput
from endcap.domain.values import Attribute
from endcap.engine.state import LiveState

ITEMS, ENABLED = "ITEMS", "enableMetadataWithRecommendations"
MOST_COLUMNS = 10
SECOND_US = 1_000_000


def wanted_columns(
    registry: Registry,
    opened: Opened,
    group_arn: str,
    config: Mapping[str, Any],
    given: Mapping[str, Any],
    at: int,
) -> tuple[Column, ...]:
    """What ``metadataColumns`` of a request names, each once.

    Raises InvalidInput: metadata_disabled, metadata_dataset, too_many_columns,
    metadata_column.
    """
    asked: Mapping[str, Any] = given.get("metadataColumns") or {}
    if not any(asked.values()):
        return ()
    if config.get(ENABLED) is not True:
        raise InvalidInput("metadata_disabled", field="metadataColumns", permitted=ENABLED)
    if other := next((name for name in asked if name.upper() != ITEMS), None):
        raise InvalidInput("metadata_dataset", field="metadataColumns", value=other)
    names = list(dict.fromkeys(name for columns in asked.values() for name in columns))
    if len(names) > MOST_COLUMNS:
        raise InvalidInput(
            "too_many_columns", field="metadataColumns", most=MOST_COLUMNS, count=len(names)
        )
    known = group_columns(registry, opened, group_arn, at).items
    return tuple(_column(name, known) for name in names)


def _column(name: str, known: tuple[Column, ...] | None) -> Column:
    """``known``: the schema's; None: there is none, and any name may be asked for."""
    if known is None:
        return Column(name, "", nullable=True)
    for column in known:
        if column.name.lower() == name.lower() and column.name.upper() != "ITEM_ID":
            return column
    permitted = ", ".join(column.name for column in known if column.name.upper() != "ITEM_ID")
    raise InvalidInput("metadata_column", field="metadataColumns", value=name, permitted=permitted)


def metadata_of(state: LiveState, item_id: str, columns: Sequence[Column]) -> dict[str, str]:
    """By the columns' names in lower case; without what is not known of the item."""
    attributes = state.item_attributes(state.items.row(item_id))
    found = {}
    for column in columns:
        name = attribute_of(column.name, item=True)
        value = attributes.get(name, attributes.get(column.name))
        if value is not None:
            in_seconds = name == CREATED and column.name.lower() == CREATION
            found[column.name.lower()] = text_of(value, column.kind, in_seconds)
    return found


def text_of(value: Attribute, kind: str, in_seconds: bool) -> str:
    """``kind``: of the column, as in ``avro.Column``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, int | float):
        if in_seconds:
            return str(int(value) // SECOND_US)
        if kind in ("float", "double"):
            return str(float(value))
        return str(int(value)) if kind in ("int", "long") else str(value)
    return str(value)

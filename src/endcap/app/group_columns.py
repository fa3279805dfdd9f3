"""The columns of a dataset group's items and users, as its schemas say."""

from __future__ import annotations

from typing import NamedTuple

from endcap.app.shops import Opened
from endcap.control.registry.arns import DATASET
from endcap.control.registry.datasets import ITEMS, USERS, Dataset
from endcap.control.registry.schemas import Schema
from endcap.control.registry.store import Registry
from endcap.domain.avro import Column, columns_of
from endcap.domain.filter_check import BOOLEAN, CATEGORIES, NUMBER, STRING, TEXTUAL

FRESH_US = 2_000_000  # a schema that was exchanged may be read so much later


class GroupColumns(NamedTuple):
    """By the schema's names, in its order; None: there is no such dataset, nobody knows."""

    read_at: int
    items: tuple[Column, ...] | None = None
    users: tuple[Column, ...] | None = None


def group_columns(registry: Registry, opened: Opened, group_arn: str, at: int) -> GroupColumns:
    """As the registry had them at most ``FRESH_US`` before ``at`` (µs)."""
    mark = f"columns of {group_arn}"
    held = opened.kept.get(mark)
    if isinstance(held, GroupColumns) and 0 <= at - held.read_at < FRESH_US:
        return held
    group = group_arn.rpartition("/")[2]
    items, users = (_columns(registry, f"{group}/{kind}") for kind in (ITEMS, USERS))
    if isinstance(held, GroupColumns) and (held.items, held.users) == (items, users):
        items, users = held.items, held.users  # the same objects: what hangs on them is kept
    found = opened.kept[mark] = GroupColumns(at, items, users)
    return found


def _columns(registry: Registry, dataset: str) -> tuple[Column, ...] | None:
    found = registry.get(Dataset, registry.arn(DATASET, dataset))
    schema = registry.get(Schema, found.schema_arn) if found is not None else None
    return None if schema is None else columns_of(schema.schema)


def kinds_of(columns: tuple[Column, ...] | None) -> dict[str, str] | None:
    """As ``filter_check.check`` takes them."""
    return None if columns is None else {column.name: kind_of(column) for column in columns}


def kind_of(column: Column) -> str:
    if column.kind == "boolean":
        return BOOLEAN
    if column.kind != "string":
        return NUMBER
    if column.textual:
        return TEXTUAL
    return CATEGORIES if column.categorical else STRING

"""Filters: checked against the group's columns when they are made, active at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import DATASET, FILTER
from endcap.control.registry.batches import BatchInference, BatchSegment
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import ITEMS, USERS, Dataset
from endcap.control.registry.filters import Filter
from endcap.control.registry.groups import Group
from endcap.control.registry.operations.groups import ready_group
from endcap.control.registry.paging import listed
from endcap.control.registry.removal import check_unused, remove_now
from endcap.control.registry.schemas import Schema
from endcap.control.registry.statuses import SETTLED
from endcap.control.registry.store import Registry
from endcap.control.registry.tags import add_tags, read_tags
from endcap.domain import filters as language
from endcap.domain.avro import Column, columns_of
from endcap.domain.errors import InvalidInput
from endcap.domain.filter_check import (
    BOOLEAN,
    CATEGORIES,
    NUMBER,
    STRING,
    TEXTUAL,
    Columns,
    check,
)
from endcap.domain.filter_parser import parse

_SPEAKS_OF = {
    language.ITEMS: ITEMS, language.CURRENT_ITEM: ITEMS,
    language.USERS: USERS, language.CURRENT_USER: USERS,
}  # fmt: skip


def create_filter(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, tags = control.registry, read_tags(given.get("tags", ()))
    group = ready_group(registry, given["datasetGroupArn"])
    check_expression(registry, group, given["filterExpression"])
    made = Filter(
        arn=registry.arn(FILTER, given["name"]),
        name=given["name"],
        group_arn=group.arn,
        expression=given["filterExpression"],
        created_at=at,
        updated_at=at,
    )
    registry.create(made)
    add_tags(registry, made.arn, tags)
    return {"filterArn": made.arn}


def describe_filter(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    found = control.registry.find(Filter, given["filterArn"], "filterArn")
    return {"filter": {**_summary(found), "filterExpression": found.expression}}


def list_filters(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("datasetGroupArn", "")
    found = (f for f in control.registry.all(Filter) if arn in ("", f.group_arn))
    return listed(control, "Filters", given, found, _summary)


def delete_filter(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, arn = control.registry, given["filterArn"]
    found = registry.find(Filter, arn, "filterArn")
    jobs = (*registry.all(BatchInference), *registry.all(BatchSegment))
    at_work = [job for job in jobs if job.filter_arn == arn and job.status not in SETTLED]
    check_unused(found, at_work, "wait until these have ended")
    remove_now(registry, Filter, arn)
    return {}


def check_expression(registry: Registry, group: Group, text: str) -> language.Filter:
    """The parsed filter with its columns as the schemas spell them.

    Raises InvalidInput: what ``filter_parser.parse`` and ``filter_check.check`` raise, and
    lacks_dataset where it speaks of a dataset that the group has not.
    """
    field = "filterExpression"
    found = parse(text, extended=False, field=field)
    items, users = columns_for_filters(registry, group)
    known = {ITEMS: items, USERS: users}
    for spoken in language.datasets(found):
        kind = _SPEAKS_OF.get(spoken, "")
        if kind and known[kind] is None and registry.wrote(group):
            raise InvalidInput("lacks_dataset", field=field, value=group.arn, permitted=kind)
    return check(found, items, users, extended=False, field=field)


def columns_for_filters(registry: Registry, group: Group) -> tuple[Columns | None, Columns | None]:
    """(of items, of users), as ``filter_check.check`` takes them; None where no dataset says."""
    found: list[Columns | None] = []
    for kind in (ITEMS, USERS):
        dataset = registry.get(Dataset, registry.arn(DATASET, f"{group.name}/{kind}"))
        schema = None if dataset is None else registry.get(Schema, dataset.schema_arn)
        found.append(None if schema is None else _kinds(columns_of(schema.schema)))
    return found[0], found[1]


def _kinds(columns: Iterable[Column]) -> dict[str, str]:
    return {column.name: _kind(column) for column in columns}


def _kind(column: Column) -> str:
    if column.kind == "boolean":
        return BOOLEAN
    if column.kind != "string":
        return NUMBER
    if column.textual:
        return TEXTUAL
    return CATEGORIES if column.categorical else STRING


def _summary(found: Filter) -> dict[str, Any]:
    return shown(
        name=found.name, filterArn=found.arn, datasetGroupArn=found.group_arn, **state(found)
    )

"""The filter that a request of the Personalize API names, with its values, for the engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from endcap.app.filter_terms import Rewritten, rewritten
from endcap.app.group_columns import GroupColumns, group_columns, kinds_of
from endcap.app.shops import Opened
from endcap.control.registry.filters import Filter as Named
from endcap.control.registry.statuses import ACTIVE
from endcap.control.registry.store import Registry
from endcap.domain.avro import Column
from endcap.domain.errors import InvalidInput
from endcap.domain.event_types import event_type_of
from endcap.domain.filter_check import check
from endcap.domain.filter_parser import parse
from endcap.domain.filter_values import filtering, needs_item
from endcap.domain.filters import (
    EXCLUDE,
    ITEM,
    USER,
    Did,
    Expression,
    Filter,
    Filtering,
    Literal,
    conditions,
    leaves,
)

Columns = tuple[Column, ...] | None


def filtering_of(
    registry: Registry,
    opened: Opened,
    group_arn: str,
    given: Mapping[str, Any],
    at: int,
    *,
    about_item: bool = False,
    entity: str = ITEM,
) -> Filtering | None:
    """What ``filterArn`` and ``filterValues`` of ``given`` say; None: there is no filter.
    ``about_item``: whether an item is asked about. ``entity``: what may be chosen.

    Raises NotFound (no_resource), InvalidInput: bad_arn, arn_of_other_kind, not_active,
    filter_of_other_group, filter_of_users, filter_of_items, filter_needs_item, filter_value….
    """
    arn, values = given.get("filterArn"), given.get("filterValues") or {}
    if not arn:
        if values:
            raise InvalidInput("filter_without_text", field="filterValues")
        return None
    named = registry.find(Named, arn, "filterArn")
    if named.status != ACTIVE:
        raise InvalidInput("not_active", field="filterArn", value=arn, status=named.status)
    if named.group_arn != group_arn:
        raise InvalidInput("filter_of_other_group", field="filterArn", value=arn)
    columns = group_columns(registry, opened, group_arn, at)
    return with_values(named.expression, columns, values, about_item, entity)


def with_values(
    expression: str,
    columns: GroupColumns,
    values: Mapping[str, Any],
    about_item: bool,
    entity: str,
) -> Filtering:
    """An expression with values, in the shop's own terms. Raises as ``filtering_of``."""
    parsed, own = _read(expression, columns.items, columns.users)
    if parsed.entity != entity:
        code = "filter_of_users" if parsed.entity == USER else "filter_of_items"
        raise InvalidInput(code, field="filterArn")
    asked = filtering(parsed, values, extended=False, text=expression)
    if needs_item(asked) and not about_item:
        raise InvalidInput("filter_needs_item", field="filterArn", value=expression)
    return own.with_values(asked)


@lru_cache(512)
def _read(expression: str, items: Columns, users: Columns) -> tuple[Filter, Rewritten]:
    parsed = parse(expression, extended=False, field="filterArn")
    checked = check(parsed, kinds_of(items), kinds_of(users), extended=False, field="filterArn")
    return checked, rewritten(checked)


def leaving_out(asked: Filtering | None, event_type: str) -> Filtering:
    """The same without the items that the user has such events with."""
    own = _leaving_out(asked.filter if asked is not None else None, event_type)
    if asked is None:
        return Filtering(own)
    return Filtering(own, asked.values, asked.text)


@lru_cache(512)
def _leaving_out(found: Filter | None, event_type: str) -> Filter:
    did = Expression(EXCLUDE, Did((Literal(event_type_of(event_type)),)))
    return Filter(ITEM, (*(found.expressions if found is not None else ()), did))


@lru_cache(512)
def speaks_of_events(found: Filter) -> bool:
    """Whether the user's own events decide what may be in the answer."""
    return any(isinstance(leaf, Did) for each in conditions(found) for leaf in leaves(each))

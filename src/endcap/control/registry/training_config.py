"""What solutions and recommenders say of their training data, held against the schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.arns import DATASET
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.schemas import Schema
from endcap.control.registry.store import Registry
from endcap.domain.avro import columns_of
from endcap.domain.errors import InvalidInput

_NEEDED = ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE")
_LISTS = ("excludedDatasetColumns", "includedDatasetColumns")


def check_training_columns(
    registry: Registry, group: Group, config: Mapping[str, Any] | None, field: str
) -> None:
    """``config``: solutionConfig or recommenderConfig, ``field`` its name. What no schema
    describes is not held against any.

    Raises InvalidInput: unknown_training_column, training_column_needed.
    """
    said: Mapping[str, Mapping[str, Any]] = (config or {}).get("trainingDataConfig", {})
    for name in _LISTS:
        for kind, named in said.get(name, {}).items():
            where = f"{field}.trainingDataConfig.{name}.{kind}"
            known = _columns(registry, group, kind)
            for column in named:
                _check(column, known, where, left_out=name == _LISTS[0])


def _check(column: str, known: tuple[str, ...] | None, where: str, *, left_out: bool) -> None:
    if left_out and column.upper() in _NEEDED:
        raise InvalidInput("training_column_needed", field=where, value=column)
    if known is not None and column.upper() not in {name.upper() for name in known}:
        raise InvalidInput(
            "unknown_training_column", field=where, value=column, permitted=", ".join(known)
        )


def _columns(registry: Registry, group: Group, kind: str) -> tuple[str, ...] | None:
    """Names of columns; None where no dataset of that type says."""
    dataset = registry.get(Dataset, registry.arn(DATASET, f"{group.name}/{kind.upper()}"))
    schema = None if dataset is None else registry.get(Schema, dataset.schema_arn)
    return None if schema is None else tuple(c.name for c in columns_of(schema.schema))

"""Datasets: one of each type in a group, with the schema of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import DATASET
from endcap.control.registry.avro import read_columns
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import TYPES, Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.operations.groups import ready_group
from endcap.control.registry.paging import listed
from endcap.control.registry.schemas import Schema
from endcap.domain.errors import InvalidInput


def create_dataset(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, kind = control.registry, given["datasetType"].upper()
    if kind not in TYPES:
        raise InvalidInput(
            "dataset_type_refused", field="datasetType", value=given["datasetType"],
            permitted=", ".join(TYPES),
        )  # fmt: skip
    group = ready_group(registry, given["datasetGroupArn"])
    schema = registry.find(Schema, given["schemaArn"], "schemaArn")
    check_schema(schema, kind, group)
    dataset = Dataset(
        arn=registry.arn(DATASET, f"{group.name}/{kind}"),
        name=given["name"],
        group_arn=group.arn,
        type=kind,
        schema_arn=schema.arn,
        created_at=at,
        updated_at=at,
    )
    registry.create(dataset)
    return {"datasetArn": dataset.arn}


def describe_dataset(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    dataset = control.registry.find(Dataset, given["datasetArn"], "datasetArn")
    members = shown(
        datasetGroupArn=dataset.group_arn,
        schemaArn=dataset.schema_arn,
        latestDatasetUpdate=dataset.latest_update or None,
    )
    return {"dataset": {**_summary(dataset), **members}}


def list_datasets(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("datasetGroupArn", "")
    found = datasets_of(control, arn) if arn else control.registry.all(Dataset)
    return listed(control, "datasets", given, found, _summary)


def datasets_of(control: Control, group_arn: str) -> list[Dataset]:
    """Of a group that may be none."""
    found = control.registry.all(Dataset)
    return [dataset for dataset in found if dataset.group_arn == group_arn]


def check_schema(schema: Schema, kind: str, group: Group) -> None:
    """Raises InvalidInput: schema_of_other_type, schema_of_other_domain."""
    described = read_columns(schema.schema).type
    if described != kind:
        raise InvalidInput(
            "schema_of_other_type", field="schemaArn", value=schema.arn, kind=described,
            permitted=kind,
        )  # fmt: skip
    if schema.domain != group.domain:
        raise InvalidInput(
            "schema_of_other_domain", field="schemaArn", value=schema.arn,
            found=_of(schema.domain), needed=_of(group.domain),
        )  # fmt: skip


def _of(domain: str) -> str:
    return f"of the domain {domain}" if domain else "of no domain"


def _summary(dataset: Dataset) -> dict[str, Any]:
    said = shown(name=dataset.name, datasetArn=dataset.arn, datasetType=dataset.type)
    return {**said, **{k: v for k, v in state(dataset).items() if k != "failureReason"}}

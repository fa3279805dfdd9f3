"""Datasets: one of each type in a group, with the schema of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace as changed

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import DATASET, parse
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import TYPES, Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.operations.groups import ready_group
from endcap.control.registry.paging import listed
from endcap.control.registry.removal import ask_removal, check_settled, check_unused
from endcap.control.registry.schema_rules import check_wider, read_columns
from endcap.control.registry.schemas import Schema
from endcap.control.registry.statuses import ACTIVE, SETTLED
from endcap.control.registry.store import Registry
from endcap.control.registry.tags import add_tags, read_tags
from endcap.control.registry.versions import Version
from endcap.domain.errors import InUse, InvalidInput

# Made with a tracker by older versions of the service, and deleted by clients of that time.
OF_TRACKERS = "EVENT_INTERACTIONS"


def create_dataset(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, kind = control.registry, given["datasetType"].upper()
    if kind not in TYPES:
        raise InvalidInput(
            "dataset_type_refused", field="datasetType", value=given["datasetType"],
            permitted=", ".join(TYPES),
        )  # fmt: skip
    tags = read_tags(given.get("tags", ()))
    group = ready_group(registry, given["datasetGroupArn"])
    schema = registry.find(Schema, given["schemaArn"], "schemaArn")
    _check_schema(schema, kind, group.domain)
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
    add_tags(registry, dataset.arn, tags)
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
    found = (d for d in control.registry.all(Dataset) if arn in ("", d.group_arn))
    return listed(control, "datasets", given, found, _summary)


def update_dataset(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    """A schema with more columns; what is there stays."""
    registry, arn = control.registry, given["datasetArn"]
    dataset = registry.find(Dataset, arn, "datasetArn")
    group = registry.find(Group, dataset.group_arn)
    schema = registry.find(Schema, given["schemaArn"], "schemaArn")
    _check_schema(schema, dataset.type, group.domain)
    before = registry.find(Schema, dataset.schema_arn)
    check_wider(read_columns(before.schema), read_columns(schema.schema))
    update = {
        "schemaArn": schema.arn, "status": ACTIVE, "creationDateTime": at,
        "lastUpdatedDateTime": at,
    }  # fmt: skip

    def updated(now: Dataset) -> Dataset:
        check_settled(now)
        return changed(now, schema_arn=schema.arn, latest_update=update, updated_at=at)

    registry.change(Dataset, arn, updated)
    return {"datasetArn": arn}


def delete_dataset(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, arn = control.registry, given["datasetArn"]
    if parse(arn, "datasetArn").key.endswith(f"/{OF_TRACKERS}"):
        return {}
    dataset = registry.find(Dataset, arn, "datasetArn")
    imports = (job for job in registry.all(ImportJob) if job.dataset_arn == arn)
    versions = (v for v in registry.all(Version) if v.group_arn == dataset.group_arn)
    at_work = [each for each in (*imports, *versions) if each.status not in SETTLED]
    check_unused(dataset, at_work, "wait until these have ended")
    ask_removal(control, Dataset, arn, at)
    return {}


def ready_dataset(registry: Registry, arn: str) -> Dataset:
    """Raises NotFound, InvalidInput and, where it is on its way out, InUse (not_ready)."""
    dataset = registry.find(Dataset, arn, "datasetArn")
    if dataset.status != ACTIVE:
        raise InUse("not_ready", value=arn, kind=DATASET, status=dataset.status, permitted=ACTIVE)
    return dataset


def _check_schema(schema: Schema, kind: str, domain: str) -> None:
    """Raises InvalidInput: schema_of_other_type, schema_of_other_domain."""
    described = read_columns(schema.schema).type
    if described != kind:
        raise InvalidInput(
            "schema_of_other_type", field="schemaArn", value=schema.arn, kind=described,
            permitted=kind,
        )  # fmt: skip
    if schema.domain != domain:
        raise InvalidInput(
            "schema_of_other_domain", field="schemaArn", value=schema.arn,
            found=_of(schema.domain), needed=_of(domain),
        )  # fmt: skip


def _of(domain: str) -> str:
    return f"of the domain {domain}" if domain else "of no domain"


def _summary(dataset: Dataset) -> dict[str, Any]:
    said = shown(name=dataset.name, datasetArn=dataset.arn, datasetType=dataset.type)
    return {**said, **state(dataset, fails=False)}

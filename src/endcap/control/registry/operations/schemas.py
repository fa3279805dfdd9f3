"""Schemas: checked when they are made, kept as they came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.answers import shown
from endcap.control.registry.arns import SCHEMA
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.paging import listed
from endcap.control.registry.removal import check_unused, remove_now
from endcap.control.registry.schema_rules import check_columns, read_columns
from endcap.control.registry.schemas import Schema


def create_schema(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    domain = given.get("domain", "")
    check_columns(read_columns(given["schema"]), domain)
    schema = Schema(
        arn=control.registry.arn(SCHEMA, given["name"]),
        name=given["name"],
        schema=given["schema"],
        domain=domain,
        created_at=at,
        updated_at=at,
    )
    control.registry.create(schema)
    return {"schemaArn": schema.arn}


def describe_schema(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    schema = control.registry.find(Schema, given["schemaArn"], "schemaArn")
    return {"schema": {**_summary(schema), "schema": schema.schema}}


def list_schemas(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    return listed(control, "schemas", given, control.registry.all(Schema), _summary)


def delete_schema(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, arn = control.registry, given["schemaArn"]
    schema = registry.find(Schema, arn, "schemaArn")
    check_unused(schema, (d for d in registry.all(Dataset) if d.schema_arn == arn))
    remove_now(registry, Schema, arn)
    return {}


def _summary(schema: Schema) -> dict[str, Any]:
    return shown(
        name=schema.name,
        schemaArn=schema.arn,
        domain=schema.domain,
        creationDateTime=schema.created_at,
        lastUpdatedDateTime=schema.updated_at,
    )

"""A control plane over one file, with hex digits that can be told beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.control.registry.arns import Place
from endcap.control.registry.control import Control
from endcap.control.registry.operations import OPERATIONS
from endcap.control.registry.store import Registry

METADATA = {"name": "AGE", "type": "int"}
FIELDS: dict[str, list[dict[str, Any]]] = {
    "Interactions": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_TYPE", "type": "string"},
    ],
    "Items": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "PRICE", "type": "float"},
        {"name": "CATEGORY_L1", "type": ["null", "string"], "categorical": True},
    ],
    "Users": [{"name": "USER_ID", "type": "string"}, METADATA],
}


def schema_text(name: str, *more: dict[str, Any], without: str = "") -> str:
    fields = [each for each in FIELDS[name] if each["name"] != without]
    return json.dumps(
        {"type": "record", "name": name, "fields": [*fields, *more], "version": "1.0"}
    )


@dataclass
class Plane:
    """Calls operations by name; the clock is a count."""

    control: Control
    woken: list[int]
    shops: list[str]
    clock: Callable[[], int] = field(default_factory=lambda: count(1_000).__next__)

    def __call__(self, operation: str, /, **given: Any) -> dict[str, Any]:
        return OPERATIONS[operation](self.control, given, self.clock())

    @staticmethod
    def schema_text(name: str, *more: dict[str, Any], without: str = "") -> str:
        return schema_text(name, *more, without=without)

    def group(self, name: str = "shop", domain: str = "") -> str:
        more = {"domain": domain} if domain else {}
        return str(self("CreateDatasetGroup", name=name, **more)["datasetGroupArn"])

    def dataset(self, group_arn: str, kind: str = "Interactions", domain: str = "") -> str:
        """With a schema of its own."""
        more = {"domain": domain} if domain else {}
        name = f"{kind}-{group_arn.rpartition('/')[2]}"
        schema = self("CreateSchema", name=name, schema=schema_text(kind), **more)
        made = self(
            "CreateDataset", name=name, datasetGroupArn=group_arn, datasetType=kind, **schema
        )
        return str(made["datasetArn"])


def plane_in(folder: Path) -> Plane:
    numbers = count(1)
    woken: list[int] = []
    shops: list[str] = []
    registry = Registry(
        SqliteDocuments(folder / "control.sqlite"),
        Place(),
        lambda digits: f"{next(numbers):0{digits}x}",
    )
    control = Control(
        registry,
        shops=lambda: shops,
        wake=lambda: woken.append(1),
        documents=lambda shop: SqliteDocuments(folder / f"{shop}.sqlite"),
    )
    return Plane(control, woken, shops)


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    return plane_in(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Plane:
    """One for all tests of a module that change nothing."""
    return plane_in(tmp_path_factory.mktemp("plane"))

"""A home with real resources of each kind over a trained shop, and boto3 clients that ask it.

Jobs are not run: ``settle`` ends what is under way, as jobs that went well do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from endcap.control.registry.arns import GROUP, parse
from endcap.control.registry.batches import BatchInference, BatchSegment
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.removal import forget
from endcap.control.registry.resource import CREATE, DELETE, START, Resource
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import ACTIVE, INACTIVE, STOPPED
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version

MODEL = "v0001"  # of the checkerboard shop
RECIPES = "arn:aws:personalize:::recipe/"
ROLE = "arn:aws:iam::123456789012:role/personalize"
SHAPES: dict[str, type[Resource]] = {
    shape.KIND: shape
    for shape in (BatchInference, BatchSegment, Dataset, Group, ImportJob, Recommender, Solution,
                  Version)
}  # fmt: skip


def avro(name: str, *fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": name, "fields": fields, "version": "1.0"})


def column(name: str, kind: Any = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


SCHEMAS = {
    "Interactions": avro(
        "Interactions", column("USER_ID"), column("ITEM_ID"), column("TIMESTAMP", "long"),
        column("EVENT_TYPE"),
    ),
    "Items": avro(
        "Items", column("ITEM_ID"), column("DEPARTMENT", categorical=True),
        column("NAME", ["null", "string"], textual=True), column("PRICE", ["null", "float"]),
    ),
    "Users": avro("Users", column("USER_ID"), column("COUNTRY", categorical=True)),
}  # fmt: skip
SHOP_SCHEMAS = {
    "Interactions": SCHEMAS["Interactions"],
    "Items": avro(
        "Items", column("ITEM_ID"), column("PRICE", "float"),
        column("CATEGORY_L1", categorical=True),
    ),
}  # fmt: skip


@dataclass
class World:
    """``arns``: of what stands, by a short name."""

    wire: Any
    arns: dict[str, str] = field(default_factory=dict)

    tracking_id: str = ""

    def __post_init__(self) -> None:
        self.schemas, self.shop_schemas = SCHEMAS, SHOP_SCHEMAS
        self.control = self.wire.client()
        self.events = self.wire.client("personalize-events")
        self.runtime = self.wire.client("personalize-runtime")

    @property
    def registry(self) -> Registry:
        found: Registry = self.wire.desk.control.registry
        return found

    def settle(self) -> None:
        """End all that is under way."""
        for work in self.registry.works():
            shape = SHAPES[parse(work.arn).kind]
            resource = self.registry.find(shape, work.arn)
            if work.action == DELETE:
                forget(self.registry, resource)
            else:
                status = _ended(work.action, shape)
                self.registry.move(shape, work.arn, work.asked_at, status)
                if status == ACTIVE and shape in (Version, Recommender):
                    self.registry.change(shape, work.arn, _trained)
            self.registry.done(work)

    def group(self, name: str, **more: Any) -> str:
        """A dataset group over the trained shop."""
        arn = self.registry.arn(GROUP, name)
        self.registry.create(
            Group(arn=arn, name=name, shop="default", created_at=1_700_000_000_000_000,
                  updated_at=1_700_000_000_000_000, **more)
        )  # fmt: skip
        self.arns[name] = arn
        return arn

    def datasets(self, name: str, schemas: dict[str, str], **more: Any) -> None:
        """One of each of ``schemas`` for the group of that name."""
        for kind, text in schemas.items():
            schema = self.control.create_schema(name=f"{name}-{kind}", schema=text, **more)
            made = self.control.create_dataset(
                name=f"{name}-{kind}", datasetGroupArn=self.arns[name], datasetType=kind,
                schemaArn=schema["schemaArn"],
            )  # fmt: skip
            self.arns |= {f"{name} {kind}": made["datasetArn"],
                          f"{name} {kind} schema": schema["schemaArn"]}  # fmt: skip

    def version(self, name: str, group: str, recipe: str) -> str:
        """A solution of that name with a version, and its campaign where it may have one."""
        control = self.control
        solution = control.create_solution(
            name=name, datasetGroupArn=self.arns[group], recipeArn=RECIPES + recipe
        )["solutionArn"]
        made = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]
        self.settle()
        self.arns |= {f"{name} solution": solution, f"{name} version": made}
        if "affinity" not in recipe:
            told = control.create_campaign(
                name=name, solutionVersionArn=made,
                campaignConfig={"enableMetadataWithRecommendations": True},
            )  # fmt: skip
            self.arns[f"{name} campaign"] = told["campaignArn"]
        return str(made)


def _ended(action: str, shape: type[Resource]) -> str:
    if action in (CREATE, START):
        return ACTIVE
    return STOPPED if shape is Version else INACTIVE


def _trained(now: Any) -> Any:
    metrics = {"coverage": 0.5, "precision_at_5": 0.25}
    return replace(now, model=MODEL, metrics=metrics)

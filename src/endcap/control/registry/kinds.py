"""Every kind of resource, and to which dataset group one belongs."""

from __future__ import annotations

from endcap.control.registry import arns
from endcap.control.registry.batches import Batch, BatchInference, BatchSegment
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.filters import Filter
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.resource import Resource
from endcap.control.registry.schemas import Schema
from endcap.control.registry.solutions import Solution
from endcap.control.registry.store import Registry
from endcap.control.registry.trackers import Tracker
from endcap.control.registry.versions import Version

SHAPES: dict[str, type[Resource]] = {
    shape.KIND: shape
    for shape in (
        Schema, Group, Dataset, ImportJob, Tracker, Solution, Version, Campaign, Recommender,
        Filter, BatchInference, BatchSegment,
    )
}  # fmt: skip


def group_arn_of(registry: Registry, arn: str) -> str:
    """The ARN of the dataset group of a resource; "" for a schema, which belongs to none.

    Raises NotFound (no_resource), InvalidInput (bad_arn).
    """
    resource = registry.find(SHAPES[arns.parse(arn).kind], arn)
    if isinstance(resource, Group):
        return arn
    if isinstance(resource, Dataset | Tracker | Solution | Version | Recommender | Filter):
        return resource.group_arn
    if isinstance(resource, ImportJob):
        return registry.arn(arns.GROUP, arns.parse(resource.dataset_arn).key.split("/")[0])
    if isinstance(resource, Campaign | Batch):
        solution = resource.version_arn.rsplit("/", 1)[0]
        return registry.find(Solution, solution).group_arn
    return ""


def shop_of(registry: Registry, arn: str) -> str:
    """By which name the group's shop is opened. Raises as ``group_arn_of``."""
    return registry.find(Group, group_arn_of(registry, arn)).shop

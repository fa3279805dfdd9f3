"""Tags: given, read and taken away by ARN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.arns import RECIPE, SCHEMA, parse
from endcap.control.registry.batches import BatchInference, BatchSegment
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.filters import Filter
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.resource import Resource
from endcap.control.registry.solutions import Solution
from endcap.control.registry.tags import add_tags, read_tags, remove_tags, tags_of
from endcap.control.registry.trackers import Tracker
from endcap.control.registry.versions import Version
from endcap.domain.errors import InvalidInput, NotFound

FIELD = "resourceArn"
_SHAPES: dict[str, type[Resource]] = {
    shape.KIND: shape
    for shape in (
        Group, Dataset, ImportJob, Tracker, Solution, Version, Campaign, Recommender, Filter,
        BatchInference, BatchSegment,
    )
}  # fmt: skip


def tag_resource(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = _taggable(control, given)
    add_tags(control.registry, arn, read_tags(given["tags"]))
    return {}


def untag_resource(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    remove_tags(control.registry, _taggable(control, given), given["tagKeys"])
    return {}


def list_tags_for_resource(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    tags = tags_of(control.registry, _taggable(control, given))
    return {"tags": [{"tagKey": key, "tagValue": value} for key, value in tags.items()]}


def _taggable(control: Control, given: Mapping[str, Any]) -> str:
    """Raises NotFound (no_resource), InvalidInput (bad_arn, not_taggable)."""
    arn: str = given[FIELD]
    kind = parse(arn, FIELD).kind
    if kind in (SCHEMA, RECIPE):
        raise InvalidInput("not_taggable", field=FIELD, value=arn, kind=kind)
    if kind not in _SHAPES:
        raise NotFound("no_resource", field=FIELD, value=arn, kind=kind)
    control.registry.find(_SHAPES[kind], arn, FIELD)
    return arn

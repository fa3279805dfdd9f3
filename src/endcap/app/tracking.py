"""From what a client names, a tracker or a dataset, to the group it belongs to and its columns."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from endcap.control.registry.arns import DATASET, Place, parse
from endcap.control.registry.datasets import INTERACTIONS, Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.schemas import Schema
from endcap.control.registry.statuses import (
    ACTIVE,
    DELETE_PENDING,
    DELETING,
    FAILED,
    IN_PROGRESS,
    PENDING,
)
from endcap.control.registry.store import Registry
from endcap.control.registry.trackers import Tracker
from endcap.domain.avro import Column, columns_of
from endcap.domain.errors import InUse, InvalidInput

GOING = (DELETE_PENDING, DELETING)
NOT_YET = (PENDING, IN_PROGRESS, FAILED)
MOST_KNOWN = 4096

# (tracking id, place) → ARN of the tracker, as it was found last. A hint: it is looked at again.
_found: dict[tuple[str, Place], str] = {}

_columns = lru_cache(256)(columns_of)


class Target(NamedTuple):
    """``group``: the ARN of the dataset group; ``columns``: of the dataset, None without one."""

    group: str
    columns: tuple[Column, ...] | None


def tracked(registry: Registry, tracking_id: str) -> Target:
    """Where the events of a tracker go. Raises InvalidInput: unknown_tracker, no_tracked_group."""
    tracker = _tracker(registry, tracking_id)
    if tracker is None or tracker.status in GOING:
        place = registry.place
        raise InvalidInput(
            "unknown_tracker", field="trackingId", value=tracking_id, region=place.region,
            account=place.account,
        )  # fmt: skip
    group = registry.get(Group, tracker.group_arn)
    if group is not None and group.status in GOING:
        raise InvalidInput("no_tracked_group", field="trackingId", value=tracking_id)
    name = parse(tracker.group_arn).key
    dataset = registry.get(Dataset, registry.arn(DATASET, f"{name}/{INTERACTIONS}"))
    return Target(tracker.group_arn, None if dataset is None else _schema(registry, dataset))


def _tracker(registry: Registry, tracking_id: str) -> Tracker | None:
    hint = (tracking_id, registry.place)
    if hint in _found:
        known = registry.get(Tracker, _found[hint])
        if known is not None and known.tracking_id == tracking_id:
            return known
        _found.pop(hint, None)
    for tracker in registry.all(Tracker):
        if tracker.tracking_id == tracking_id:
            if len(_found) >= MOST_KNOWN:
                _found.clear()
            _found[hint] = tracker.arn
            return tracker
    return None


def dataset_of(registry: Registry, arn: str, kind: str) -> Target:
    """Raises NotFound (no_resource), InUse (not_ready), InvalidInput: bad_arn,
    arn_of_other_kind, dataset_of_other_type."""
    dataset = registry.find(Dataset, arn, "datasetArn")
    if dataset.type != kind:
        raise InvalidInput("dataset_of_other_type", field="datasetArn", value=arn, permitted=kind)
    if dataset.status in (*GOING, *NOT_YET):
        raise InUse(
            "not_ready", field="datasetArn", value=arn, kind=DATASET, status=dataset.status,
            permitted=ACTIVE,
        )  # fmt: skip
    return Target(dataset.group_arn, _schema(registry, dataset))


def _schema(registry: Registry, dataset: Dataset) -> tuple[Column, ...] | None:
    """None where the schema has gone: it may be deleted as soon as no dataset needs it."""
    schema = registry.get(Schema, dataset.schema_arn)
    return None if schema is None else _columns(schema.schema)

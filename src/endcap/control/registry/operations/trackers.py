"""Event trackers: one for a group, made at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import TRACKER
from endcap.control.registry.control import Control
from endcap.control.registry.operations.groups import ready_group
from endcap.control.registry.paging import listed
from endcap.control.registry.removal import remove_now
from endcap.control.registry.tags import add_tags, read_tags
from endcap.control.registry.trackers import Tracker
from endcap.domain.errors import Conflict

_PARTS = (8, 12, 16, 20)  # where a tracking id has its hyphens


def create_event_tracker(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, tags = control.registry, read_tags(given.get("tags", ()))
    group = ready_group(registry, given["datasetGroupArn"])
    there = next((t for t in registry.all(Tracker) if t.group_arn == group.arn), None)
    if there is not None:
        raise Conflict("tracker_exists", field="datasetGroupArn", value=group.arn, found=there.arn)
    tracker = Tracker(
        arn=registry.arn(TRACKER, given["name"]),
        name=given["name"],
        group_arn=group.arn,
        tracking_id=_tracking_id(registry.draw(32)),
        created_at=at,
        updated_at=at,
    )
    registry.create(tracker)
    add_tags(registry, tracker.arn, tags)
    return {"eventTrackerArn": tracker.arn, "trackingId": tracker.tracking_id}


def describe_event_tracker(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    tracker = control.registry.find(Tracker, given["eventTrackerArn"], "eventTrackerArn")
    return {
        "eventTracker": {
            **_summary(tracker),
            "accountId": control.registry.place.account,
            "trackingId": tracker.tracking_id,
            "datasetGroupArn": tracker.group_arn,
        }
    }


def list_event_trackers(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("datasetGroupArn", "")
    found = (t for t in control.registry.all(Tracker) if arn in ("", t.group_arn))
    return listed(control, "eventTrackers", given, found, _summary)


def delete_event_tracker(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    """What came by it stays."""
    arn = given["eventTrackerArn"]
    control.registry.find(Tracker, arn, "eventTrackerArn")
    remove_now(control.registry, Tracker, arn)
    return {}


def _tracking_id(digits: str) -> str:
    """32 hex digits as 8-4-4-4-12."""
    edges = zip((0, *_PARTS), (*_PARTS, len(digits)), strict=True)
    return "-".join(digits[start:stop] for start, stop in edges)


def _summary(tracker: Tracker) -> dict[str, Any]:
    said = shown(name=tracker.name, eventTrackerArn=tracker.arn)
    return {**said, **state(tracker, fails=False)}

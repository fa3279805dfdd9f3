"""What answers are made of: the wire's members, without those that have no value."""

from __future__ import annotations

from typing import Any

from endcap.control.registry.resource import Resource


def shown(**members: Any) -> dict[str, Any]:
    """Without members that are None or ""; an empty list, map or 0 is a value."""
    return {name: value for name, value in members.items() if value is not None and value != ""}


def state(resource: Resource, *, fails: bool = True) -> dict[str, Any]:
    """Status and times (µs). ``fails``: whether the wire's shape tells why something failed."""
    return shown(
        status=resource.status,
        failureReason=resource.failure_reason if fails else None,
        creationDateTime=resource.created_at,
        lastUpdatedDateTime=resource.updated_at,
    )

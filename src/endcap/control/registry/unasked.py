"""Resources that wait for work which nobody asked for: whoever wrote them ended before it could."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from endcap.control.registry import statuses
from endcap.control.registry.arns import parse
from endcap.control.registry.kinds import SHAPES
from endcap.control.registry.resource import CREATE, DELETE, START, STOP, Resource, Work
from endcap.control.registry.store import Registry

GRACE_US = 60_000_000  # between the status and the asking lies no more than this
_WORK = {
    statuses.PENDING: CREATE,
    statuses.IN_PROGRESS: CREATE,
    statuses.STOPPING: STOP,
    statuses.DELETE_PENDING: DELETE,
    statuses.DELETING: DELETE,
    statuses.STOP_PENDING: STOP,
    statuses.STOP_IN_PROGRESS: STOP,
    statuses.START_PENDING: START,
    statuses.START_IN_PROGRESS: START,
}


def ask_again(registry: Registry, at: int) -> list[Work]:
    """Ask for what should have been asked for, of all regions; what that was. ``at``: now, µs."""
    asked = []
    for resource in _everything(registry):
        action = _WORK.get(resource.status)
        if action is None or at - resource.updated_at < GRACE_US:
            continue
        there = registry.elsewhere(parse(resource.arn).place)
        # First the work, then the resource as it is now: what has just ended asks for nothing.
        if registry.work(resource.arn) is None and (
            there.written(type(resource), resource.arn) == resource
        ):
            asked.append(Work(resource.arn, action, at))
            registry.ask(asked[-1])
    return asked


def _everything(registry: Registry) -> Iterator[Resource]:
    for kind, shape in SHAPES.items():
        after = ""
        while page := registry.documents.query(kind, after=after, limit=500):
            yield from (msgspec.convert(document.body, shape) for document in page)
            after = page[-1].key

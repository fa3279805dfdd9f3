"""Resources on their way out, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec.structs import replace as changed

from endcap.control.registry.arns import DATASET, GROUP, SOLUTION
from endcap.control.registry.batches import BatchInference, BatchSegment
from endcap.control.registry.control import Control
from endcap.control.registry.filters import Filter
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.resource import DELETE, Resource
from endcap.control.registry.statuses import ACTIVE, DELETE_PENDING, FAILED, SETTLED
from endcap.control.registry.store import Registry
from endcap.control.registry.tags import drop_tags
from endcap.control.registry.versions import Version
from endcap.domain.errors import InUse

R = TypeVar("R", bound=Resource)
MOST_NAMED = 3  # of those that use a resource, in a message


def check_settled(resource: Resource) -> None:
    """Raises InUse (not_ready) while something happens with it."""
    if resource.status not in SETTLED:
        raise InUse(
            "not_ready", value=resource.arn, kind=resource.KIND, status=resource.status,
            permitted=f"{ACTIVE} or {FAILED}",
        )  # fmt: skip


def check_unused(resource: Resource, users: Iterable[Resource], todo: str = "") -> None:
    """Raises InUse (in_use) when there is any of ``users``."""
    names = [user.arn for user in users]
    if names:
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        raise InUse(
            "in_use", value=resource.arn, kind=resource.KIND,
            users=", ".join(names[:MOST_NAMED]) + more, todo=todo or "delete these first",
        )  # fmt: skip


def ask_removal(control: Control, shape: type[R], arn: str, at: int) -> None:
    """Mark it, and ask a job to take its data away. Raises NotFound, InvalidInput
    (made_elsewhere), InUse (not_ready)."""

    def going(now: R) -> R:
        check_settled(now)
        return changed(now, status=DELETE_PENDING, failure_reason="", updated_at=at)

    control.begin(control.registry.change(shape, arn, going), DELETE, at)


def remove_now(registry: Registry, shape: type[R], arn: str) -> None:
    """What holds no data of its own. Raises as ``ask_removal``."""

    def looked(now: R) -> R:
        check_settled(now)
        return now

    forget(registry, registry.change(shape, arn, looked))


def forget(registry: Registry, resource: Resource) -> None:
    """Remove a resource from the registry with its tags and what has no meaning without it: the
    import jobs of a dataset, the versions and batch jobs of a solution, the filters of a group.
    These go first: when it is interrupted, it can be done again."""
    for other in (*_dependent(registry, resource), resource):
        drop_tags(registry, other.arn)
        registry.remove(other)


def _dependent(registry: Registry, resource: Resource) -> Iterator[Resource]:
    if resource.KIND == GROUP:
        yield from (f for f in registry.all(Filter) if f.group_arn == resource.arn)
    elif resource.KIND == DATASET:
        yield from (job for job in registry.all(ImportJob) if job.dataset_arn == resource.arn)
    elif resource.KIND == SOLUTION:
        for shape in (BatchInference, BatchSegment):
            jobs: Iterator[BatchInference | BatchSegment] = registry.all(shape)
            yield from (job for job in jobs if job.version_arn.startswith(f"{resource.arn}/"))
        yield from registry.all(Version, f"{resource.key}/")

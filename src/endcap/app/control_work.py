"""What jobs of the control plane do: the work that a resource waits for, from its status on.

A job may be killed at any point and is then run again: each step looks at what stands first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from endcap.app.shop import Shop
from endcap.control.registry import arns
from endcap.control.registry.kinds import SHAPES, shop_of
from endcap.control.registry.removal import forget
from endcap.control.registry.resource import CREATE, DELETE, START, STOP, Resource, Work
from endcap.control.registry.statuses import (
    ACTIVE,
    DELETING,
    FAILED,
    IN_PROGRESS,
    INACTIVE,
    PENDING,
    SETTLED,
    STOPPED,
)
from endcap.control.registry.store import Registry
from endcap.domain.errors import EndcapError, InvalidInput, NotFound, Unavailable

MOST_REASON = 1500  # characters
Progress = Callable[[str, float], None]


class Means(NamedTuple):
    """What work needs of the world. ``fetch``: (s3://…, the lake's folder) → a local copy, and
    ``drop`` what removes it; ``sent``: where to write what is meant for a path or s3://….
    ``remove``: a group's folder, by the shop's name."""

    open_shop: Callable[[str], Shop]
    fetch: Callable[[str, Path], str]
    drop: Callable[[str, Path], None]
    sent: Callable[[str], AbstractContextManager[Path]]
    remove: Callable[[str], None]
    now: Callable[[], int]  # µs


class Task(NamedTuple):
    """One piece of work at hand."""

    means: Means
    registry: Registry
    arn: str
    progress: Progress

    @property
    def shop(self) -> Shop:
        return self.means.open_shop(shop_of(self.registry, self.arn))


def run(means: Means, registry: Registry, arn: str, progress: Progress) -> None:
    """Do what is asked for this ARN; nothing where nothing is, or where it was done before.

    What the asker can mend, and what is wrong inside, becomes the resource's failure. Raises
    Unavailable, after which it is to be tried again.
    """
    registry = registry.elsewhere(arns.parse(arn).place)
    work = registry.work(arn)
    if work is None:
        return
    task = Task(means, registry, arn, progress)
    try:
        _begin(task, work)
        TASKS[work.action, arns.parse(arn).kind](task)
    except Unavailable:
        raise
    except EndcapError as error:
        fail(registry, arn, means.now(), str(error))
    except Exception as error:
        fail(registry, arn, means.now(), reason_of(error))
        registry.done(work)
        raise
    registry.done(work)


def reason_of(error: Exception) -> str:
    """In words for the asker: what the error itself says may name users."""
    return str(EndcapError("job_failed", value=type(error).__name__))


def at_once(registry: Registry, work: Work, at: int) -> bool:
    """Do work that is a status alone, without a job; False where it needs one."""
    registry = registry.elsewhere(arns.parse(work.arn).place)
    kind = arns.parse(work.arn).kind
    if (work.action, kind) in TASKS:
        return False
    settled = {CREATE: ACTIVE, START: ACTIVE, STOP: INACTIVE}.get(work.action)
    if work.action == STOP and kind == arns.VERSION:
        settled = STOPPED
    with suppress(NotFound, InvalidInput):  # somebody removed it
        if settled is None:
            forget(registry, registry.find(SHAPES[kind], work.arn))
        else:
            _settle(registry, work.arn, at, settled)
    registry.done(work)
    return True


def fail(registry: Registry, arn: str, at: int, reason: str) -> None:
    """Unless it has settled otherwise, is gone or was never to be changed."""
    registry = registry.elsewhere(arns.parse(arn).place)
    with suppress(NotFound, InvalidInput):
        _settle(registry, arn, at, FAILED, reason[:MOST_REASON])


def _settle(registry: Registry, arn: str, at: int, status: str, reason: str = "") -> None:
    def change(now: Resource) -> Resource:
        if now.status in SETTLED:
            return now
        return msgspec.structs.replace(now, status=status, failure_reason=reason, updated_at=at)

    registry.change(SHAPES[arns.parse(arn).kind], arn, change)


def _begin(task: Task, work: Work) -> None:
    """Say that somebody is at it."""
    status = DELETING if work.action == DELETE else IN_PROGRESS
    at = task.means.now()

    def change(now: Resource) -> Resource:
        if work.action == CREATE and now.status != PENDING:
            return now
        return msgspec.structs.replace(now, status=status, updated_at=at)

    task.registry.change(SHAPES[arns.parse(task.arn).kind], task.arn, change)


def _under_way(task: Task) -> bool:
    """Whether it is still to be made: an earlier run may have ended just before it said so."""
    resource = task.registry.find(SHAPES[arns.parse(task.arn).kind], task.arn)
    return resource.status == IN_PROGRESS


def _import(task: Task) -> None:
    from endcap.app.dataset_imports import run_import_job
    from endcap.control.registry.imports import ImportJob

    if not _under_way(task):
        return
    shop, means = task.shop, task.means
    run_import_job(shop, task.registry, task.arn, means.now, task.progress, means.fetch)
    means.drop(task.registry.find(ImportJob, task.arn).location, shop.lake.root)


def _train(task: Task) -> None:
    from endcap.app.version_training import train_version

    if not _under_way(task):
        return
    began = task.means.now()

    def elapsed() -> float:
        return (task.means.now() - began) / 1e6

    train_version(task.shop, task.registry, task.arn, began, task.progress, elapsed)


def _batch(task: Task) -> None:
    from endcap.app.batch_jobs import Files, run_batch, shape_of

    if not _under_way(task):
        return
    shop, means = task.shop, task.means
    files = Files(means.fetch, means.sent)
    run_batch(shop, task.registry, task.arn, means.now(), task.progress, files)
    means.drop(task.registry.find(shape_of(task.arn), task.arn).input, shop.lake.root)


def _delete_dataset(task: Task) -> None:
    from endcap.app.deletions import delete_dataset

    delete_dataset(task.shop, task.registry, task.arn, task.means.now())


def _delete_solution(task: Task) -> None:
    from endcap.app.deletions import delete_solution

    delete_solution(task.shop, task.registry, task.arn)


def _delete_recommender(task: Task) -> None:
    from endcap.app.deletions import delete_recommender

    delete_recommender(task.shop, task.registry, task.arn)


def _delete_group(task: Task) -> None:
    from endcap.app.deletions import delete_group

    delete_group(task.means.remove, task.registry, task.arn)


TASKS: dict[tuple[str, str], Callable[[Task], None]] = {
    (CREATE, arns.IMPORT): _import,
    (CREATE, arns.VERSION): _train,
    (CREATE, arns.RECOMMENDER): _train,
    (CREATE, arns.BATCH_INFERENCE): _batch,
    (CREATE, arns.BATCH_SEGMENT): _batch,
    (DELETE, arns.DATASET): _delete_dataset,
    (DELETE, arns.SOLUTION): _delete_solution,
    (DELETE, arns.RECOMMENDER): _delete_recommender,
    (DELETE, arns.GROUP): _delete_group,
}
# Work of which one group can bear one piece at a time: it writes the lake or the models.
ALONE = frozenset({arns.IMPORT, arns.VERSION, arns.RECOMMENDER, arns.DATASET, arns.GROUP,
                   arns.SOLUTION})  # fmt: skip

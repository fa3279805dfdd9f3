"""Import of files: the lake first, then a snapshot that every worker takes up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from endcap.app.compaction import publish_built, settle
from endcap.app.shop import Shop

T = TypeVar("T")


def with_snapshot(shop: Shop, at: int, work: Callable[[], T]) -> T:
    """Do ``work`` on the lake (an import) between two snapshots, under the maintenance lock.

    Before: the log's tail goes into the lake, so that the new snapshot stands at one offset.
    Killed in the middle: the import resumes; a missing snapshot is made by the keeper.
    """
    settle(shop, at)
    with shop.maintenance():
        before = shop.lake.manifest().version
        result = work()
        if shop.lake.manifest().version != before:
            publish_built(shop, at)
    return result

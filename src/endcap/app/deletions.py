"""Taking a resource of the control plane away with its data: first the data, then its name.

Each may be killed at any point and called again.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from endcap.app.compaction import publish_built, settle
from endcap.app.dataset_imports import TABLES
from endcap.app.reloading import MODELS
from endcap.app.shop import Shop
from endcap.control import campaigns, solution_versions
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.operations.groups import SHOP
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.removal import forget
from endcap.control.registry.solutions import Solution
from endcap.control.registry.store import Registry
from endcap.data.manifest import Manifest

DELETED = "deleted"


def delete_dataset(shop: Shop, registry: Registry, arn: str, at: int) -> None:
    """All of its rows, whoever brought them, leave the lake and the state."""
    dataset = registry.find(Dataset, arn)
    table = TABLES[dataset.type]
    settle(shop, at)
    with shop.maintenance():
        if getattr(shop.lake.manifest(), table):
            shop.lake.publish(lambda now: _without(now, table))
        publish_built(shop, at, renumber=True)
    forget(registry, dataset)


def _without(manifest: Manifest, table: str) -> Manifest:
    return replace(manifest, **{table: ()})


def delete_solution(shop: Shop, registry: Registry, arn: str) -> None:
    """With its versions and their models."""
    drop_models(shop, lambda resource: resource.startswith(f"{arn}/"))
    forget(registry, registry.find(Solution, arn))


def delete_recommender(shop: Shop, registry: Registry, arn: str) -> None:
    drop_models(shop, lambda resource: resource == arn)
    forget(registry, registry.find(Recommender, arn))


def drop_models(shop: Shop, trained_for: Callable[[str], bool]) -> None:
    """Delete what was trained for these resources, but not what ``/v1`` answers from or has
    answered from before. Names stay, so that none is used twice."""
    served = campaigns.campaign(shop.documents)
    kept, published = {served.version, *served.history}, set(shop.artifacts.names(MODELS))
    for version in solution_versions.versions(shop.documents):
        if (
            not trained_for(str(version.lineage.get(solution_versions.RESOURCE, "")))
            or version.name in kept
        ):
            continue
        if version.name in published:
            shop.artifacts.delete(MODELS, version.name)
        gone = replace(version, status="failed", reason=DELETED)
        solution_versions.save(shop.documents, gone)


def delete_group(remove: Callable[[str], None], registry: Registry, arn: str) -> None:
    """``remove``: the group's folder, by the shop's name."""
    group = registry.find(Group, arn)
    remove(group.shop)
    owner = registry.documents.get(SHOP, group.shop)
    if owner is not None and owner.body.get("arn") == arn:
        registry.documents.delete(SHOP, group.shop)
    forget(registry, group)

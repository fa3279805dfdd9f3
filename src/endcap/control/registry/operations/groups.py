"""Dataset groups: made at once, gone with all their data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import GROUP, Place
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.paging import listed
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.removal import ask_removal, check_unused
from endcap.control.registry.resource import Resource
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import ACTIVE
from endcap.control.registry.store import Registry
from endcap.control.registry.tags import add_tags, read_tags
from endcap.control.registry.trackers import Tracker
from endcap.domain.errors import Conflict, InUse
from endcap.domain.records import digest

SHOP = "shop"  # a kind of documents: which group has a shop of that name
_LONGEST = 63


def create_dataset_group(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, name = control.registry, given["name"]
    tags = read_tags(given.get("tags", ()))
    arn = registry.arn(GROUP, name)
    if registry.get(Group, arn) is not None:
        raise Conflict("resource_exists", field="name", value=name, kind=GROUP)
    group = Group(
        arn=arn,
        name=name,
        shop=_claim(registry, arn, name),
        domain=given.get("domain", ""),
        role_arn=given.get("roleArn", ""),
        kms_key_arn=given.get("kmsKeyArn", ""),
        created_at=at,
        updated_at=at,
    )
    registry.create(group)
    add_tags(registry, arn, tags)
    return shown(datasetGroupArn=arn, domain=group.domain)


def describe_dataset_group(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    group = control.registry.find(Group, given["datasetGroupArn"], "datasetGroupArn")
    members = shown(roleArn=group.role_arn, kmsKeyArn=group.kms_key_arn)
    return {"datasetGroup": {**_summary(group), **members}}


def list_dataset_groups(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    return listed(control, "datasetGroups", given, control.registry.all(Group), _summary)


def delete_dataset_group(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    """Its filters go with it; datasets, trackers, solutions and recommenders have to go first."""
    registry, arn = control.registry, given["datasetGroupArn"]
    group = registry.find(Group, arn, "datasetGroupArn")
    if registry.wrote(group):
        check_unused(group, _parts(registry, arn))
    ask_removal(control, Group, arn, at)
    return {}


def _parts(registry: Registry, arn: str) -> Iterator[Resource]:
    yield from (dataset for dataset in registry.all(Dataset) if dataset.group_arn == arn)
    yield from (tracker for tracker in registry.all(Tracker) if tracker.group_arn == arn)
    yield from (solution for solution in registry.all(Solution) if solution.group_arn == arn)
    yield from (each for each in registry.all(Recommender) if each.group_arn == arn)


def ready_group(registry: Registry, arn: str) -> Group:
    """Raises NotFound, InvalidInput and, where it is on its way out, InUse (not_ready)."""
    group = registry.find(Group, arn, "datasetGroupArn")
    if group.status != ACTIVE:
        raise InUse("not_ready", value=arn, kind=GROUP, status=group.status, permitted=ACTIVE)
    return group


def _summary(group: Group) -> dict[str, Any]:
    return shown(name=group.name, datasetGroupArn=group.arn, domain=group.domain, **state(group))


def _claim(registry: Registry, arn: str, name: str) -> str:
    """The shop's name: the group's own, but where another region or account has that one."""
    try:
        registry.documents.put(SHOP, name, {"arn": arn}, expected=0)
    except Conflict:
        owner = registry.documents.get(SHOP, name)
        if owner is not None and owner.body["arn"] != arn:
            return elsewhere(registry.place, name)
    return name


def elsewhere(place: Place, name: str) -> str:
    mark = digest(place.account, place.region, name).hex()[:12]
    return f"{name[: _LONGEST - 1 - len(mark)]}-{mark}"

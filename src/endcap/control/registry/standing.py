"""Shops that commands of Endcap made, as resources: read, never written.

A shop that no dataset group keeps its data in is a group of its own name, in every region. What
was trained for it is the solution of that name with its versions, what it serves the campaign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from endcap.control import campaigns, solution_versions
from endcap.control.registry.arns import CAMPAIGN, GROUP, RECIPE, SOLUTION, VERSION
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.groups import Group
from endcap.control.registry.resource import Resource
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import ACTIVE, FAILED, IN_PROGRESS
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version
from endcap.control.solution_versions import RESOURCE, SolutionVersion
from endcap.ports import Documents

RECIPE_NAME = "aws-user-personalization"  # what the default recipe is, in the API's words
_STATUSES = {"training": IN_PROGRESS, "failed": FAILED}  # others: trained


@dataclass(frozen=True)
class ShopsStanding:
    """As ``Registry.standing``. ``shops``: names of all shops; ``documents``: of one of them."""

    shops: Callable[[], Sequence[str]]
    documents: Callable[[str], Documents]

    def __call__(self, registry: Registry, shape: type[Resource], key: str) -> Iterator[Resource]:
        found = _MADE_OF.get(shape)
        if found is None:
            return
        named = key.partition("/")[0]
        names = [name for name in self.shops() if named in ("", name)]
        taken = shops_of_groups(registry) if names else frozenset()
        for name in names:
            if name not in taken:
                yield from found(registry, name, self.documents(name))


def shops_of_groups(registry: Registry) -> frozenset[str]:
    """Shops in which groups of the registry, of whatever region, keep their data."""
    after, found = "", set()
    while page := registry.documents.query(GROUP, after=after, limit=500):
        found |= {document.body["shop"] for document in page}
        after = page[-1].key
    return frozenset(found)


def _groups(registry: Registry, shop: str, documents: Documents) -> Iterator[Resource]:
    since = _since(_trained(documents))
    arn = registry.arn(GROUP, shop)
    yield Group(arn=arn, name=shop, shop=shop, created_at=since, updated_at=since)


def _solutions(registry: Registry, shop: str, documents: Documents) -> Iterator[Resource]:
    trained = _trained(documents)
    if trained:
        yield Solution(
            arn=registry.arn(SOLUTION, shop),
            name=shop,
            group_arn=registry.arn(GROUP, shop),
            recipe_arn=registry.arn(RECIPE, RECIPE_NAME),
            created_at=_since(trained),
            updated_at=_since(trained),
        )


def _versions(registry: Registry, shop: str, documents: Documents) -> Iterator[Resource]:
    for version in _trained(documents):
        yield Version(
            arn=registry.arn(VERSION, f"{shop}/{version.name}"),
            name="",
            status=_STATUSES.get(version.status, ACTIVE),
            failure_reason=version.reason,
            solution_arn=registry.arn(SOLUTION, shop),
            group_arn=registry.arn(GROUP, shop),
            recipe_arn=registry.arn(RECIPE, RECIPE_NAME),
            model=version.name,
            metrics=version.metrics,
            created_at=version.created_at,
            updated_at=version.created_at,
        )


def _campaigns(registry: Registry, shop: str, documents: Documents) -> Iterator[Resource]:
    served = campaigns.campaign(documents)
    if served.version:
        yield Campaign(
            arn=registry.arn(CAMPAIGN, shop),
            name=shop,
            version_arn=registry.arn(VERSION, f"{shop}/{served.version}"),
            created_at=served.updated_at,
            updated_at=served.updated_at,
        )


def _trained(documents: Documents) -> list[SolutionVersion]:
    """By commands: what a resource of this API was trained for stands under its own ARN."""
    found = solution_versions.versions(documents)
    return [version for version in found if RESOURCE not in version.lineage]


def _since(trained: Sequence[SolutionVersion]) -> int:
    """µs; 0 where nothing says since when."""
    return min((version.created_at for version in trained), default=0)


_Made = Callable[[Registry, str, Documents], Iterator[Resource]]
_MADE_OF: dict[type[Resource], _Made] = {
    Group: _groups,
    Solution: _solutions,
    Version: _versions,
    Campaign: _campaigns,
}

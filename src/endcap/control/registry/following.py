"""Campaigns that move to another version: by an update, or because they follow the newest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from msgspec.structs import replace

from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.statuses import ACTIVE
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version

FOLLOWS = "syncWithLatestSolutionVersion"


def moved(campaign: Campaign, asked: Mapping[str, Any], at: int) -> Campaign:
    """As the members of an update ask; what they do not name stays."""
    state = {"status": ACTIVE, "creationDateTime": at, "lastUpdatedDateTime": at}
    return replace(
        campaign,
        version_arn=asked.get("solutionVersionArn", campaign.version_arn),
        min_tps=asked.get("minProvisionedTPS", campaign.min_tps),
        config=asked.get("campaignConfig", campaign.config),
        latest_update={**asked, **state},
        updated_at=at,
    )


def follow_latest(registry: Registry, version: Version, at: int) -> list[str]:
    """Let a version that became active answer in the campaigns that ask for the newest of its
    solution; their ARNs."""
    asked = {"solutionVersionArn": version.arn}
    followers = [
        campaign.arn
        for campaign in registry.all(Campaign)
        if campaign.version_arn.startswith(f"{version.solution_arn}/")
        and (campaign.config or {}).get(FOLLOWS, False)
        and registry.wrote(campaign)
    ]
    for arn in followers:
        registry.change(Campaign, arn, partial(moved, asked=asked, at=at))
    return followers

"""Campaigns: a trained version answers, at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import CAMPAIGN
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.control import Control
from endcap.control.registry.following import moved
from endcap.control.registry.operations.recipes import recipe_of
from endcap.control.registry.operations.versions import active_version
from endcap.control.registry.paging import listed
from endcap.control.registry.recipes import SEGMENTATION
from endcap.control.registry.removal import check_settled, remove_now
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import ACTIVE
from endcap.control.registry.store import Registry
from endcap.control.registry.tags import add_tags, read_tags
from endcap.control.registry.versions import Version
from endcap.domain.errors import InUse, InvalidInput

FIELD = "campaignArn"
_UPDATED = ("solutionVersionArn", "minProvisionedTPS", "campaignConfig")


def create_campaign(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, tags = control.registry, read_tags(given.get("tags", ()))
    version = _servable(registry, given["solutionVersionArn"])
    campaign = Campaign(
        arn=registry.arn(CAMPAIGN, given["name"]),
        name=given["name"],
        version_arn=version.arn,
        min_tps=given.get("minProvisionedTPS"),
        config=given.get("campaignConfig"),
        created_at=at,
        updated_at=at,
    )
    registry.create(campaign)
    add_tags(registry, campaign.arn, tags)
    return {FIELD: campaign.arn}


def describe_campaign(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    campaign = control.registry.find(Campaign, given[FIELD], FIELD)
    return {
        "campaign": {
            **_summary(campaign),
            **shown(
                solutionVersionArn=campaign.version_arn,
                minProvisionedTPS=campaign.min_tps,
                campaignConfig=campaign.config,
                latestCampaignUpdate=campaign.latest_update or None,
            ),
        }
    }


def list_campaigns(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("solutionArn", "")
    campaigns = control.registry.all(Campaign)
    found = (c for c in campaigns if not arn or c.version_arn.startswith(f"{arn}/"))
    return listed(control, "campaigns", given, found, _summary)


def update_campaign(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, arn = control.registry, given[FIELD]
    before = registry.find(Campaign, arn, FIELD)
    asked = {name: given[name] for name in _UPDATED if name in given}
    if "solutionVersionArn" in asked:
        version = _servable(registry, asked["solutionVersionArn"])
        serving = registry.get(Version, before.version_arn)
        if serving is not None and serving.group_arn != version.group_arn:
            raise InvalidInput(
                "campaign_of_other_group", field="solutionVersionArn", value=version.arn
            )
        asked["solutionVersionArn"] = version.arn

    def updated(now: Campaign) -> Campaign:
        check_settled(now)
        return moved(now, asked, at)

    registry.change(Campaign, arn, updated)
    return {FIELD: arn}


def delete_campaign(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    control.registry.find(Campaign, given[FIELD], FIELD)
    remove_now(control.registry, Campaign, given[FIELD])
    return {}


def _servable(registry: Registry, arn: str) -> Version:
    """Raises as ``active_version``, and InvalidInput (only_batch), InUse (not_ready)."""
    version = active_version(registry, arn)
    recipe = recipe_of(version.recipe_arn)
    if recipe.type == SEGMENTATION:
        raise InvalidInput("only_batch", field="solutionVersionArn", value=recipe.name)
    solution = registry.get(Solution, version.solution_arn)
    if solution is not None and solution.status != ACTIVE:
        raise InUse(
            "not_ready", value=solution.arn, kind=solution.KIND, status=solution.status,
            permitted=ACTIVE,
        )  # fmt: skip
    return version


def _summary(campaign: Campaign) -> dict[str, Any]:
    return shown(name=campaign.name, campaignArn=campaign.arn, **state(campaign))

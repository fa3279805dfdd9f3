"""What stands behind the ARN of a campaign or recommender: recipe, trained version, settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from endcap.app.shops import Shops
from endcap.control.registry.arns import CAMPAIGN, GROUP, parse
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.recipes import RECIPES, RecipeInfo
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.statuses import ACTIVE
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version
from endcap.domain.errors import InvalidInput, NotFound

OF_SHOPS = RECIPES["aws-user-personalization"]  # what a shop that the API did not make answers by


class Backing(NamedTuple):
    """``model``: in the shop's registry of models; "": whatever the shop itself serves.
    ``config``: of campaign or recommender, as it came. ``shop``: of the group; "" where nobody
    has looked."""

    arn: str
    group_arn: str
    recipe: RecipeInfo
    model: str
    config: Mapping[str, Any]
    shop: str = ""


def backing_of(shops: Shops, registry: Registry, given: Mapping[str, Any]) -> Backing:
    """What ``campaignArn`` or ``recommenderArn`` of a request names.

    Raises NotFound (no_resource), InvalidInput (bad_arn, arn_of_other_kind, one_of_two,
    not_active).
    """
    campaign, recommender = given.get("campaignArn"), given.get("recommenderArn")
    if (campaign is None) == (recommender is None):
        raise InvalidInput("one_of_two", field="campaignArn", permitted="recommenderArn")
    if recommender is not None:
        return of_recommender(registry, recommender)
    return of_campaign(shops, registry, campaign)


def of_campaign(shops: Shops, registry: Registry, arn: Any) -> Backing:
    found = registry.written(Campaign, arn)
    if found is None:
        of_shop = read_through(shops, registry, arn)
        if of_shop is not None:
            return of_shop
        found = registry.find(Campaign, arn, "campaignArn")
    check_active(found.status, "campaignArn", arn)
    return of_version(registry, found.version_arn, arn, found.config or {})


def of_version(
    registry: Registry, version_arn: str, arn: str = "", config: Mapping[str, Any] | None = None
) -> Backing:
    """What a solution version answers, whoever asks. Raises NotFound (no_resource), InvalidInput
    (not_active)."""
    version = registry.find(Version, version_arn, "solutionVersionArn")
    check_active(version.status, "solutionVersionArn", version_arn)
    recipe = recipe_of(version.recipe_arn)
    return Backing(arn or version_arn, version.group_arn, recipe, version.model, config or {})


def of_recommender(registry: Registry, arn: str) -> Backing:
    found = registry.find(Recommender, arn, "recommenderArn")
    check_active(found.status, "recommenderArn", arn)
    return Backing(
        arn, found.group_arn, recipe_of(found.recipe_arn), found.model, found.config or {}
    )


def read_through(shops: Shops, registry: Registry, arn: str) -> Backing | None:
    """The campaign that a shop has which the API did not make: it is called as the shop is."""
    at = parse(arn, "campaignArn")
    if at.kind != CAMPAIGN or at.place != registry.place:
        return None
    group = registry.arn(GROUP, at.key)
    try:
        return Backing(arn, group, OF_SHOPS, "", {}, shops.shop_of(group))
    except NotFound:
        return None


def recipe_of(arn: str) -> RecipeInfo:
    return RECIPES[parse(arn).key]


def check_active(status: str, field: str, arn: str) -> None:
    if status != ACTIVE:
        raise InvalidInput("not_active", field=field, value=arn, status=status)

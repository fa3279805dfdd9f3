"""Recipes: a table that ships with Endcap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.answers import shown
from endcap.control.registry.arns import RECIPE, Place, arn_of, parse
from endcap.control.registry.control import Control
from endcap.control.registry.paging import listed
from endcap.control.registry.recipes import RECIPES, REFUSED, RecipeInfo
from endcap.control.registry.resource import Resource
from endcap.control.registry.statuses import ACTIVE
from endcap.domain.errors import InvalidInput, NotFound

SINCE = 1_560_124_800_000_000  # µs: 2019-06-10, the API's first day


def describe_recipe(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given["recipeArn"]
    recipe = recipe_of(arn)
    place = parse(arn).place
    family = recipe.name.removeprefix("aws-")
    return {
        "recipe": {
            **_summary(place, recipe),
            "algorithmArn": _belonging(place, "algorithm", recipe.name),
            "featureTransformationArn": _belonging(place, "feature-transformation", family),
            "description": recipe.about,
            "recipeType": recipe.type,
        }
    }


def list_recipes(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    domain = given.get("domain", "")
    named = {
        _arn(control.registry.place, recipe): recipe
        for recipe in RECIPES.values()
        if domain in ("", recipe.domain)
    }
    found = [Resource(arn=arn, name=recipe.name) for arn, recipe in named.items()]

    def summary(resource: Resource) -> dict[str, Any]:
        recipe = named[resource.arn]
        return {
            **_summary(control.registry.place, recipe),
            **shown(domain=recipe.domain),
        }

    return listed(control, "recipes", given, found, summary)


def recipe_of(arn: str, field: str = "recipeArn") -> RecipeInfo:
    """Raises NotFound (no_such_recipe), InvalidInput (bad_arn, arn_of_other_kind,
    recipe_refused)."""
    at = parse(arn, field)
    if at.kind != RECIPE:
        raise InvalidInput("arn_of_other_kind", field=field, value=arn, permitted=RECIPE)
    if at.key in REFUSED:
        raise InvalidInput("recipe_refused", field=field, value=at.key, reason=REFUSED[at.key])
    if at.key not in RECIPES or (at.place.region, at.place.account) != ("", ""):
        raise NotFound("no_such_recipe", field=field, value=arn)
    return RECIPES[at.key]


def _summary(place: Place, recipe: RecipeInfo) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "recipeArn": _arn(place, recipe),
        "status": ACTIVE,
        "creationDateTime": SINCE,
        "lastUpdatedDateTime": SINCE,
    }


def _arn(place: Place, recipe: RecipeInfo) -> str:
    return arn_of(place, RECIPE, recipe.name)


def _belonging(place: Place, word: str, name: str) -> str:
    return f"arn:{place.partition}:personalize:::{word}/{name}"

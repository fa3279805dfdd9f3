"""Solutions: a recipe with settings, made at once; what is trained are their versions."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from msgspec.structs import replace as changed

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import SOLUTION
from endcap.control.registry.batches import BatchInference, BatchSegment
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.control import Control
from endcap.control.registry.operations.groups import ready_group
from endcap.control.registry.operations.recipes import recipe_of
from endcap.control.registry.operations.versions import summary as version_summary
from endcap.control.registry.operations.versions import versions_of
from endcap.control.registry.paging import listed
from endcap.control.registry.removal import ask_removal, check_settled, check_unused
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import ACTIVE, SETTLED
from endcap.control.registry.tags import add_tags, read_tags
from endcap.control.registry.training_config import check_training_columns
from endcap.domain.errors import InvalidInput

# What performAutoML chooses.
BEST_RECIPE = "arn:{partition}:personalize:::recipe/aws-user-personalization"
_UPDATED = ("performAutoTraining", "performIncrementalUpdate", "solutionUpdateConfig")


def create_solution(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, tags = control.registry, read_tags(given.get("tags", ()))
    config = given.get("solutionConfig", {})
    group = ready_group(registry, given["datasetGroupArn"])
    recipe_arn = _recipe_arn(control, given)
    _check_threshold(config)
    check_training_columns(registry, group, config, "solutionConfig")
    solution = Solution(
        arn=registry.arn(SOLUTION, given["name"]),
        name=given["name"],
        group_arn=group.arn,
        recipe_arn=recipe_arn,
        event_type=given.get("eventType", ""),
        config=config,
        perform_hpo=given.get("performHPO", False),
        perform_auto_ml=given.get("performAutoML", False),
        perform_auto_training=given.get("performAutoTraining", False),
        perform_incremental_update=given.get("performIncrementalUpdate", False),
        created_at=at,
        updated_at=at,
    )
    registry.create(solution)
    add_tags(registry, solution.arn, tags)
    return {"solutionArn": solution.arn}


def describe_solution(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    solution = control.registry.find(Solution, given["solutionArn"], "solutionArn")
    versions = versions_of(control.registry, solution.arn)
    best = {"bestRecipeArn": solution.recipe_arn} if solution.perform_auto_ml else None
    return {
        "solution": {
            **_summary(solution),
            **shown(
                performHPO=solution.perform_hpo,
                performAutoML=solution.perform_auto_ml,
                performAutoTraining=solution.perform_auto_training,
                performIncrementalUpdate=solution.perform_incremental_update,
                datasetGroupArn=solution.group_arn,
                eventType=solution.event_type,
                solutionConfig=solution.config,
                autoMLResult=best,
                latestSolutionVersion=version_summary(versions[-1]) if versions else None,
                latestSolutionUpdate=solution.latest_update or None,
            ),
        }
    }


def list_solutions(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("datasetGroupArn", "")
    found = (s for s in control.registry.all(Solution) if arn in ("", s.group_arn))
    return listed(control, "solutions", given, found, _summary)


def update_solution(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    """Counts from the next version on."""
    arn = given["solutionArn"]
    control.registry.find(Solution, arn, "solutionArn")
    update = {name: given[name] for name in _UPDATED if name in given}
    update |= {"status": ACTIVE, "creationDateTime": at, "lastUpdatedDateTime": at}

    def updated(now: Solution) -> Solution:
        check_settled(now)
        return changed(
            now,
            perform_auto_training=given.get("performAutoTraining", now.perform_auto_training),
            perform_incremental_update=given.get(
                "performIncrementalUpdate", now.perform_incremental_update
            ),
            config={**now.config, **given.get("solutionUpdateConfig", {})},
            latest_update=update,
            updated_at=at,
        )

    control.registry.change(Solution, arn, updated)
    return {"solutionArn": arn}


def delete_solution(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    """With all its versions."""
    registry, arn = control.registry, given["solutionArn"]
    solution = registry.find(Solution, arn, "solutionArn")
    if registry.wrote(solution):
        serving = [c for c in registry.all(Campaign) if c.version_arn.startswith(f"{arn}/")]
        check_unused(solution, serving)
        jobs = (
            *versions_of(registry, arn),
            *(job for job in registry.all(BatchInference) if job.version_arn.startswith(f"{arn}/")),
            *(job for job in registry.all(BatchSegment) if job.version_arn.startswith(f"{arn}/")),
        )
        at_work = [job for job in jobs if job.status not in SETTLED]
        check_unused(solution, at_work, "wait until these have ended; training can be stopped")
    ask_removal(control, Solution, arn, at)
    return {}


def _recipe_arn(control: Control, given: Mapping[str, Any]) -> str:
    """Raises NotFound (no_such_recipe), InvalidInput (recipe_missing, recipe_of_domain,
    recipe_refused)."""
    arn: str = given.get("recipeArn", "")
    if not arn:
        if not given.get("performAutoML", False):
            raise InvalidInput("recipe_missing", field="recipeArn")
        return BEST_RECIPE.format(partition=control.registry.place.partition)
    recipe = recipe_of(arn)
    if recipe.domain:
        raise InvalidInput(
            "recipe_of_domain", field="recipeArn", value=recipe.name, permitted=recipe.domain
        )
    return arn


def _check_threshold(config: Mapping[str, Any]) -> None:
    """Raises InvalidInput (bad_event_threshold)."""
    text = config.get("eventValueThreshold", "0")
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        field = "solutionConfig.eventValueThreshold"
        raise InvalidInput("bad_event_threshold", field=field, value=text)


def _summary(solution: Solution) -> dict[str, Any]:
    return shown(
        name=solution.name,
        solutionArn=solution.arn,
        recipeArn=solution.recipe_arn,
        **state(solution, fails=False),
    )

"""Solution versions: asked for here, trained by a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace as changed

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import DATASET, VERSION
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import INTERACTIONS, ITEMS, Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.operations.groups import ready_group
from endcap.control.registry.operations.recipes import recipe_of
from endcap.control.registry.paging import listed
from endcap.control.registry.recipes import PERSONAL, SEMANTIC, RecipeInfo
from endcap.control.registry.resource import CREATE, STOP
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import ACTIVE, IN_PROGRESS, PENDING, STOPPING
from endcap.control.registry.store import Registry
from endcap.control.registry.tags import add_tags, read_tags
from endcap.control.registry.versions import FULL, UPDATE, Version
from endcap.domain.errors import Conflict, InUse, InvalidInput

DIGITS = 8  # of a version's own name, in hex
LATEST = "/$LATEST"
DECIMALS = 4  # of metrics
FIELD = "solutionVersionArn"


def create_solution_version(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, tags = control.registry, read_tags(given.get("tags", ()))
    solution = _ready_solution(registry, given["solutionArn"])
    group = ready_group(registry, solution.group_arn)
    check_data(registry, group, recipe_of(solution.recipe_arn))
    mode, name = given.get("trainingMode", FULL), given.get("name", "")
    _check_new(registry, solution, mode, name)
    version = Version(
        arn=registry.arn(VERSION, f"{solution.key}/{registry.draw(DIGITS)}"),
        name=name,
        status=PENDING,
        solution_arn=solution.arn,
        group_arn=solution.group_arn,
        recipe_arn=solution.recipe_arn,
        event_type=solution.event_type,
        config=solution.config,
        perform_hpo=solution.perform_hpo,
        training_mode=mode,
        created_at=at,
        updated_at=at,
    )
    registry.create(version)
    add_tags(registry, version.arn, tags)
    control.begin(version, CREATE, at)
    return {FIELD: version.arn}


def describe_solution_version(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    version = control.registry.find(Version, given[FIELD], FIELD)
    tuned = {"algorithmHyperParameters": version.tuned} if version.tuned else None
    solution = control.registry.get(Solution, version.solution_arn)
    return {
        "solutionVersion": {
            **summary(version),
            **shown(
                name=version.name,
                solutionArn=version.solution_arn,
                performHPO=version.perform_hpo,
                performAutoML=solution is not None and solution.perform_auto_ml,
                performIncrementalUpdate=(
                    solution is not None and solution.perform_incremental_update
                ),
                recipeArn=version.recipe_arn,
                eventType=version.event_type,
                datasetGroupArn=version.group_arn,
                solutionConfig=version.config,
                trainingHours=version.training_hours if version.status == ACTIVE else None,
                tunedHPOParams=tuned,
            ),
        }
    }


def list_solution_versions(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn, registry = given.get("solutionArn", ""), control.registry
    if arn:
        registry.find(Solution, arn, "solutionArn")
    found = versions_of(registry, arn) if arn else registry.all(Version)
    return listed(control, "solutionVersions", given, found, summary)


def stop_solution_version_creation(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    control.registry.find(Version, given[FIELD], FIELD)

    def stopping(now: Version) -> Version:
        if now.status not in (PENDING, IN_PROGRESS):
            raise InvalidInput(
                "not_stoppable", field=FIELD, value=now.arn, kind=VERSION, status=now.status,
                permitted=f"{PENDING} or {IN_PROGRESS}", todo="stopped",
            )  # fmt: skip
        return changed(now, status=STOPPING, updated_at=at)

    control.begin(control.registry.change(Version, given[FIELD], stopping), STOP, at)
    return {}


def get_solution_metrics(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    version = control.registry.find(Version, given[FIELD], FIELD)
    check_active(version)
    return {FIELD: version.arn, "metrics": rounded(version.metrics)}


def rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), DECIMALS) for name, value in metrics.items()}


def versions_of(registry: Registry, solution_arn: str) -> list[Version]:
    """Oldest first."""
    solution = registry.get(Solution, solution_arn)
    if solution is None:
        return []
    found = registry.all(Version, f"{solution.key}/")
    return sorted(found, key=lambda version: (version.created_at, version.arn))


def active_version(registry: Registry, arn: str) -> Version:
    """``arn``: of a version, or a solution's with /$LATEST. Raises NotFound (no_resource), InUse
    (not_ready), InvalidInput (version_not_active, no_active_version)."""
    if not arn.endswith(LATEST):
        version = registry.find(Version, arn, FIELD)
        check_active(version)
        return version
    solution = registry.find(Solution, arn.removesuffix(LATEST), FIELD)
    active = [v for v in versions_of(registry, solution.arn) if v.status == ACTIVE]
    if not active:
        raise InvalidInput("no_active_version", field=FIELD, value=solution.arn)
    return active[-1]


def check_active(version: Version) -> None:
    """Raises InUse (not_ready) while it may become so, InvalidInput (version_not_active)."""
    if version.status in (PENDING, IN_PROGRESS):
        raise InUse(
            "not_ready", field=FIELD, value=version.arn, kind=VERSION, status=version.status,
            permitted=ACTIVE,
        )  # fmt: skip
    if version.status != ACTIVE:
        raise InvalidInput(
            "version_not_active", field=FIELD, value=version.arn, status=version.status
        )


def check_data(registry: Registry, group: Group, recipe: RecipeInfo) -> None:
    """Whether there is a dataset to learn from; of a shop whose data came otherwise nobody knows.
    Raises InvalidInput (lacks_dataset)."""
    kind = ITEMS if recipe.family == SEMANTIC else INTERACTIONS
    there = registry.get(Dataset, registry.arn(DATASET, f"{group.name}/{kind}"))
    if registry.wrote(group) and there is None:
        raise InvalidInput("lacks_dataset", value=group.arn, permitted=kind)


def _ready_solution(registry: Registry, arn: str) -> Solution:
    """Raises NotFound, InvalidInput (made_elsewhere), InUse (not_ready)."""
    solution = registry.find(Solution, arn, "solutionArn")
    if not registry.wrote(solution):
        raise InvalidInput("made_elsewhere", field="solutionArn", value=arn, kind=solution.KIND)
    if solution.status != ACTIVE:
        raise InUse(
            "not_ready", value=arn, kind=solution.KIND, status=solution.status, permitted=ACTIVE
        )
    return solution


def _check_new(registry: Registry, solution: Solution, mode: str, name: str) -> None:
    """Raises Conflict (version_name_taken), InvalidInput (update_of_recipe,
    update_without_full)."""
    versions = versions_of(registry, solution.arn)
    if name and any(version.name == name for version in versions):
        raise Conflict("version_name_taken", field="name", value=name)
    if mode != UPDATE:
        return
    recipe = recipe_of(solution.recipe_arn)
    if recipe.family != PERSONAL:
        raise InvalidInput("update_of_recipe", field="trainingMode", value=recipe.name)
    if not any(v.status == ACTIVE and v.training_mode != UPDATE for v in versions):
        raise InvalidInput("update_without_full", field="trainingMode", value=solution.arn)


def summary(version: Version) -> dict[str, Any]:
    return shown(
        solutionVersionArn=version.arn,
        trainingMode=version.training_mode,
        trainingType="MANUAL",
        **state(version),
    )

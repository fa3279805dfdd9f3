"""Recommenders: a recipe of a group's domain, trained by a job, answering as soon as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace as changed

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import RECOMMENDER
from endcap.control.registry.control import Control
from endcap.control.registry.operations.groups import ready_group
from endcap.control.registry.operations.recipes import recipe_of
from endcap.control.registry.operations.versions import check_data, rounded
from endcap.control.registry.paging import listed
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.removal import ask_removal, check_settled
from endcap.control.registry.resource import CREATE, START, STOP
from endcap.control.registry.statuses import (
    ACTIVE,
    INACTIVE,
    PENDING,
    START_PENDING,
    STOP_PENDING,
)
from endcap.control.registry.tags import add_tags, read_tags
from endcap.control.registry.training_config import check_training_columns
from endcap.domain.errors import InvalidInput

FIELD = "recommenderArn"


def create_recommender(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    registry, tags = control.registry, read_tags(given.get("tags", ()))
    group = ready_group(registry, given["datasetGroupArn"])
    recipe = recipe_of(given["recipeArn"])
    if not group.domain:
        raise InvalidInput("group_of_no_domain", field="datasetGroupArn", value=group.arn)
    if recipe.domain != group.domain:
        raise InvalidInput(
            "recipe_of_no_domain", field="recipeArn", value=recipe.name, permitted=group.domain
        )
    check_data(registry, group, recipe)
    check_training_columns(registry, group, given.get("recommenderConfig"), "recommenderConfig")
    recommender = Recommender(
        arn=registry.arn(RECOMMENDER, given["name"]),
        name=given["name"],
        status=PENDING,
        group_arn=group.arn,
        recipe_arn=given["recipeArn"],
        config=given.get("recommenderConfig"),
        created_at=at,
        updated_at=at,
    )
    registry.create(recommender)
    add_tags(registry, recommender.arn, tags)
    control.begin(recommender, CREATE, at)
    return {FIELD: recommender.arn}


def describe_recommender(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    found = control.registry.find(Recommender, given[FIELD], FIELD)
    more = shown(
        failureReason=found.failure_reason,
        latestRecommenderUpdate=found.latest_update or None,
        modelMetrics=rounded(found.metrics) or None,
    )
    return {"recommender": {**_summary(found), **more}}


def list_recommenders(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("datasetGroupArn", "")
    found = (r for r in control.registry.all(Recommender) if arn in ("", r.group_arn))
    return listed(control, "recommenders", given, found, _summary)


def update_recommender(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    """Counts from the next answer on; for what it says of training, from the next training on."""
    registry, arn, config = control.registry, given[FIELD], given["recommenderConfig"]
    found = registry.find(Recommender, arn, FIELD)
    group = ready_group(registry, found.group_arn)
    check_training_columns(registry, group, config, "recommenderConfig")
    update = {
        "recommenderConfig": config, "status": ACTIVE, "creationDateTime": at,
        "lastUpdatedDateTime": at,
    }  # fmt: skip

    def updated(now: Recommender) -> Recommender:
        check_settled(now)
        return changed(now, config=config, latest_update=update, updated_at=at)

    registry.change(Recommender, arn, updated)
    return {FIELD: arn}


def stop_recommender(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    return _switch(control, given[FIELD], at, (ACTIVE, STOP_PENDING, STOP, "stopped"))


def start_recommender(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    return _switch(control, given[FIELD], at, (INACTIVE, START_PENDING, START, "started"))


def delete_recommender(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    control.registry.find(Recommender, given[FIELD], FIELD)
    ask_removal(control, Recommender, given[FIELD], at)
    return {}


def _switch(
    control: Control, arn: str, at: int, switch: tuple[str, str, str, str]
) -> dict[str, Any]:
    """``switch``: the status it must have, the one that it gets, the work, and its name."""
    needed, pending, action, todo = switch
    control.registry.find(Recommender, arn, FIELD)

    def switched(now: Recommender) -> Recommender:
        check_settled(now)
        if now.status != needed:
            raise InvalidInput(
                "not_stoppable", field=FIELD, value=arn, kind=RECOMMENDER, status=now.status,
                permitted=needed, todo=todo,
            )  # fmt: skip
        return changed(now, status=pending, updated_at=at)

    control.begin(control.registry.change(Recommender, arn, switched), action, at)
    return {FIELD: arn}


def _summary(found: Recommender) -> dict[str, Any]:
    return shown(
        name=found.name,
        recommenderArn=found.arn,
        datasetGroupArn=found.group_arn,
        recipeArn=found.recipe_arn,
        recommenderConfig=found.config if found.config is not None else {},
        **state(found, fails=False),
    )

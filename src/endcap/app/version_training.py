"""Training a solution version or a recommender of the Personalize API on its group's shop.

The trained model stands in the shop's own registry of models too; it does not serve ``/v1``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from endcap.app.compaction import settle
from endcap.app.lineage import HERE, common
from endcap.app.reloading import MODELS
from endcap.app.shop import Shop
from endcap.app.training import SEARCH_S, failing
from endcap.app.version_data import Lesson, lesson
from endcap.app.version_fitting import Fitted, Progress, fitted
from endcap.control import solution_versions
from endcap.control.registry.arns import RECOMMENDER, parse
from endcap.control.registry.following import follow_latest
from endcap.control.registry.recipes import RECIPES, RecipeInfo
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.statuses import ACTIVE, FAILED, IN_PROGRESS, PENDING
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version
from endcap.control.solution_versions import RESOURCE, SolutionVersion
from endcap.domain.errors import EndcapError, InvalidInput, Unavailable

# How often a solution says that trends are looked for, in days.
FREQUENCIES = {"30 minutes": 1 / 48, "1 hour": 1 / 24, "3 hours": 1 / 8, "1 day": 1.0}

Trainee = Version | Recommender


class Order(NamedTuple):
    """What is to be trained."""

    arn: str
    recipe: RecipeInfo
    event_type: str
    config: Mapping[str, Any]
    budget_s: float  # of estimated work of the search for settings
    half_life_days: float  # of what trends


def train_version(
    shop: Shop,
    registry: Registry,
    arn: str,
    at: int,
    progress: Progress,
    elapsed: Callable[[], float] = lambda: 0.0,
) -> None:
    """Train what ``arn`` asks for, until the resource is ACTIVE or CREATE FAILED with its reason.
    ``elapsed``: seconds since ``at``.

    A second call after a killed one begins anew under the same model name. What was stopped or
    deleted meanwhile stays so, and its model goes. Raises NotFound (no_resource), Unavailable (then
    it is to be tried again) and, once the resource says that it failed, whatever is no error of
    Endcap's own.
    """
    shape = shape_of(arn)
    registry.change(shape, arn, lambda now: _begun(now, at))
    try:
        made, found = _train(shop, _order(shop, registry.find(shape, arn)), at, progress)
    except Unavailable:
        raise
    except EndcapError as error:
        reason = str(error)
        _end(registry, shape, arn, at, elapsed, lambda now: _failed(now, reason))
        return
    except Exception as error:
        reason = type(error).__name__
        _end(registry, shape, arn, at, elapsed, lambda now: _failed(now, reason))
        raise
    told = _end(
        registry, shape, arn, at, elapsed, lambda now: _trained(now, made, found, elapsed())
    )
    if told is None or told.model != made.name:
        shop.artifacts.delete(MODELS, made.name)
        gone = replace(made, status="failed", reason="stopped or deleted while it was trained")
        solution_versions.save(shop.documents, gone)
    elif isinstance(told, Version):
        follow_latest(registry, told, told.updated_at)


def shape_of(arn: str) -> type[Trainee]:
    return Recommender if parse(arn).kind == RECOMMENDER else Version


def _order(shop: Shop, asked: Trainee) -> Order:
    """Raises InvalidInput (unknown_recipe)."""
    name = parse(asked.recipe_arn).key
    if name not in RECIPES:
        raise InvalidInput("unknown_recipe", field="recipeArn", value=asked.recipe_arn)
    config, settings = asked.config or {}, shop.settings
    thorough = isinstance(asked, Version) and asked.perform_hpo
    event_type = asked.event_type if isinstance(asked, Version) else ""
    said = {
        **(config.get("algorithmHyperParameters") or {}),
        **(config.get("featureTransformationParameters") or {}),
    }
    half_life = FREQUENCIES.get(
        str(said.get("trend_discovery_frequency", "")).lower(), settings.trending_half_life_days
    )
    budget = SEARCH_S if thorough else settings.solution_search_s
    return Order(asked.arn, RECIPES[name], event_type, config, budget, half_life)


def _train(
    shop: Shop, order: Order, at: int, progress: Progress
) -> tuple[SolutionVersion, tuple[Fitted, Lesson]]:
    """The version, registered in the shop; it serves nothing yet."""
    progress("reading the log", 0.0)
    settle(shop, at)
    version = _reserved(shop, order, at)
    with failing(shop, version):
        manifest = shop.lake.manifest()
        progress("reading the lake", 0.0)
        given = lesson(shop, order.recipe, order.event_type, order.config)
        found = fitted(shop, order.recipe, given, order.half_life_days, order.budget_s, progress)
        progress("writing the model", 0.95)
        staged = shop.artifacts.staging(MODELS)
        found.write(staged)
        shop.artifacts.publish(MODELS, version.name, staged)
        facts = {
            "lake_version": manifest.version,
            "log_offset": manifest.log_offset,
            "events": len(given.data),
            "users": given.data.n_users,
            "items": given.data.n_items,
            "newest_event_us": int(given.data.ts.max()),
        }
        made = replace(
            version, status="active", reason="", metrics=found.metrics, info=found.info,
            lineage={**version.lineage, **facts},
        )  # fmt: skip
        solution_versions.save(shop.documents, made)
    progress("done", 1.0)
    return made, (found, given)


def _reserved(shop: Shop, order: Order, at: int) -> SolutionVersion:
    """A new name, or the one of an earlier attempt for the same resource."""
    lineage = {**common(shop, order.recipe.name, HERE), RESOURCE: order.arn}
    for version in solution_versions.versions(shop.documents):
        if version.lineage.get(RESOURCE) == order.arn and version.status == "training":
            if version.name in shop.artifacts.names(MODELS):
                shop.artifacts.delete(MODELS, version.name)
            return replace(version, lineage=lineage)
    version = replace(solution_versions.reserve(shop.documents, at), lineage=lineage)
    solution_versions.save(shop.documents, version)
    return version


def _begun(now: Trainee, at: int) -> Trainee:
    if now.status != PENDING:
        return now
    return replace(now, status=IN_PROGRESS, updated_at=at)


def _failed(now: Trainee, reason: str) -> Trainee:
    return replace(now, status=FAILED, failure_reason=reason)


def _trained(
    now: Trainee, made: SolutionVersion, found: tuple[Fitted, Lesson], seconds: float
) -> Trainee:
    fit, given = found
    told = replace(now, status=ACTIVE, failure_reason="", model=made.name, metrics=fit.metrics)
    if isinstance(told, Version):
        told = replace(
            told, tuned=fit.tuned, warnings=given.warnings, training_hours=seconds / 3600
        )
    return told


def _end(
    registry: Registry,
    shape: type[Trainee],
    arn: str,
    at: int,
    elapsed: Callable[[], float],
    change: Callable[[Trainee], Trainee],
) -> Trainee | None:
    """Move the resource, unless somebody stopped or deleted it; None: it is gone."""

    def told(now: Trainee) -> Trainee:
        if now.status not in (PENDING, IN_PROGRESS, ACTIVE):
            return now
        return replace(change(now), updated_at=at + round(elapsed() * 1e6))

    try:
        return registry.change(shape, arn, told)
    except EndcapError:
        return None

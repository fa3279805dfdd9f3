"""Whether a version may serve: the gate over what the shop serves now."""

from __future__ import annotations

from collections.abc import Callable

from endcap.app.reloading import MODELS, RECIPE
from endcap.app.shop import Shop
from endcap.control import campaigns, solution_versions
from endcap.control.solution_versions import SolutionVersion
from endcap.data.interactions import Interactions
from endcap.domain.errors import Damaged, NotFound
from endcap.evaluation.drift import item_drift
from endcap.evaluation.gate import gate
from endcap.evaluation.results import Verdict
from endcap.models.recipe import Recipe


def judge_version(
    shop: Shop, new: Recipe, data: Interactions, progress: Callable[[str, float], None]
) -> Verdict:
    """What the gate says of ``new``, trained on ``data``, against the version that serves."""
    name, current = serving_recipe(shop)
    progress(f"comparing with {name or 'the baselines'}", 0.0)
    return gate(
        new,
        current,
        data,
        name=name,
        seed=shop.settings.seed,
        threads=shop.settings.cores,
        memory_mb=shop.settings.memory_mb,
    )


def serving_recipe(shop: Shop) -> tuple[str, Recipe | None]:
    """(the version that serves, its recipe). None where nothing serves, or where its files cannot
    be read: what cannot serve defends no place."""
    name = campaigns.campaign(shop.documents).version
    if not name:
        return "", None
    try:
        return name, Recipe.load(shop.artifacts.open(MODELS, name) / RECIPE)
    except (NotFound, Damaged):
        return "", None


def drift_of(shop: Shop, data: Interactions) -> float | None:
    """See ``item_drift``, of what the version that serves has not seen; None where none serves."""
    name = campaigns.campaign(shop.documents).version
    if not name:
        return None
    try:
        learnt = solution_versions.version(shop.documents, name).lineage
    except NotFound:
        return None
    return item_drift(data, int(learnt.get("newest_event_us", 0)))


def may_serve(version: SolutionVersion) -> bool:
    """Passed, not judged, or forced."""
    return version.gate is None or not version.gate.refused or bool(version.forced)

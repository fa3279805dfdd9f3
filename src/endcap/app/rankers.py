"""The ranker of a model version: an artifact of its own, so that a damaged one costs the order of
the answers and not the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from endcap.app.shop import Shop
from endcap.data.interactions import Interactions
from endcap.domain.errors import Damaged, EndcapError, NotFound
from endcap.domain.values import Attributes
from endcap.models.ranker import Ranker
from endcap.models.ranker_training import Progress, fit_ranker
from endcap.models.recipe import Recipe
from endcap.ports import Artifacts

RANKERS = "rankers"
MOST_S = 60.0  # of estimated work


def load_ranker(
    artifacts: Artifacts, version: str
) -> tuple[Ranker | None, tuple[EndcapError, ...]]:
    """(the version's ranker, what was damaged). A version may have none."""
    try:
        return Ranker.load(artifacts.open(RANKERS, version)), ()
    except NotFound:
        return None, ()
    except Damaged as error:
        return None, (error,)


def ranker_budget(budget_s: float | None) -> float:
    """Its part of the budget of a whole training."""
    return MOST_S if budget_s is None else min(MOST_S, budget_s / 2)


def train_ranker(
    shop: Shop,
    version: str,
    data: Interactions,
    catalogue: Sequence[Attributes],
    recipe: Recipe,
    budget_s: float | None,
    progress: Progress,
) -> dict[str, Any]:
    """Fit and publish the ranker of ``version``, where there is enough to learn from; what was
    found out. ``budget_s``: of the whole training, of which this takes at most half."""
    outcome = fit_ranker(
        data,
        catalogue if any(catalogue) else None,
        recipe,
        seed=shop.settings.seed,
        threads=shop.settings.cores,
        budget_s=ranker_budget(budget_s),
        progress=progress,
        memory_mb=shop.settings.memory_mb,
    )
    if outcome.ranker is not None:
        staged = shop.artifacts.staging(RANKERS)
        outcome.ranker.save(staged)
        outcome.ranker.warm()  # compiled code is kept: who takes this version up compiles nothing
        shop.artifacts.publish(RANKERS, version, staged)
    return outcome.info

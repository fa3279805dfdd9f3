"""The gate before a new version serves: it must beat the baselines and not fall behind what serves.

Everybody is held to the same tail of the events, which none of them learnt from: the new version
and the one that serves are fitted anew, each with its own choices, on the events before the tail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float64s, Int32s
from endcap.evaluation import metrics
from endcap.evaluation.results import NOT_JUDGED, PASSED, REFUSED, Rival, Verdict
from endcap.evaluation.truth import Truth, judge
from endcap.models.holdout import Holdout, excluded, hold_out
from endcap.models.mixture import Mixture
from endcap.models.neighbours import empty
from endcap.models.recipe import Recipe
from endcap.models.training import prior_of
from endcap.statistics.paired import compare_paired

K = 20
METRIC = f"ndcg@{K}"
QUERIES = 3000
LEAST_QUERIES = 100  # with fewer, chance decides who wins
MARGIN = 0.02  # of the current version's figure: what newer events are worth more than
RECENT_DAYS = 7.0  # half-life of the baseline of what was popular lately
_ANOTHER_DRAW = 1  # added to the seed: other shoppers than the search asked, where there are more


class Judges(NamedTuple):
    """The held-out queries, and how they are fitted for."""

    held: Holdout
    seed: int
    threads: int
    memory_mb: int


def gate(
    new: Recipe,
    current: Recipe | None,
    data: Interactions,
    *,
    name: str,
    seed: int,
    threads: int,
    memory_mb: int,
) -> Verdict:
    """Whether ``new`` may take the place of ``current``, which serves under ``name``; both were
    trained in the event types of ``data``. None: nothing serves yet, the baselines alone count.

    Baselines: the interval of (new − baseline) must lie above 0. The current version: the
    interval must exclude a loss of more than ``MARGIN``, or the mean be no loss. With fewer than
    ``LEAST_QUERIES`` queries nothing is judged. Draws are seeded.
    """
    held = hold_out(data, QUERIES, seed + _ANOTHER_DRAW)
    if held.queries.size < LEAST_QUERIES:
        return _not_judged(held.queries.size)
    judges = Judges(held, seed, threads, memory_mb)
    own = worth(_refitted(new, judges), judges, policy_of(new))
    rivals = [
        against_baseline(baseline, own, worth(mixture, judges, policy_of(new)), seed)
        for baseline, mixture in baselines(held.fitting).items()
    ]
    if current is not None:
        other = worth(_refitted(current, judges), judges, policy_of(current))
        rivals.append(against_current(name, own, other, seed))
    return verdict(held.queries.size, tuple(rivals))


def policy_of(recipe: Recipe) -> str:
    """Its seen policy: everybody is asked as they would serve."""
    return str(recipe.info["seen_policy"])


def baselines(fitting: Interactions) -> Mapping[str, Mixture]:
    """What is popular, and what was popular lately (half-life ``RECENT_DAYS``), for everybody."""
    half_lives: dict[str, float | None] = {"popularity": None}
    if fitting.timed:
        half_lives["recent"] = RECENT_DAYS
    found = {}
    for name, half_life in half_lives.items():
        scores = prior_of(fitting, half_life)
        found[name] = Mixture(empty(fitting.n_items), [], np.where(scores > 0, scores, np.nan))
    return found


def worth(model: Recipe | Mixture, judges: Judges, policy: str) -> Float64s:
    """NDCG@20 of each held-out query, all items ranked, less what the seen policy leaves out:
    (queries,)."""
    held = judges.held
    starts, items = excluded(held.queries, policy, held.fitting.event_types)
    if isinstance(model, Recipe):
        rows = model.candidates_many(held.queries, K, starts, items)[0]
    else:
        rows = model.top(held.queries, K, None, starts, items)[0]
    return metrics.ndcg(judge(_padded(rows), Truth(held.target_starts, held.targets)))


def against_baseline(name: str, new: Float64s, other: Float64s, seed: int) -> Rival:
    """The interval of the difference must lie above 0."""
    needed = "better beyond chance"
    return _rival(name, new, other, seed, needed, lambda _, low: low > 0)


def against_current(name: str, new: Float64s, other: Float64s, seed: int) -> Rival:
    """No loss on average, or the interval excludes one of more than ``MARGIN`` of the current."""
    least = -MARGIN * float(other.mean())
    needed = f"no loss, or surely less than {MARGIN:.0%}"
    return _rival(name, new, other, seed, needed, lambda mean, low: mean >= 0 or low > least)


def verdict(queries: int, rivals: tuple[Rival, ...]) -> Verdict:
    """Passed when every rival is; the sentence names those that are not."""
    lost = [told(rival) for rival in rivals if not rival.passed]
    if lost:
        return Verdict(REFUSED, "; ".join(lost), METRIC, queries, rivals)
    reason = "; ".join(told(rival) for rival in rivals)
    return Verdict(PASSED, reason, METRIC, queries, rivals)


def told(rival: Rival) -> str:
    """``NDCG@20 0.1200 against 0.1300 of v0003: -0.0100 [-0.0150, -0.0050], needed: …``"""
    return (
        f"NDCG@{K} {rival.new:.4f} against {rival.rival:.4f} of {rival.name}: "
        f"{rival.difference:+.4f} [{rival.low:+.4f}, {rival.high:+.4f}], needed: {rival.needed}"
    )


def _not_judged(queries: int) -> Verdict:
    what = f"{queries} held-out shoppers are too few to judge by: it takes {LEAST_QUERIES}"
    return Verdict(NOT_JUDGED, what, METRIC, queries)


def _refitted(recipe: Recipe, judges: Judges) -> Recipe:
    return recipe.refitted(judges.held.fitting, threads=judges.threads, memory_mb=judges.memory_mb)


def _padded(rows: Int32s) -> Int32s:
    return np.pad(rows, ((0, 0), (0, K - rows.shape[1])), constant_values=-1)


def _rival(
    name: str,
    new: Float64s,
    other: Float64s,
    seed: int,
    needed: str,
    enough: Callable[[float, float], bool],
) -> Rival:
    """``enough``: of the mean difference and the lower end of its interval."""
    found = compare_paired(new, other, seed=seed)
    return Rival(
        name=name,
        new=round(float(new.mean()), 6),
        rival=round(float(other.mean()), 6),
        difference=round(found.difference, 6),
        low=round(found.low, 6),
        high=round(found.high, 6),
        needed=needed,
        passed=enough(found.difference, found.low),
    )

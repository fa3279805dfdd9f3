"""What each family of recipes fits, and how good it is by Personalize's own measure.

A version is fitted twice: on nine users in ten, to be measured by the others, and on all. What is
searched for is chosen once, on the nine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from endcap.app.newcomers import train_newcomers
from endcap.app.reloading import TALLIES
from endcap.app.shop import Shop
from endcap.app.training import write_model
from endcap.app.version_data import Lesson
from endcap.control.registry.recipes import (
    ALSO,
    PERSONAL,
    POPULAR,
    RELATED,
    RERANK,
    SEGMENTATION,
    SEMANTIC,
    TOGETHER,
    TRENDING,
    RecipeInfo,
)
from endcap.data.interactions import Interactions
from endcap.domain.arrays import Int32s
from endcap.evaluation.personalize_metrics import (
    LONGEST,
    Exam,
    measures,
    nothing_measured,
    split,
)
from endcap.evaluation.segment_metrics import (
    SegmentExam,
    no_segments_measured,
    segment_measures,
    split_each,
)
from endcap.models.content import ContentIndex
from endcap.models.holdout import excluded
from endcap.models.popularity import trending
from endcap.models.recipe import Recipe
from endcap.models.tallies import BASKET, USER, Tallies, ranked

Progress = Callable[[str, float], None]
PAIRS = {TOGETHER: BASKET, ALSO: USER}


class Fitted(NamedTuple):
    """``write`` fills a model folder. ``info`` is what training decided, ``tuned`` in a few words
    of it."""

    write: Callable[[Path], None]
    metrics: dict[str, float]
    tuned: dict[str, str]
    info: dict[str, Any]


def fitted(
    shop: Shop,
    recipe: RecipeInfo,
    given: Lesson,
    half_life_days: float,
    budget_s: float,
    progress: Progress,
) -> Fitted:
    """``half_life_days``: of what trends; ``budget_s``: of estimated work of the search."""
    if recipe.family in (POPULAR, TRENDING, TOGETHER, ALSO):
        return _counted(shop, recipe, given, half_life_days, progress)
    if recipe.family == SEMANTIC:
        return _semantic(shop, given, progress)
    return _learnt(shop, recipe, given, budget_s, progress)


def _counted(
    shop: Shop, recipe: RecipeInfo, given: Lesson, half_life_days: float, progress: Progress
) -> Fitted:
    def count(data: Interactions) -> Tallies:
        if recipe.family == TRENDING:
            newest = int(data.ts.max()) if len(data) else 0
            return ranked(data.item_ids, trending(data, newest, half_life_days))
        return Tallies.fit(data, PAIRS.get(recipe.family))

    progress("counting", 0.1)
    exam = split(given.data, shop.settings.seed)
    metrics = nothing_measured()
    if exam is not None:
        metrics = measures(exam, _answers(recipe, exam, count(exam.fitting)), given.n_items)
    progress("counting", 0.6)
    tallies = count(given.data)

    def write(folder: Path) -> None:
        (folder / TALLIES).mkdir()
        tallies.save(folder / TALLIES)

    return Fitted(write, metrics, {}, {"events": len(given.data), "items": given.n_items})


def _answers(recipe: RecipeInfo, exam: Exam, tallies: Tallies) -> Int32s:
    """(queries, LONGEST) what the counts recommend to each tested user."""
    if recipe.family in PAIRS:
        return _beside(exam, lambda row: tallies.related(row, LONGEST).rows)
    rows = padded([tallies.popular(LONGEST).rows])
    return np.repeat(rows, exam.queries.size, axis=0)


def _beside(exam: Exam, related: Callable[[int], Int32s]) -> Int32s:
    """(queries, LONGEST) what goes with the newest item of each history."""
    newest = exam.queries.rows[exam.queries.starts[1:] - 1]
    asked, place = np.unique(newest, return_inverse=True)
    return padded(related(row) for row in asked.tolist())[place]


def padded(lists: Iterable[Int32s]) -> Int32s:
    """(lists, LONGEST) rows, -1 behind the end of each."""
    rows = [np.append(each, np.full(LONGEST - len(each), -1, np.int32)) for each in lists]
    return np.array(rows, np.int32).reshape(-1, LONGEST)


def _semantic(shop: Shop, given: Lesson, progress: Progress) -> Fitted:
    """Nothing is learnt from what users did: what is alike is looked up in the content."""
    progress("reading texts", 0.2)
    recipe = Recipe.fit(given.data, seed=shop.settings.seed, budget_s=0, progress=progress)
    recipe.info["event_types"] = list(given.data.event_types)
    exam, metrics = split(given.data, shop.settings.seed), nothing_measured()
    if exam is not None and any(given.catalogue):
        content = ContentIndex.build(given.data.item_ids, given.catalogue)
        answers = _beside(exam, lambda row: content.similar(row, LONGEST).rows)
        metrics = measures(exam, answers, given.n_items)
    return Fitted(
        lambda folder: write_model(folder, recipe, given.data, given.catalogue),
        metrics,
        {},
        recipe.info,
    )


def _learnt(
    shop: Shop, recipe: RecipeInfo, given: Lesson, budget_s: float, progress: Progress
) -> Fitted:
    settings, data, catalogue = shop.settings, given.data, given.catalogue
    of_users = recipe.type == SEGMENTATION
    exam = split_each(data, settings.seed) if of_users else split(data, settings.seed)
    model = Recipe.fit(
        data if exam is None else exam.fitting,
        catalogue,
        seed=settings.seed,
        threads=settings.cores,
        budget_s=budget_s,
        progress=lambda stage, share: progress(stage, 0.8 * share),
        memory_mb=settings.memory_mb,
    )
    metrics = no_segments_measured() if of_users else nothing_measured()
    if exam is not None:
        progress("measuring", 0.8)
        metrics = _measured(recipe, exam, model, given.n_items)
        progress("fitting on everybody", 0.85)
        model = model.refitted(
            data, catalogue, threads=settings.cores, memory_mb=settings.memory_mb
        )
    facts = {"events": len(data), "event_types": list(data.event_types)}
    model.info = {**model.info, **facts}
    newcomers = None
    if given.people and recipe.family in (PERSONAL, RERANK):  # others are asked of no newcomer
        newcomers, found = train_newcomers(shop, data, progress)
        model.info["newcomers"] = found

    def write(folder: Path) -> None:
        write_model(folder, model, data, catalogue, newcomers=newcomers)

    return Fitted(write, metrics, tuned_of(model.info), model.info)


def _measured(
    recipe: RecipeInfo, exam: Exam | SegmentExam, model: Recipe, n_items: int
) -> dict[str, float]:
    if isinstance(exam, Exam):
        return measures(exam, _recommended(recipe, exam, model), n_items)
    starts = np.arange(exam.queries.size + 1, dtype=np.int64) * len(exam.items)
    every = np.tile(exam.items, exam.queries.size)
    scores = model.mixture.linear_scores(exam.queries, starts, every)
    scores = np.nan_to_num(scores, nan=-np.inf).reshape(exam.queries.size, len(exam.items))
    return segment_measures(exam, scores)


def _recommended(recipe: RecipeInfo, exam: Exam, model: Recipe) -> Int32s:
    """(queries, LONGEST) what the recipe recommends to each tested user."""
    if recipe.family == RELATED:
        return _beside(exam, lambda row: model.related(row, LONGEST).rows)
    policy = str(model.info["seen_policy"])
    left_out = excluded(exam.queries, policy, exam.fitting.event_types)
    rows, _ = model.candidates_many(exam.queries, LONGEST, *left_out)
    return rows


def tuned_of(info: dict[str, Any]) -> dict[str, str]:
    """What the search chose, by name."""
    parts: dict[str, list[str]] = {}
    for part in info["components"]:
        parts.setdefault(part["name"], []).append(f"{part['weight']:.4g}")
    found = {f"{name}_weight": ", ".join(weights) for name, weights in parts.items()}
    prior = info["prior"]
    found["popularity_weight"] = f"{prior['weight']:.4g}"
    if prior["half_life_days"] is not None:
        found["popularity_half_life_days"] = f"{prior['half_life_days']:g}"
    return found

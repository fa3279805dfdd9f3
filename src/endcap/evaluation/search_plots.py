"""Plots of what a training tried, and of accuracy against reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from endcap.evaluation.metrics import METRICS
from endcap.evaluation.plots import INK, SERIES, below, colours, few_ticks, svg
from endcap.evaluation.results import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST_BARS = 15


class Tried(Protocol):
    """A setting that a training tried: ``report.Trial``."""

    @property
    def name(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def chosen(self) -> bool: ...
    @property
    def family(self) -> str: ...


def search_bars(trials: Sequence[Tried], metric: str) -> str:
    """The best ``MOST_BARS`` of what training tried, best first, and whatever was chosen."""
    ordered = sorted(trials, key=lambda trial: -trial.score)
    ordered = [t for at, t in enumerate(ordered) if at < MOST_BARS or t.chosen]

    def draw(canvas: Canvas) -> None:
        panel = canvas.subplots()
        places = np.arange(len(ordered))[::-1]
        paint = [SERIES[0] if trial.chosen else SERIES[6] for trial in ordered]
        panel.barh(places, [trial.score for trial in ordered], color=paint, height=0.62)
        panel.set_yticks(places, [shortened(trial.name) for trial in ordered])
        panel.set_xlabel(metric)
        panel.xaxis.set_major_locator(few_ticks(5))
        panel.grid(axis="x")
        panel.spines["left"].set_visible(False)

    return svg("search", 10, 0.9 + 0.34 * len(ordered), draw)


def shortened(name: str, most: int = 70) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"


def search_path(trials: Sequence[Tried], metric: str) -> str:
    """Worth over time: each trial in its order by family, the best so far, rings on the chosen."""
    scores = np.array([trial.score for trial in trials])
    at = np.arange(1, len(trials) + 1)
    families = list(dict.fromkeys(trial.family for trial in trials))

    def draw(canvas: Canvas) -> None:
        panel = canvas.subplots()
        panel.step(at, np.maximum.accumulate(scores), where="post", color=INK, lw=1.2)
        for i, family in enumerate(families):
            mine = np.array([trial.family == family for trial in trials])
            paint = SERIES[i % len(SERIES)]
            panel.plot(at[mine], scores[mine], "o", ms=5, color=paint, label=family or "tried")
        taken = np.array([trial.chosen for trial in trials])
        panel.plot(at[taken], scores[taken], "o", ms=11, mfc="none", mec=INK, mew=1.4)
        panel.set_xlabel("trial")
        panel.set_ylabel(metric)
        panel.xaxis.set_major_locator(few_ticks(8))
        panel.grid(axis="y")
        below(canvas)

    return svg("path", 10, 3.6, draw)


def tradeoff(evaluation: Evaluation, accuracy: str = "recall") -> str:
    """Each recommender by its accuracy and by how much and how rare it shows: two panels."""
    paint = colours(evaluation)

    def draw(canvas: Canvas) -> None:
        panels = canvas.subplots(1, 2)
        for panel, metric in zip(panels, ("coverage", "novelty"), strict=True):
            for row in evaluation.rows:
                place = (row.figures[accuracy].mean or 0.0, row.figures[metric].mean or 0.0)
                label = row.recommender if metric == "coverage" else None
                size = 6 if row.baseline else 9
                panel.plot(*place, "o", ms=size, color=paint[row.recommender], label=label)
            panel.set_xlabel(f"{METRICS[accuracy].title}@{evaluation.k}")
            panel.set_ylabel(METRICS[metric].title)
            panel.set_xlim(left=0)
            panel.set_ylim(bottom=0)
            panel.grid()
        below(canvas)

    return svg("tradeoff", 10, 3.6, draw)

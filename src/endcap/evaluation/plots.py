"""Plots of an evaluation as SVG text that takes its colours from the page it stands in.

Figures are drawn with placeholder colours, which become CSS variables of the report's style
sheet, so one file serves light and dark pages. matplotlib is imported at the first plot.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from endcap.domain.arrays import Float64s
from endcap.evaluation.metrics import METRICS
from endcap.evaluation.results import Evaluation, Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_DAY = 86_400_000_000  # matplotlib counts dates in days since 1970
INK, LINE = "#01fe01", "#01fe02"  # text and grid
SERIES = tuple(f"#01fd{i:02x}" for i in range(11))
_VARIABLES = {INK: "--muted", LINE: "--line"} | {c: f"--series-{i}" for i, c in enumerate(SERIES)}
_STYLE: Any = {
    "text.parse_math": False,  # names may hold dollar signs
    "svg.fonttype": "none",
    "svg.hashsalt": "endcap",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
}
_PIECE = re.compile(r'(\bid="|url\(#|href="#)')


def svg(name: str, width: float, height: float, draw: Callable[[Canvas], None]) -> str:
    """What ``draw`` puts on a canvas of width × height inches. ``name`` keeps the ids of several
    plots of one page apart."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure as NewCanvas

        canvas = NewCanvas(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(canvas)
        draw(canvas)
        out = io.StringIO()
        canvas.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = _PIECE.sub(rf"\g<1>{name}-", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    return text


def colours(evaluation: Evaluation) -> dict[str, str]:
    """The same colour for a recommender in every plot; baselines take the quiet end."""
    own = [row.recommender for row in evaluation.rows if not row.baseline]
    base = [row.recommender for row in evaluation.rows if row.baseline]
    found = {name: SERIES[i % 5] for i, name in enumerate(own)}
    return found | {name: SERIES[5 + i % 6] for i, name in enumerate(base)}


def metric_bars(evaluation: Evaluation, metrics: Sequence[str]) -> str:
    """One panel for each metric, one bar for each recommender, with intervals."""
    names = [row.recommender for row in evaluation.rows]
    paint = colours(evaluation)

    def draw(canvas: Canvas) -> None:
        panels = canvas.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
        for panel, metric in zip(panels, metrics, strict=True):
            figures = [row.figures[metric] for row in evaluation.rows]
            _bars(panel, names, figures, [paint[name] for name in names])
            panel.set_title(f"{METRICS[metric].title}@{evaluation.k}")

    return svg("bars", 10, 0.9 + 0.38 * len(names), draw)


def _bars(
    panel: Axes, names: Sequence[str], figures: Sequence[Figure], paint: Sequence[str]
) -> None:
    places = np.arange(len(names))[::-1]
    means = np.array([figure.mean or 0.0 for figure in figures])
    panel.barh(places, means, color=paint, height=0.62)
    panel.errorbar(
        means, places, xerr=_reach(figures), fmt="none", ecolor=INK, elinewidth=1.2, capsize=3
    )
    panel.set_yticks(places, names)
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(few_ticks(3))
    panel.grid(axis="x")
    panel.spines["left"].set_visible(False)


def _reach(figures: Sequence[Figure]) -> Float64s:
    """How far each interval reaches below and above its mean: (2, figures)."""
    means = [figure.mean or 0.0 for figure in figures]
    low = [m - (m if f.low is None else f.low) for m, f in zip(means, figures, strict=True)]
    high = [(m if f.high is None else f.high) - m for m, f in zip(means, figures, strict=True)]
    return np.array([low, high], np.float64).clip(min=0.0)


def few_ticks(most: int) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(most)


def recall_curves(evaluation: Evaluation) -> str:
    """Mean recall at 1 … k of every recommender."""
    paint = colours(evaluation)

    def draw(canvas: Canvas) -> None:
        panel = canvas.subplots()
        for row in evaluation.rows:
            values = [np.nan if value is None else value for value in row.recall_curve]
            at = np.arange(1, len(values) + 1)
            width = 1.6 if row.baseline else 2.6
            panel.plot(at, values, color=paint[row.recommender], lw=width, label=row.recommender)
        panel.set_xlabel("length of the list")
        panel.set_ylabel("recall")
        panel.set_ylim(bottom=0)
        panel.set_xlim(1, max(evaluation.k, 2))
        panel.xaxis.set_major_locator(few_ticks(6))
        panel.grid(axis="y")
        below(canvas)

    return svg("curves", 4.9, 4.0, draw)


def below(canvas: Canvas) -> None:
    """A legend under the plot: with the baselines there is no room inside."""
    canvas.legend(loc="outside lower center", ncols=3, fontsize=9)


def exposure_curves(evaluation: Evaluation) -> str:
    """Which share of recommendations falls on which share of the catalogue, beside demand."""
    paint = colours(evaluation)

    def draw(canvas: Canvas) -> None:
        panel = canvas.subplots()
        for row in evaluation.rows:
            panel.plot(row.exposure_curve, color=paint[row.recommender], label=row.recommender)
        panel.plot(evaluation.demand_curve, color=INK, ls="--", label="what users took")
        panel.set_xlabel("most recommended items, % of the catalogue")
        panel.set_ylabel("share of all recommendations")
        panel.set_xlim(0, 100)
        panel.set_ylim(0, 1.02)
        panel.grid(axis="y")
        below(canvas)

    return svg("exposure", 4.9, 4.0, draw)


def slice_dots(evaluation: Evaluation, family: str, metric: str) -> str:
    """One line for each slice of the family, one dot with its interval for each recommender."""
    parts = [part for part in evaluation.slices if part.family == family]
    paint = colours(evaluation)
    many = len(evaluation.rows)
    spread = min(0.14 * (many - 1), 0.72)  # of 1 from slice to slice

    def draw(canvas: Canvas) -> None:
        panel = canvas.subplots()
        places = np.arange(len(parts))[::-1]
        panel.hlines(places[:-1] - 0.5, 0, 1, transform=panel.get_yaxis_transform(), color=LINE)
        for i, row in enumerate(evaluation.rows):
            figures = [part.figures[row.recommender][metric] for part in parts]
            shift = spread * (0.5 - i / max(len(evaluation.rows) - 1, 1))
            panel.errorbar(
                [figure.mean or 0.0 for figure in figures],
                places + shift,
                xerr=_reach(figures),
                fmt="o",
                ms=5,
                elinewidth=1.5,
                color=paint[row.recommender],
                label=row.recommender,
            )
        panel.set_yticks(places, [f"{part.name} ({part.users:,})" for part in parts])
        panel.set_ylim(-0.6, len(parts) - 0.4)
        panel.set_xlim(left=0)
        panel.set_xlabel(f"{METRICS[metric].title}@{evaluation.k}")
        panel.grid(axis="x")

    return svg(
        "slice-" + re.sub(r"\W+", "-", family), 4.9, 1.1 + max(0.62, 0.13 * many) * len(parts), draw
    )


def event_days(
    first_day: int, counts: Mapping[str, Sequence[int]], split_at: int | None = None
) -> str:
    """Events of each type by day, stacked. first_day: days since 1970; split_at: µs."""
    length = max((len(values) for values in counts.values()), default=0)
    step = 7 if length > 366 else 1  # weeks read better than a year of days
    days = first_day + np.arange(0, length, step)

    def draw(canvas: Canvas) -> None:
        panel = canvas.subplots()
        stacked = [
            np.add.reduceat(np.asarray(v), np.arange(0, length, step)) for v in counts.values()
        ]
        names, paint = list(counts), [SERIES[i % 8] for i in range(len(counts))]
        panel.stackplot(days, stacked, labels=names, colors=paint, alpha=0.9)
        if split_at is not None:
            panel.axvline(split_at / _DAY, color=INK, ls="--", lw=1.2, label="split")
        panel.set_ylabel(f"events per {'week' if step == 7 else 'day'}")
        panel.set_ylim(bottom=0)
        panel.yaxis.set_major_formatter("{x:,.0f}")
        panel.margins(x=0)
        panel.grid(axis="y")
        panel.legend(loc="upper left", ncols=4)
        _plain_dates(panel)

    return svg("days", 10, 2.8, draw)


def _plain_dates(panel: Axes) -> None:
    from matplotlib import dates

    untyped: Any = dates
    locator = untyped.AutoDateLocator(maxticks=9)
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(untyped.ConciseDateFormatter(locator))

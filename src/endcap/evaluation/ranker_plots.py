"""Plots of what training found out about the ranker: its ``info``. See ``plots`` for colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from endcap.evaluation.plots import INK, SERIES, svg
from endcap.statistics.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST_BARS = 15


def ranker_plots(info: Mapping[str, Any]) -> dict[str, str]:
    """By name: ``reliability``, ``importance`` and ``shap``; empty where none was trained."""
    if info.get("status") != "trained":
        return {}
    return {
        "reliability": reliability_curve(info["reliability"]),
        "importance": importance_bars(info["importance"]),
        "shap": shap_bars(info["shap"]),
    }


def reliability_curve(bins: Sequence[Mapping[str, Any]]) -> str:
    """What was foretold and what share came to pass, with 95 % intervals; below, how many
    candidates each point stands for. A point on the diagonal is a true word."""
    sizes = np.array([part["size"] for part in bins])
    floor = 0.5 / sizes.max()  # what a group is too small to see
    foretold = np.maximum([part["foretold"] for part in bins], floor)
    observed = np.array([part["observed"] for part in bins])
    ends = np.array([wilson(round(o * n), n) for o, n in zip(observed, sizes, strict=True)])
    shown = np.maximum(observed, floor)
    reach = np.array([shown - np.maximum(ends[:, 0], floor), ends[:, 1] - shown]).clip(min=0.0)
    places, owner = np.unique(foretold, return_inverse=True)

    def draw(canvas: Canvas) -> None:
        curve, counts = canvas.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        span = (floor * 0.8, min(max(ends[:, 1].max(), foretold.max()) * 1.5, 1.2))
        curve.plot(span, span, color=INK, ls="--", lw=1.2, label="as foretold")
        curve.errorbar(
            foretold, shown, yerr=reach, fmt="o", ms=5, lw=1.4, color=SERIES[0], label="test part"
        )
        curve.set(xscale="log", yscale="log", xlim=span, ylim=span)
        curve.set_ylabel("share that was bought")
        curve.grid(axis="both")
        curve.legend(loc="upper left")
        counts.bar(places, np.bincount(owner, sizes), width=places * 0.15, color=SERIES[6])
        counts.set_ylabel("candidates")
        counts.set_xlabel("foretold probability of a purchase")
        counts.yaxis.set_major_formatter("{x:,.0f}")
        counts.grid(axis="y")
        for axis in (curve.xaxis, curve.yaxis):
            axis.set_major_formatter(lambda value, _place: f"{100 * value:g} %")
            axis.set_minor_formatter(lambda _value, _place: "")

    return svg("reliability", 4.9, 4.4, draw)


def importance_bars(entries: Sequence[Mapping[str, Any]]) -> str:
    """Shares of the gain of all splits, the greatest first."""
    return _bars("importance", [(e["feature"], e["gain"], 0.0) for e in entries], "share of gain")


def shap_bars(entries: Sequence[Mapping[str, Any]]) -> str:
    """Mean absolute Shapley values; the colour says which way a greater value moves the odds."""
    named = [(e["feature"], e["size"], e["direction"]) for e in entries]
    return _bars("shap", named, "mean |SHAP|, log-odds", legend=True)


def _bars(
    name: str, entries: Sequence[tuple[str, float, float]], label: str, *, legend: bool = False
) -> str:
    shown = entries[:MOST_BARS]

    def draw(canvas: Canvas) -> None:
        panel = canvas.subplots()
        places = np.arange(len(shown))[::-1]
        sizes = np.array([size for _, size, _ in shown])
        ways = np.array([way for *_, way in shown])
        for chosen, colour, text in (
            (ways >= 0, SERIES[0], "the greater, the likelier"),
            (ways < 0, SERIES[1], "the greater, the less likely"),
        ):
            if chosen.any():
                panel.barh(places[chosen], sizes[chosen], color=colour, height=0.62, label=text)
        panel.set_yticks(places, [feature for feature, *_ in shown])
        panel.set_xlabel(label)
        panel.set_xlim(left=0)
        panel.grid(axis="x")
        panel.spines["left"].set_visible(False)
        if legend:
            panel.legend(loc="lower right")

    return svg(name, 4.9, 0.9 + 0.28 * max(len(shown), 1), draw)

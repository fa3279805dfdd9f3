"""One HTML file that says how good a model is: no network, no scripts, light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.evaluation.metrics import METRICS
from endcap.evaluation.results import Evaluation
from endcap.evaluation.slices import ACTIVITY, HISTORY, ITEM_POPULARITY
from endcap.evaluation.tables import (
    BEYOND,
    MAIN,
    evaluation_table,
    measured,
    newcomers_sentence,
    pair_sentences,
    ranker_sentence,
    verdict,
)

_DAY = 86_400_000_000
_TEMPLATES = Path(__file__).parent / "templates"
PROTOCOLS = {
    "temporal": "temporal split: models know all events before it, and are asked for what each "
    "shopper took from then on",
    "leave_last": "leave last: models know all but each shopper's newest events",
    "random": "random: a share of each shopper's items is held out",
}
FAMILIES = {
    HISTORY: "Shoppers with and without a history",
    ACTIVITY: "Shoppers by activity",
    ITEM_POPULARITY: "What they took, by popularity",
}


class Trial(NamedTuple):
    """Something that training tried on held-out data."""

    name: str  # what is shown: its family and settings
    score: float
    chosen: bool = False
    family: str = ""
    figures: Mapping[str, float] = {}


class DailyEvents(NamedTuple):
    """Counts by event type from ``first_day`` (days since 1970) on, without gaps."""

    first_day: int
    counts: dict[str, list[int]]


@dataclass(frozen=True)
class Report:
    """What a report shows; what is empty is left out. ``made_at`` in µs.

    ``facts`` and ``quality`` are lines of a label and a value, shown in their order.
    """

    title: str
    made_at: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    search: Sequence[Trial] = ()
    search_metric: str = "held-out score"
    days: DailyEvents | None = None
    quality: Mapping[str, Any] = field(default_factory=dict)
    ranker: Mapping[str, Any] = field(default_factory=dict)  # ``info`` of its training
    newcomers: Mapping[str, Any] = field(default_factory=dict)  # what training found of them


def daily_events(data: Interactions) -> DailyEvents | None:
    """Events by UTC day and type; None where events have no times."""
    if not data.timed or len(data) == 0:
        return None
    day = data.ts // _DAY  # (n,)
    first = int(day.min())
    width = int(day.max()) - first + 1
    counts = {
        name: np.bincount(day[data.type == code] - first, minlength=width).tolist()
        for code, name in enumerate(data.event_types)
        if (data.type == code).any()
    }
    return DailyEvents(first, counts)


def render_report(report: Report) -> str:
    """The page. Everything from outside is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = plain
    evaluation = report.evaluation
    return environment.get_template("report.html").render(
        report=report,
        made=time_text(report.made_at),
        facts={name: plain(value) for name, value in report.facts.items()},
        quality={name: plain(value) for name, value in report.quality.items()},
        evaluation=evaluation,
        shown=_shown(evaluation) if evaluation else {},
        ranker=ranker_sentence(report.ranker),
        newcomers=newcomers_sentence(report.newcomers),
        trials=best_trials(report.search),
        plots=_plots(report),
    )


def write_report(report: Report, path: Path) -> None:
    """``render_report`` to a file, in UTF-8."""
    path.write_text(render_report(report), "utf-8")


def plain(value: Any) -> str:
    """A value as people write it: thousands apart, four significant digits after the point."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    return "–" if value is None else str(value)


def time_text(ts: int) -> str:
    """Minutes in UTC, of a time in µs."""
    return datetime.fromtimestamp(ts // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def main_row(evaluation: Evaluation) -> str:
    """The recommender that the report is about: the first that is no baseline."""
    own = [row.recommender for row in evaluation.rows if not row.baseline]
    return (own or [evaluation.rows[0].recommender])[0]


def best_trials(search: Sequence[Trial]) -> list[tuple[str, int, Trial]]:
    """(family, how many of it were tried, the best), best first."""
    tried: dict[str, list[Trial]] = {}
    for trial in search:
        tried.setdefault(trial.family, []).append(trial)
    found = [(name, len(each), max(each, key=lambda t: t.score)) for name, each in tried.items()]
    return sorted(found, key=lambda line: -line[2].score)


def _shown(evaluation: Evaluation) -> dict[str, Any]:
    main = main_row(evaluation)
    change = evaluation.row(main).differences.get("recall")
    return {
        "sentence": verdict(evaluation, main),
        "tone": change.verdict if change else "same",
        "protocol": PROTOCOLS.get(evaluation.protocol, evaluation.protocol),
        "split": time_text(evaluation.split_at) if evaluation.split_at is not None else "",
        "cold": evaluation.cold_users / max(evaluation.users, 1),
        "accuracy": evaluation_table(evaluation, MAIN),
        "beyond": evaluation_table(evaluation, BEYOND, compared=False),
        "beyond_about": [METRICS[name].about for name in measured(evaluation, BEYOND)],
        "explained": [METRICS[name] for name in MAIN],
        "pairs": pair_sentences(evaluation),
    }


def _plots(report: Report) -> dict[str, Any]:
    """SVG by place on the page. matplotlib is imported by the first, if there is any."""
    from endcap.evaluation import plots, search_plots

    found: dict[str, Any] = dict.fromkeys(("slices", "search", "path", "days", "ranker"))
    evaluation = report.evaluation
    if evaluation:
        found["bars"] = plots.metric_bars(evaluation, MAIN)
        found["curves"] = plots.recall_curves(evaluation)
        found["exposure"] = plots.exposure_curves(evaluation)
        found["tradeoff"] = search_plots.tradeoff(evaluation)
        families = dict.fromkeys(part.family for part in evaluation.slices)
        found["slices"] = [
            (FAMILIES.get(family, f"By {family}"), plots.slice_dots(evaluation, family, "recall"))
            for family in families
        ]
    if report.search:
        found["search"] = search_plots.search_bars(report.search, report.search_metric)
        found["path"] = search_plots.search_path(report.search, report.search_metric)
    if report.ranker:
        from endcap.evaluation.ranker_plots import ranker_plots

        found["ranker"] = ranker_plots(report.ranker)
    if report.days:
        split_at = evaluation.split_at if evaluation else None
        found["days"] = plots.event_days(*report.days, split_at=split_at)
    return found

"""Evaluations in words and rows of text: for the terminal and for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from endcap.evaluation.metrics import METRICS
from endcap.evaluation.results import Difference, Evaluation, Figure, Row

MAIN = ("recall", "ndcg", "hr", "mrr")
BEYOND = (
    "precision", "map", "ndcg_over_k", "coverage", "novelty", "diversity", "miscalibration",
    "personalisation", "gini",
)  # fmt: skip
_PLACES = 4
_LEAST_WEIGHT = 0.02  # of a field that the map holds


class Cell(NamedTuple):
    """``tone``: ``better``, ``worse`` or ``plain``; ``detail``: a second line, may be empty."""

    text: str
    detail: str = ""
    tone: str = "plain"


class Table(NamedTuple):
    """``rows``: one cell for each column of ``header``, the recommender's name first."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def evaluation_table(
    evaluation: Evaluation, names: Sequence[str] = MAIN, compared: bool = True
) -> Table:
    """Recommenders × metrics, best first by the first metric: ``mean ± half the interval``,
    where ``compared`` with the paired difference to the reference as detail."""
    shown = measured(evaluation, names)
    header = ("recommender", *(f"{METRICS[n].title}@{evaluation.k}" for n in shown))
    rows = sorted(evaluation.rows, key=lambda row: -_order(row, shown))
    return Table(
        header, tuple((Cell(row.recommender), *_cells(row, shown, compared)) for row in rows)
    )


def measured(evaluation: Evaluation, names: Sequence[str]) -> list[str]:
    """Those of the metrics that any recommender has a figure of."""
    return [n for n in names if any(n in row.figures for row in evaluation.rows)]


def terminal_rows(evaluation: Evaluation, names: Sequence[str] = MAIN) -> list[list[str]]:
    """Header and rows as plain text, differences to the reference in a last column.

    ``[["recommender", "Recall@20", …, "Recall vs popularity"], ["endcap", "0.3120 ± 0.0100", …]]``
    """
    table = evaluation_table(evaluation, names)
    title = METRICS[names[0]].title
    header = [*table.header, f"{title} vs {evaluation.reference}"]
    return [header, *([*(c.text for c in row), row[1].detail] for row in table.rows)]


def verdict(evaluation: Evaluation, recommender: str, metric: str = "recall") -> str:
    """One sentence: how the recommender stands against the reference."""
    row = evaluation.row(recommender)
    figure, change = row.figures[metric], row.differences.get(metric)
    what = f"{METRICS[metric].title}@{evaluation.k} of {recommender} is {number(figure.mean)}"
    if change is None or change.mean is None:
        return f"{what}."
    reference = evaluation.row(evaluation.reference).figures[metric].mean
    times = f", {figure.mean / reference:.1f} times as much" if figure.mean and reference else ""
    words = {
        "better": f"better than {evaluation.reference}{times}",
        "worse": f"worse than {evaluation.reference}",
        "same": f"not distinguishable from {evaluation.reference}",
    }[change.verdict]
    return f"{what}: {words} (difference {difference_text(change)})."


def pair_sentences(evaluation: Evaluation) -> list[str]:
    """One for each pair that was compared: differences with their intervals."""
    found = []
    for pair in evaluation.pairs:
        told = ", ".join(
            f"{METRICS[name].title}@{evaluation.k} {difference_text(pair.differences[name])}"
            for name in MAIN
        )
        words = {"better": "better", "worse": "worse", "same": "not distinguishable"}
        verdict_ = words[pair.differences["ndcg"].verdict]
        found.append(f"{pair.recommender} against {pair.against}: {verdict_} by NDCG ({told}).")
    return found


def ranker_sentence(info: Mapping[str, Any]) -> str:
    """Whether the ranker re-orders what the recipe answers, and by how much it won or failed to:
    from the ``info`` of its training. Empty without any."""
    if not info:
        return ""
    if info.get("status") != "trained":
        return f"There is no ranker: {info.get('reason', 'unknown')}."
    change = Difference(info["difference"], info["low"], info["high"], info.get("p_value"))
    what = (
        f"NDCG@20 of the {info['rival']} against the recipe, what counts being "
        f"{info.get('label', 'purchase')} within {info.get('horizon_days', 0):g} days, on the "
        f"newest events it knew, {info['shoppers']:,} shoppers: {difference_text(change)}"
    )
    if info["order"] == "recipe":
        return f"The ranker does not re-order: it did not win beyond chance ({what})."
    return f"The ranker re-orders ({info['order']}): it won beyond chance ({what})."


def newcomers_sentence(info: Mapping[str, Any]) -> str:
    """Whether shoppers without a history are answered by what is known of them, and what it is
    worth: from the ``newcomers`` of a training. Empty without any."""
    if not info:
        return ""
    if "difference" not in info:
        return f"Shoppers without a history get what is popular: {info['reason']}."
    change = Difference(info["difference"], info["low"], info["high"], None)
    recall = Difference(info["recall_difference"], info["recall_low"], info["recall_high"], None)
    what = (
        f"{info['shoppers']:,} shoppers withheld from training, as if they came for the first "
        f"time: recall@20 {number(info['recall@20'])} where popular items have "
        f"{number(info['popularity_recall@20'])}, difference {difference_text(recall)}; NDCG@20 "
        f"{number(info['ndcg@20'])} and {number(info['popularity_ndcg@20'])}, "
        f"{difference_text(change)}"
    )
    if info["status"] != "kept":
        return f"Shoppers without a history get what is popular: attributes did not win ({what})."
    heavy = sorted(info["fields"].items(), key=lambda pair: -pair[1]["weight"])
    names = ", ".join(name for name, told in heavy if told["weight"] >= _LEAST_WEIGHT)
    return f"Shoppers without a history are answered by {names} ({what})."


def figure_text(figure: Figure) -> str:
    """``0.3120 ± 0.0100``, or without an interval ``0.3120``."""
    if figure.mean is None or figure.low is None or figure.high is None:
        return number(figure.mean)
    return f"{number(figure.mean)} ± {number((figure.high - figure.low) / 2)}"


def difference_text(change: Difference) -> str:
    """``+0.1620 [+0.1510, +0.1730]``"""
    ends = ", ".join(_signed(end) for end in (change.low, change.high))
    return f"{_signed(change.mean)} [{ends}]"


def number(value: float | None) -> str:
    """Four places; a dash where nothing was measured."""
    return "–" if value is None else f"{value:.{_PLACES}f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.{_PLACES}f}"


def _order(row: Row, shown: Sequence[str]) -> float:
    mean = row.figures[shown[0]].mean if shown else None
    return -1.0 if mean is None else mean


def _cells(row: Row, shown: Sequence[str], compared: bool) -> list[Cell]:
    cells = []
    for name in shown:
        change = row.differences.get(name) if compared else None
        detail = difference_text(change) if change else ""
        ranked = METRICS[name].best == "high"  # elsewhere more is neither better nor worse
        tone = change.verdict if change and ranked and change.verdict != "same" else "plain"
        cells.append(Cell(figure_text(row.figures.get(name, Figure(None))), detail, tone))
    return cells

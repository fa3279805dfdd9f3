"""HTML reports of trainings and evaluations, kept as artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from endcap.app.shop import Shop
from endcap.control.solution_versions import SolutionVersion
from endcap.data.training import load_interactions
from endcap.domain.errors import Conflict
from endcap.domain.times import iso
from endcap.evaluation.report import Report, Trial, daily_events, write_report
from endcap.evaluation.results import Evaluation

REPORTS = "reports"
PAGE = "report.html"


def training_report(shop: Shop, version: SolutionVersion) -> Path:
    """What training tried and chose, and the data it saw. The path of the page."""
    search = [trial(entry) for entry in version.info.get("search", ())]
    chosen = {k: v for k, v in version.info.items() if isinstance(v, str | int | float | bool)}
    facts = {
        **version.lineage,
        **chosen,
        **{f"held-out {k}": v for k, v in version.metrics.items()},
        **ranker_facts(version.info.get("ranker", {})),
    }
    report = Report(
        title=f"Training of {version.name}",
        made_at=version.created_at,
        facts=facts,
        search=search,
        search_metric="held-out recall@20 + NDCG@20",
        days=daily_events(load_interactions(shop.lake)),
        ranker=version.info.get("ranker", {}),
    )
    return keep(shop, f"train-{version.name}", report, version)


def ranker_facts(info: dict[str, Any]) -> dict[str, Any]:
    """Whose order is served and by how much it won, how good the probabilities are, and what
    they rest on."""
    if info.get("status") != "trained":
        return {"ranker": info["reason"]} if info else {}
    strongest = ", ".join(entry["feature"] for entry in info["shap"][:5])
    return {
        "order served": info["order"],
        "NDCG@20 of the orders": info["ndcg@20"],
        f"{info['rival']} over recipe, NDCG@20": info["difference"],
        "its 95 % interval": [info["low"], info["high"]],
        "Brier score": info["brier"],
        "Brier score of the bought share": info["brier_of_share"],
        "calibration error": info["calibration_error"],
        "strongest features (SHAP)": strongest,
    }


def trial(entry: dict[str, Any]) -> Trial:
    """One line of the search: the family, and what it reached on the held-out tail."""
    worth = float(entry.get("recall@20", 0.0)) + float(entry.get("ndcg@20", 0.0))
    return Trial(str(entry["name"]), worth, bool(entry.get("chosen", False)))


def evaluation_report(shop: Shop, evaluation: Evaluation, at: int) -> Path:
    report = Report(
        title=f"Evaluation of {shop.group}",
        made_at=at,
        evaluation=evaluation,
        ranker=evaluation.ranker,
        days=daily_events(load_interactions(shop.lake)),
    )
    name = "evaluate-" + iso(at // 1_000_000 * 1_000_000).replace(":", "").replace("-", "")
    return keep(shop, name, report, evaluation)


def keep(shop: Shop, name: str, report: Report, figures: Any) -> Path:
    """Publish the page with its figures as JSON beside it; a second one of a name gets a number."""
    folder = shop.artifacts.staging(REPORTS)
    write_report(report, folder / PAGE)
    (folder / "figures.json").write_bytes(msgspec.json.format(msgspec.json.encode(figures)))
    for number in range(1, 1000):
        unique = name if number == 1 else f"{name}-{number}"
        try:
            shop.artifacts.publish(REPORTS, unique, folder)
        except Conflict:
            continue
        return shop.artifacts.open(REPORTS, unique, verify=False) / PAGE
    raise AssertionError(f"a thousand reports of the name {name}")

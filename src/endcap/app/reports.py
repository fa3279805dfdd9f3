"""HTML reports of trainings and evaluations, kept as artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from endcap.app.shop import Shop
from endcap.control.solution_versions import SolutionVersion
from endcap.data.training import load_interactions
from endcap.domain.errors import Conflict
from endcap.domain.times import iso
from endcap.evaluation.report import Report, Trial, daily_events, plain, write_report
from endcap.evaluation.results import Evaluation
from endcap.models.reorder_training import SERVES

REPORTS = "reports"
PAGE = "report.html"


def training_report(shop: Shop, version: SolutionVersion) -> Path:
    """What training tried and chose, and the data it saw. The path of the page."""
    search = trials(version.info)
    chosen = {k: v for k, v in version.info.items() if isinstance(v, str | int | float | bool)}
    facts = {
        **version.lineage,
        **chosen,
        **{f"held-out {k}": v for k, v in version.metrics.items()},
        "blend": ", ".join(
            f"{part['name']} × {part['weight']:.3g}" for part in version.info.get("components", ())
        ),
        **order_facts(version.info.get("reordering", {})),
        **gate_facts(version),
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
        newcomers=version.info.get("newcomers", {}),
    )
    return keep(shop, f"train-{version.name}", report, version)


def gate_facts(version: SolutionVersion) -> dict[str, str]:
    """What the gate said, and against whom."""
    if version.gate is None:
        return {}
    told = {"gate": version.gate.outcome}
    if not version.gate.rivals:
        told["gate"] += f": {version.gate.reason}"
    for rival in version.gate.rivals:
        ends = f"[{rival.low:+.4f}, {rival.high:+.4f}]"
        told[f"NDCG@20 against {rival.name}"] = f"{rival.difference:+.4f} {ends}"
    return told | ({"forced": version.forced} if version.forced else {})


def order_facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """Whether trees re-order the head of the list, and what they gain on queries they were not
    learnt from."""
    if not found:
        return {}
    if found["status"] != SERVES:
        return {"head of the list": f"as blended: {found['reason']}"}
    gain = found["gain"]
    return {
        "head of the list": f"{found['head']} items re-ordered by {found['trees']} trees",
        **{f"its gain in {name}, with 95 % interval": values for name, values in gain.items()},
    }


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


def trials(info: Mapping[str, Any]) -> list[Trial]:
    """The settings that the search tried, in its order, and what each reached on the held-out
    tail; chosen are those that a component of the recipe has."""
    chosen = info.get("components", ())
    return [trial(entry, chosen) for entry in info.get("search", ())] + orders(info)


def orders(info: Mapping[str, Any]) -> list[Trial]:
    """All components together, then with the head of the list re-ordered, on the same queries."""
    found = info.get("reordering", {})
    if "reordered" not in found:
        return []
    blend, moved = found["linear"], found["reordered"]
    serves = found["status"] == SERVES
    return [
        Trial("blend: all components together", sum(blend.values()), not serves, "blend", blend),
        Trial("re-ordered by trees", sum(moved.values()), serves, "re-ordered", moved),
    ]


def trial(entry: Mapping[str, Any], components: Sequence[Mapping[str, Any]]) -> Trial:
    figures = {name: float(value) for name, value in entry.items() if "@" in name}
    setting = {name: value for name, value in entry.items() if name not in figures}
    chosen = any(
        all(component.get(name) == value for name, value in setting.items())
        for component in components
    )
    return Trial(setting_text(setting), sum(figures.values()), chosen, str(entry["name"]), figures)


def setting_text(setting: Mapping[str, Any]) -> str:
    """``ease: penalty 2, user exponent 0.5; decay 0.95``: what is not 0 or empty."""
    reading = setting.get("reading", {})
    family = {name: value for name, value in setting.items() if name not in ("name", "reading")}
    parts = [
        ", ".join(part_text(name, value) for name, value in part.items() if value)
        for part in (family, reading)
    ]
    return f"{setting['name']}: {'; '.join(part for part in parts if part)}".rstrip(": ")


def part_text(name: str, value: Any) -> str:
    if name == "half_life_s":
        return f"half-life {value / 86_400:.3g} days"
    return f"{name.replace('_', ' ')} {plain(value)}"


def evaluation_report(shop: Shop, evaluation: Evaluation, at: int) -> Path:
    report = Report(
        title=f"Evaluation of {shop.group}",
        made_at=at,
        evaluation=evaluation,
        ranker=evaluation.ranker,
        newcomers=evaluation.newcomers,
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

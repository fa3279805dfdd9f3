"""The table of docs/metrics.md; the prose above it is written by hand."""

from __future__ import annotations

from pathlib import Path

from endcap.cli.error_reference import MADE
from endcap.domain.metrics import EACH, GAUGE, METRICS

TABLE = "## All metrics\n"


def metrics_page() -> str:
    """docs/metrics.md of the current folder with its table as ``METRICS`` says it."""
    prose = Path("docs/metrics.md").read_text("utf-8").partition(TABLE)[0]
    lines = ["| metric | kind | labels | |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        each = ("process",) if metric.kind == GAUGE and metric.across == EACH else ()
        labels = ", ".join(f"`{label}`" for label in (*metric.labels, *each))
        lines.append(f"| `endcap_{name}` | {metric.kind} | {labels} | {metric.about} |")
    return "\n".join([prose.rstrip("\n"), "", TABLE, MADE, *lines]) + "\n"

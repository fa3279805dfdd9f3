"""The table of docs/features.md; the prose above it is written by hand."""

from __future__ import annotations

from pathlib import Path

from endcap.cli.error_reference import MADE
from endcap.features.definitions import FEATURES

TABLE = "## The columns\n"


def features_page() -> str:
    """docs/features.md of the current folder with its table as the definitions say it."""
    prose = Path("docs/features.md").read_text("utf-8").partition(TABLE)[0]
    lines = ["| | column | of | aggregate | unit | |", "|---|---|---|---|---|---|"]
    for place, feature in enumerate(FEATURES):
        name, group, aggregate, about, unit = feature
        cells = [str(place), f"`{name}`", group.replace("_", " × "), aggregate, unit, about]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([prose.rstrip("\n"), "", TABLE, MADE, *lines]) + "\n"

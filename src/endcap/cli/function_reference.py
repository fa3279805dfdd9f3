"""The table of docs/functions.md; the prose above it is written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from endcap.cli.error_reference import MADE
from endcap.entrypoints.lambdas.table import FUNCTIONS, Action

TABLE = "## All functions\n"
HEAD = ("function", "handler", "package", "memory, time", "rights beside its log and trace",
        "variables beside `ENDCAP_…`", "metrics of its own")  # fmt: skip


def functions_page() -> str:
    """docs/functions.md of the current folder with its table as ``FUNCTIONS`` says it."""
    prose = Path("docs/functions.md").read_text("utf-8").partition(TABLE)[0]
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    for name, function in FUNCTIONS.items():
        cells = (
            f"`{name}`",
            f"`{function.handler}`",
            function.package,
            f"{function.memory_mb:,} MB, {function.timeout_s} s",
            "; ".join(rights(function.actions)),
            quoted(function.variables),
            quoted(function.metrics),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([prose.rstrip("\n"), "", TABLE, MADE, *lines]) + "\n"


def rights(actions: Iterable[Action]) -> list[str]:
    """By resource, what may be done with it."""
    ordered = sorted(actions, key=lambda action: action.resource)
    return [
        f"{quoted(sorted({action.action for action in of}))} on {resource}"
        for resource, of in groupby(ordered, key=lambda action: action.resource)
    ]


def quoted(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)

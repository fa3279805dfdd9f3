"""The tables of docs/personalize.md; the prose above them is written by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from endcap.cli.error_reference import MADE
from endcap.control.registry.operations import OPERATIONS
from endcap.control.registry.recipes import RECIPES
from endcap.control.registry.recipes import REFUSED as REFUSED_RECIPES
from endcap.serving.personalize.desk import RUNTIME
from endcap.serving.personalize.refused import REFUSED
from endcap.serving.personalize.shapes import operations

TABLES = "## Recipes\n"
SERVICES = {
    "personalize": "Control plane",
    "personalize-events": "Events",
    "personalize-runtime": "Runtime",
}


def personalize_page() -> str:
    """docs/personalize.md of the current folder with its tables as the code says them."""
    prose = Path("docs/personalize.md").read_text("utf-8").partition(TABLES)[0]
    parts = [prose.rstrip("\n"), "", TABLES, MADE, *_recipes(), "\n## All operations\n"]
    return "\n".join([*parts, MADE, *_operations()]) + "\n"


def _recipes() -> Iterator[str]:
    yield "| recipe | type | what it computes | must be named |"
    yield "|---|---|---|---|"
    for name, recipe in RECIPES.items():
        needs = [word for word, has in (("user", recipe.user), ("item", recipe.item)) if has]
        yield f"| `{name}` | {recipe.type} | {recipe.about} | {', '.join(needs)} |"
    for name, reason in REFUSED_RECIPES.items():
        yield f"| `{name}` | | refused: {reason} | |"


def _operations() -> Iterator[str]:
    yield "| operation | service | |"
    yield "|---|---|---|"
    for name, known in sorted(operations().items(), key=lambda pair: (pair[1].service, pair[0])):
        is_done = name in OPERATIONS or name in RUNTIME
        told = "done" if is_done else f"refused as modelled: {REFUSED[name]}"
        yield f"| `{name}` | {SERVICES[known.service]} | {told} |"

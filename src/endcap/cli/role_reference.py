"""The table of roles in docs/aws.md; the prose around it is written by hand."""

from __future__ import annotations

from pathlib import Path

from endcap.cli.function_reference import rights
from endcap.entrypoints.lambdas.table import FUNCTIONS

BEGIN, END = "<!-- roles: made by `make docs` -->\n", "<!-- end of roles -->\n"


def aws_page() -> str:
    """docs/aws.md of the current folder with its table of roles as ``FUNCTIONS`` says it."""
    before, _, rest = Path("docs/aws.md").read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    lines = ["| role `NAME-…` of the function | may |", "|---|---|"]
    for name, function in FUNCTIONS.items():
        lines.append(f"| `{name}` | {'; '.join(rights(function.actions))} |")
    return "\n".join([before + BEGIN, *lines, "", END + after])

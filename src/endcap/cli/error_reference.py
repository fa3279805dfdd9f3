"""Every kind of error and every code with its message, read from the source."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from msgspec import Struct

import endcap
from endcap.cli.failures import MENDABLE
from endcap.domain.errors import EndcapError
from endcap.domain.messages import MESSAGES

MADE = "<!-- Written by `make docs` from the code; changes made here are lost. -->\n"

# What the placeholders of a message are filled with; any other shows its name.
SAMPLES: dict[str, Any] = {"field": "a_field", "value": "a value", "permitted": "a, b"}


class Kind(Struct, frozen=True):
    """A class of errors as its source declares it."""

    name: str
    status: int  # of HTTP
    mendable: bool  # by the caller: exit code 2
    meaning: str


class _Facts(dict[str, Any]):
    """Facts that no message runs out of."""

    def __missing__(self, key: str) -> Any:
        return SAMPLES.get(key, f"<{key}>")


@cache
def _trees() -> tuple[ast.Module, ...]:
    paths = sorted(Path(endcap.__file__).parent.rglob("*.py"))
    return tuple(ast.parse(path.read_text("utf-8")) for path in paths)


def kinds() -> dict[str, Kind]:
    """Every class that descends from EndcapError, wherever it stands, by name."""
    found = {"EndcapError": Kind("EndcapError", EndcapError.status, False, "")}
    classes = [n for tree in _trees() for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    waiting = True
    while waiting:
        new = [c for c in classes if c.name not in found and _base(c) in found]
        for node in new:
            found[node.name] = _kind(node, found[_base(node)])
        waiting = bool(new)
    del found["EndcapError"]
    return found


def _base(node: ast.ClassDef) -> str:
    return node.bases[0].id if node.bases and isinstance(node.bases[0], ast.Name) else ""


def _kind(node: ast.ClassDef, base: Kind) -> Kind:
    status = base.status
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            if names == ["status"]:
                status = int(str(statement.value.value))
    mendable = base.mendable or node.name in {kind.__name__ for kind in MENDABLE}
    return Kind(node.name, status, mendable, " ".join((ast.get_docstring(node) or "").split()))


def raised() -> dict[str, set[str]]:
    """Code → the kinds of error that it is raised as."""
    known = kinds()
    found: dict[str, set[str]] = {}
    for tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name, code = _called(node), node.args[0].value
                if name in known and isinstance(code, str):
                    found.setdefault(code, set()).add(name)
    return found


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def rendered(code: str) -> str:
    """The message of ``code`` with sample facts in its placeholders."""
    facts = _Facts()
    for _, name, spec, _ in Formatter().parse(MESSAGES[code]):
        if name and spec and spec[-1] in "dfgen%,":
            facts[name] = 7
    return MESSAGES[code].format_map(facts)


def errors_golden() -> str:
    """tests/golden/errors.txt: the prose of every error, one a line, in order of code."""
    return "".join(f"{code}: {rendered(code)}\n" for code in sorted(MESSAGES))


def errors_page() -> str:
    """docs/errors.md: kinds of errors with their status, then every code and its message."""
    known, where = kinds(), raised()
    lines = [
        "# Errors\n",
        MADE,
        "An error carries a `code`, and where they apply the `field`, the `value` and what is"
        " permitted. The command\nline prints one sentence; the API answers with the status of"
        " its kind.\n",
        "| kind | status | exit code | |",
        "|---|---|---|---|",
    ]
    for kind in sorted(known.values(), key=lambda k: (k.status, k.name)):
        exit_code = 2 if kind.mendable else 1
        lines.append(f"| `{kind.name}` | {kind.status} | {exit_code} | {_escaped(kind.meaning)} |")
    lines += ["", "| code | status | message |", "|---|---|---|"]
    for code in sorted(MESSAGES):
        statuses = sorted({known[name].status for name in where.get(code, ())})
        cells = [f"`{code}`", ", ".join(map(str, statuses)), _escaped(rendered(code))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    for character, escape in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|")):
        text = text.replace(character, escape)
    return " ".join(text.split())

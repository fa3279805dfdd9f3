"""Names say what a thing is, and the repository speaks of the product alone."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "endcap"
THIS = str(Path(__file__).relative_to(ROOT))
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}
# Where this checkout lies, whose home it is in, and where packages come from is nobody's business.
FORBIDDEN = re.compile(
    rf"{re.escape(str(ROOT))}/|{re.escape(str(Path.home()))}/|\bissue #\d|\bissues? \d+\b"
    r"|https?://[^\s\"']+/(simple|packages|pool)/|--(extra-)?index-url(?<!--no-emit-index-url)"
    r"|\bworktree\b|\bsub-?agents?\b|\bco-authored-by\b",
    re.IGNORECASE,
)

# Modules whose public names must all carry a docstring: others build on them.
CONTRACTS = ["ports", "telemetry", "domain.errors", "domain.values", "data.interactions"]
# Names that say everything already.
PLAIN = {
    "NotFound",
    "TooLarge",
    "ScoredItem",
    "n_users",
    "n_items",
    "cores",
    "encode",
    "gauge",
    "count",
    "get",
}


def files() -> list[Path]:
    """Every text file that is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def forbidden(text: str) -> list[str]:
    return sorted({match.group(0) for match in FORBIDDEN.finditer(text)})


def test_no_module_is_a_drawer() -> None:
    names = {path.stem for path in SOURCE.rglob("*.py")} | {
        path.name for path in SOURCE.rglob("*") if path.is_dir()
    }
    assert names & BANNED_MODULES == set()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_the_repository_speaks_of_the_product_alone() -> None:
    found = {}
    for path in files():
        where = str(path.relative_to(ROOT))
        words = forbidden(where + "\n" + path.read_bytes().decode("utf-8", "replace"))
        if words and where != THIS:
            found[where] = words
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [f"see {ROOT}/x", f"{Path.home()}/.cache", "fixes issue #3", "for issue 12",
     "https://packages.example" + "/simple/x", "pip --index-url X"],
)  # fmt: skip
def test_a_forbidden_word_is_seen(text: str) -> None:
    assert forbidden(text)


@pytest.mark.parametrize(
    "text", ["uv pip compile --no-emit-index-url", "network/workers", "a /workers route"]
)
def test_what_is_permitted_passes(text: str) -> None:
    assert forbidden(text) == []


@pytest.mark.parametrize("module", CONTRACTS)
def test_contracts_are_documented(module: str) -> None:
    tree = ast.parse((SOURCE / f"{module.replace('.', '/')}.py").read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    bare = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, kinds)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    }
    assert bare - PLAIN == set()


def test_every_module_says_what_it_is_for() -> None:
    bare = [
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if path.read_text("utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert bare == []

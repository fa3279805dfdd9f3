"""Files and functions stay small enough to read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE, TESTS = ROOT / "src" / "endcap", ROOT / "tests"
MOST_SOURCE_LINES, MOST_TEST_LINES, MOST_FUNCTION_LINES = 300, 500, 40

# "path" or "path::function" → why it is longer
LONGER: dict[str, str] = {}


def too_long_files(folder: Path, most: int) -> dict[str, int]:
    """Files of ``folder`` with ``most`` lines or more, by their path in the repository."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in folder.rglob("*.py")
    }
    return {path: n for path, n in lengths.items() if n >= most}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines of code without decorators and docstring) of every function in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None and len(node.body) > 1
            docs = node.body[0].end_lineno - node.body[0].lineno + 1 if documented else 0
            yield node.name, node.end_lineno - node.lineno + 1 - docs


def test_source_files_are_short() -> None:
    assert set(too_long_files(SOURCE, MOST_SOURCE_LINES)) <= set(LONGER)


def test_test_files_are_short() -> None:
    assert set(too_long_files(TESTS, MOST_TEST_LINES)) <= set(LONGER)


def test_functions_are_short() -> None:
    long = {
        f"{path.relative_to(ROOT)}::{name}": length
        for path in SOURCE.rglob("*.py")
        for name, length in functions(path)
        if length >= MOST_FUNCTION_LINES
    }
    assert {name: n for name, n in long.items() if name not in LONGER} == {}


def test_every_exception_is_needed_and_has_a_reason() -> None:
    long = set(too_long_files(SOURCE, MOST_SOURCE_LINES) | too_long_files(TESTS, MOST_TEST_LINES))
    for path in SOURCE.rglob("*.py"):
        for name, length in functions(path):
            if length >= MOST_FUNCTION_LINES:
                long.add(f"{path.relative_to(ROOT)}::{name}")
    assert set(LONGER) <= long
    assert all(len(reason) > 10 for reason in LONGER.values())

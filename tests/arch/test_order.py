"""The list of the longest files names files that are there, each once."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_the_longest_files_are_there() -> None:
    lines = (TESTS / "longest.txt").read_text("utf-8").splitlines()
    named = [line for line in lines if line and not line.startswith("#")]
    assert len(named) == len(set(named)) > 10
    assert [name for name in named if not (TESTS / name).is_file()] == []


def test_the_longest_files_are_begun_first(request) -> None:
    """Whatever part of the tests is run, and in whatever order."""
    files = list(dict.fromkeys(item.path for item in request.session.items))
    order = [TESTS / line for line in (TESTS / "longest.txt").read_text("utf-8").splitlines()]
    listed = [path for path in files if path in order]
    assert files[: len(listed)] == sorted(listed, key=order.index)

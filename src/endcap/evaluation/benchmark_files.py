"""Reading the plain text files of public benchmarks, also compressed (.gz)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from endcap.domain.errors import InvalidInput


def read_users(path: Path) -> dict[int, list[int]]:
    """``user item item …`` on each line; several lines of one user are joined."""
    users: dict[int, list[int]] = {}
    for number, line in _lines(path):
        user, *items = _numbers(line, path, number)
        users.setdefault(user, []).extend(items)
    return users


def read_sessions(path: Path) -> list[list[int]]:
    """One session a line: item numbers, oldest first."""
    return [_numbers(line, path, number) for number, line in _lines(path)]


def read_examples(path: Path) -> tuple[list[list[int]], list[int]]:
    """(beginnings, next items): ``beginning<TAB>item`` on each line; further columns are not
    read."""
    prefixes, targets = [], []
    for number, line in _lines(path):
        columns = line.split("\t")
        if len(columns) < 2:
            raise InvalidInput("benchmark_no_target", field=str(path), value=line, line=number)
        prefixes.append(_numbers(columns[0], path, number))
        target = _numbers(columns[1], path, number)
        if len(target) != 1:
            raise InvalidInput("benchmark_no_target", field=str(path), value=line, line=number)
        targets.append(target[0])
    return prefixes, targets


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number, line) of every line that is not blank."""
    opener = gzip.open if path.suffix == ".gz" else open
    found = False
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    found = True
                    yield number, line.rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise InvalidInput("benchmark_unreadable", field=str(path), reason=reason) from problem
    if not found:
        raise InvalidInput("benchmark_empty", field=str(path))


def _numbers(text: str, path: Path, line: int) -> list[int]:
    try:
        return [int(word) for word in text.split()]
    except ValueError as problem:
        raise InvalidInput(
            "benchmark_not_a_number", field=str(path), value=text, line=line
        ) from problem

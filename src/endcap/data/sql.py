"""Writing SQL: names, strings, and reading a single row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb


def quoted(name: str) -> str:
    """A column name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str | Path) -> str:
    """A string as SQL writes it."""
    return "'" + str(value).replace("'", "''") + "'"


def listed(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names))


def first_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The first row of a query that has one; the result is read to its end."""
    rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return rows[0]

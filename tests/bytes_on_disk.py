"""A byte search over all that is on disk: raw, in decoded Parquet, in the rows of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from pyarrow import parquet


def holders(root: Path, name: str) -> set[str]:
    """Files below ``root`` in which the text stands, or whose path it is in."""
    return {
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file() and any(name.encode() in text for text in contents(path))
    }


def contents(path: Path) -> list[bytes]:
    found = [path.read_bytes(), str(path).encode()]
    if path.suffix in (".parquet", ".part"):
        found.append(str(parquet.read_table(path).to_pylist()).encode())
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master").fetchall():
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                found.append(str(rows).encode())
    return found

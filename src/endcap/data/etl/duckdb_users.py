"""Events of some users at a time, with ids as numbers, for tables that are made user by user.

What such a statement groups and joins then fits the processor's caches, and memory does not grow
with the number of users. Ids and the catalogue's words are DuckDB's ENUM meanwhile: numbers to
whatever groups, joins or sorts them, texts to a statement and in the files that are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import duckdb

from endcap.data.sql import first_row, listed, quoted

ROWS_OF_A_SLICE = 1_000_000
MOST_CODED = 1_000_000  # different texts: an ENUM lies in memory as a whole
ITEM_WORDS = ("department", "aisle", "brand")
_EVENTS, _ITEMS, _CODES = "events_of_users", "items_of_users", "codes_of_users"


class UserSlices:
    """Slices of the views ``events`` and ``items`` under the same names. ``rows``: of events."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, rows: int, statements: Sequence[str]
    ) -> None:
        """``statements``: those that read the events, of which they get the columns they name."""
        self._connection = connection
        slices = max(1, -(-rows // ROWS_OF_A_SLICE))
        self._numbers = range(slices)
        self._held: list[str] = []
        words = {word for sql in statements for word in re.findall(r"\w+", sql)}
        self._columns = [name for name in self._names("events") if name in words]
        place, order = f"(hash(user_id) % {slices})::INTEGER", " ORDER BY slice"
        self._run(
            f"CREATE OR REPLACE TEMP TABLE {_EVENTS} AS SELECT {listed(tuple(self._columns))}, "
            f"{place} AS slice FROM events{order if slices > 1 else ''}"
        )
        self._code("item_id", f"SELECT item_id FROM {_EVENTS} UNION ALL SELECT item_id FROM items")
        for word in ITEM_WORDS:
            self._code(word, f"SELECT {word} FROM items")
        coded = ", ".join(_coded(name) for name in ("item_id", *ITEM_WORDS))
        self._run(f"CREATE OR REPLACE TEMP TABLE {_ITEMS} AS SELECT * REPLACE ({coded}) FROM items")

    def __iter__(self) -> Iterator[int]:
        """Show each slice, and tell its number; what was held for the one before goes."""
        self._show("items", f"SELECT * FROM {_ITEMS}")
        for number in self._numbers:
            mine = f"FROM {_EVENTS} WHERE slice = {number}"
            self._code("user_id", f"SELECT user_id {mine}")
            columns = [
                _coded(name) if name in ("user_id", "item_id") else name for name in self._columns
            ]
            self._show("events", f"SELECT {', '.join(columns)} {mine}")
            yield number
            self._drop()
        self._run(f"DROP TABLE {_EVENTS}")
        self._run(f"DROP TABLE {_ITEMS}")
        self._run(f"DROP TABLE {_CODES}")

    def hold(self, name: str, sql: str) -> None:
        """A table of this slice that others read, under its name."""
        held = quoted(f"{name}_of_users")
        self._run(f"CREATE TEMP TABLE {held} AS {sql}")
        self._held.append(held)
        self._show(name, f"SELECT * FROM {held}")

    def _drop(self) -> None:
        for held in self._held:
            self._run(f"DROP TABLE {held}")
        self._held.clear()

    def _code(self, column: str, values: str) -> None:
        """The type of a column: an ENUM of its values in their order, or plain text where there are
        too many."""
        kind = quoted(f"{column}_code")
        self._run(f"DROP TYPE IF EXISTS {kind}")
        self._run(
            f"CREATE OR REPLACE TEMP TABLE {_CODES} AS "
            f"SELECT DISTINCT {column} FROM ({values}) WHERE {column} IS NOT NULL"
        )
        (count,) = first_row(self._connection, f"SELECT count(*) FROM {_CODES}")
        few = f"ENUM (SELECT {column} FROM {_CODES} ORDER BY 1)"
        self._run(f"CREATE TYPE {kind} AS {few if count <= MOST_CODED else 'VARCHAR'}")

    def _names(self, view: str) -> list[str]:
        return [name for name, *_ in self._run(f"DESCRIBE {view}").fetchall()]

    def _show(self, name: str, sql: str) -> None:
        self._run(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {sql}")

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql)


def _coded(column: str) -> str:
    return f"{column}::{quoted(column + '_code')} AS {column}"

"""What the two engines write differently where the runner itself writes SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

BOOLEAN, WHOLE, NUMBER, TEXT, TEXTS = "BOOLEAN", "BIGINT", "DOUBLE", "VARCHAR", "VARCHAR[]"


class Dialect(NamedTuple):
    """``types``: an engine's name of each kind of column; ``first``, ``joined``: the first of a
    list of texts, and all of them with | between."""

    name: str
    quote: str
    types: Mapping[str, str]
    first: Callable[[str], str]
    joined: Callable[[str], str]

    def quoted(self, name: str) -> str:
        return self.quote + name.replace(self.quote, self.quote * 2) + self.quote

    def text(self, value: str) -> str:
        """A string literal."""
        if self is SPARK:
            value = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"'{value}'"
        return "'" + value.replace("'", "''") + "'"

    def null(self, kind: str) -> str:
        return f"CAST(NULL AS {self.types[kind]})"

    def cast(self, expression: str, kind: str) -> str:
        return f"CAST({expression} AS {self.types[kind]})"


_KINDS = {kind: kind for kind in (BOOLEAN, WHOLE, NUMBER, TEXT, TEXTS)}
DUCKDB = Dialect("duckdb", '"', _KINDS, lambda c: f"{c}[1]", lambda c: f"array_to_string({c}, '|')")
SPARK = Dialect(
    "spark", "`", {**_KINDS, TEXT: "STRING", TEXTS: "ARRAY<STRING>"},
    lambda c: f"try_element_at({c}, 1)",
    lambda c: f"CASE WHEN {c} IS NOT NULL THEN concat_ws('|', {c}) END",
)  # fmt: skip

"""The SQL of each table: read, filled in, and said for Spark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from endcap.data.etl.dialects import DUCKDB, SPARK, Dialect
from endcap.domain.errors import InvalidInput

FOLDER = Path(__file__).parents[1] / "sql"
Parameters = Mapping[str, int | float]
# placeholder → (alias of what has them, prefix of their names in the table that is made)
LISTS = {
    "raw_attributes": ("r", ""),
    "item_attributes": ("i", "item_"),
    "user_attributes": ("u", "user_"),
}
_NAME = re.compile(r"\$([a-z_0-9]+)")
_COMMENT = re.compile(r"--[^\n]*")


def statement(table: str) -> str:
    """The statement as it stands in its file, in DuckDB's dialect with ``$name`` for values."""
    return (FOLDER / f"{table}.sql").read_text("utf-8")


def filled(
    sql: str, parameters: Parameters, attributes: Mapping[str, Sequence[str]] | None = None
) -> str:
    """With its values and lists of columns: still DuckDB's dialect. ``attributes``: the columns of
    each placeholder of ``LISTS``; one without columns goes with its comma."""
    sql = _COMMENT.sub("", sql)
    for name, (alias, prefix) in LISTS.items():
        columns = (attributes or {}).get(name, ())
        names = zip(columns, attribute_names(prefix, columns, sql), strict=True)
        parts = [f"{alias}.{DUCKDB.quoted(c)} AS {DUCKDB.quoted(out)}" for c, out in names]
        text = ", ".join(parts)
        sql = re.sub(
            rf",(\s*)\${name}\b",
            lambda found, text=text: f",{found[1]}{text}" if text else "",  # type: ignore[misc]
            sql,
        )
    return _NAME.sub(lambda found: number(parameters[found[1]]), sql)


def attribute_names(prefix: str, columns: Iterable[str], sql: str) -> list[str]:
    """What attributes are called in a table: with a prefix, and another one where the statement
    has that name already."""
    taken = {word.lower() for word in re.findall(r"[A-Za-z_]+", sql)} if prefix else set()
    return [
        f"{prefix}{'attribute_' if f'{prefix}{c}'.lower() in taken else ''}{c}" for c in columns
    ]


def number(value: int | float) -> str:
    """As SQL writes it. A plain fraction would be a decimal, which divides differently."""
    if isinstance(value, int):
        return f"({value})" if value < 0 else str(value)
    text = repr(float(value))
    text = text if "e" in text else f"{text}e0"
    return f"({text})" if value < 0 else text


def said(sql: str, dialect: Dialect) -> str:
    """A filled statement in an engine's dialect. Raises InvalidInput (sqlglot_missing)."""
    if dialect is not SPARK:
        return sql
    try:
        import sqlglot
    except ModuleNotFoundError:
        raise InvalidInput("spark_extra_missing", field="sqlglot", value="sqlglot") from None
    (said,) = sqlglot.transpile(sql, read="duckdb", write="spark")
    return str(said)

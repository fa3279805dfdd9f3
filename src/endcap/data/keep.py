"""Rows that the person importing wants: SQL expressions over a file's own columns."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from endcap.data.chunks import OURS
from endcap.data.entities import TEXT, columns_of
from endcap.data.sql import first_row, quoted
from endcap.data.staging import State
from endcap.domain.errors import InvalidInput


def keep_flags(
    connection: duckdb.DuckDBPyConnection, state: State, file: int, expressions: tuple[str, ...]
) -> list[pa.ChunkedArray]:
    """For each expression (n,) whether it is true of the row of the view ``chunk``.

    Text columns whose values in the file's first chunk are all numbers count as numbers, empty
    text as null. Raises InvalidInput (bad_keep).
    """
    kinds = {n: k for n, k in columns_of(connection, "chunk").items() if not n.startswith(OURS)}
    if file not in state.numeric:
        texts = [name for name, kind in kinds.items() if kind == TEXT]
        state.numeric[file] = [name for name in texts if _all_numbers(connection, name)]
    typed = ", ".join(_typed(name, kind, state.numeric[file]) for name, kind in kinds.items())
    flags = []
    for expression in expressions:
        try:
            found = connection.sql(
                f"SELECT ({expression}\n) IS TRUE AS kept FROM (SELECT {typed} FROM chunk)"
            ).to_arrow_table()
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise InvalidInput("bad_keep", value=expression, reason=reason) from error
        flags.append(found.column(0))
    return flags


def _typed(name: str, kind: str, numeric: list[str]) -> str:
    column = quoted(name)
    if name in numeric:
        return f"TRY_CAST(trim({column}) AS DOUBLE) AS {column}"
    return f"nullif({column}, '') AS {column}" if kind == TEXT else column


def _all_numbers(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    word = f"nullif(trim({quoted(name)}), '')"
    (numbers,) = first_row(
        connection,
        f"SELECT bool_and(TRY_CAST({word} AS DOUBLE) IS NOT NULL) FILTER ({word} IS NOT NULL) "
        "FROM chunk",
    )
    return bool(numbers)

"""The SQL that searches one version, and what it answers. Every value is a parameter of it; names
of tables are made from the version's number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from endcap.adapters.pgvector_text import stored, told
from endcap.domain.arrays import Float32s
from endcap.domain.vectors import LoadedVersion, Neighbours

Connection = psycopg.Connection[tuple[Any, ...]]


class Loaded(NamedTuple):
    """A row of ``endcap.versions``."""

    number: int
    version: str
    dimensions: int
    vectors: int
    indexed: bool
    ef_search: int


class Found(NamedTuple):
    """``answering``: the number of the version that answers at the moment of the search, which
    sees one state of the database; None: none does."""

    answering: int | None
    lists: list[list[tuple[str, float]]]


COLUMNS = sql.SQL("number, version, dimensions, vectors, indexed, ef_search")

_NEAREST = sql.SQL(
    "SELECT a.number, f.at, f.id, f.distance FROM "
    "(SELECT max(number) AS number FROM endcap.versions "
    "WHERE shop = %(shop)s AND kind = %(kind)s AND answers) a LEFT JOIN "
    "(SELECT q.at, i.id, n.distance FROM unnest(%(queries)s) WITH ORDINALITY q (v, at) "
    "CROSS JOIN LATERAL (SELECT row, embedding <#> q.v AS distance FROM {vectors} {where} "
    "ORDER BY {order} LIMIT {k}) n JOIN {ids} i ON i.row = n.row) f ON true"
)
_BY_INDEX = sql.SQL("embedding <#> q.v")
_EXACTLY = sql.SQL("(embedding <#> q.v) + 0, row")  # no index gives this order


def table(name: str, number: int) -> sql.Identifier:
    return sql.Identifier("endcap", f"{name}_{number}")


def answering(connection: Connection, shop: str, kind: str) -> Loaded | None:
    statement = sql.SQL(
        "SELECT {} FROM endcap.versions WHERE shop = %s AND kind = %s AND answers"
    ).format(COLUMNS)
    row = connection.execute(statement, [stored(shop), stored(kind)]).fetchone()
    return None if row is None else Loaded(row[0], told(row[1]), *row[2:])


def listed(connection: Connection, shop: str, kind: str) -> list[LoadedVersion]:
    """Oldest first, with how many vectors each holds by now."""
    rows = connection.execute(
        "SELECT version, vectors, dimensions, answers, recall FROM endcap.versions "
        "WHERE shop = %s AND kind = %s ORDER BY number",
        [stored(shop), stored(kind)],
    ).fetchall()
    return [
        LoadedVersion(told(row[0]), row[1], row[2], row[3], 1.0 if row[4] is None else row[4])
        for row in rows
    ]


def search(
    connection: Connection,
    of: Loaded,
    scope: tuple[str, str],
    queries: Sequence[Float32s],
    k: int,
    where: Mapping[str, Collection[str]],
    *,
    exactly: bool,
) -> Found:
    """The k nearest of each query (d,), best first. Through the index it may find fewer than
    there are. ``scope``: shop and kind."""
    conditions, values = filters(where)
    statement = _NEAREST.format(
        vectors=table("vectors", of.number),
        ids=table("ids", of.number),
        where=conditions,
        order=_EXACTLY if exactly else _BY_INDEX,
        k=sql.Literal(k),
    )
    shop, kind = scope
    given = {"shop": stored(shop), "kind": stored(kind), "queries": list(queries), **values}
    rows = connection.execute(statement, given).fetchall()
    lists: list[list[tuple[str, float]]] = [[] for _ in queries]
    for _, at, name, distance in rows:
        if at is not None:
            lists[at - 1].append((told(name), -distance))
    for found in lists:
        found.sort(key=lambda pair: (-pair[1], pair[0]))
    return Found(rows[0][0], lists)


def filters(where: Mapping[str, Collection[str]]) -> tuple[sql.Composable, dict[str, Any]]:
    """The WHERE clause of a filter, and its parameters."""
    values = {
        f"label_{at}": [Jsonb({stored(name): stored(value)}) for value in sorted(wanted)]
        for at, (name, wanted) in enumerate(sorted(where.items()))
    }
    if not values:
        return sql.SQL(""), {}
    tests = [
        sql.SQL("labels @> ANY ({}::jsonb[])").format(sql.Placeholder(name)) for name in values
    ]
    return sql.SQL("WHERE ") + sql.SQL(" AND ").join(tests), values


def permitted(
    connection: Connection, of: Loaded, where: Mapping[str, Collection[str]], most: int
) -> int:
    """How many vectors pass a filter; counting ends at ``most``."""
    conditions, values = filters(where)
    statement = sql.SQL("SELECT count(*) FROM (SELECT FROM {} {} LIMIT {}) AS passed").format(
        table("vectors", of.number), conditions, sql.Literal(most)
    )
    row = connection.execute(statement, values).fetchone()
    return int(row[0]) if row else 0


def neighbours(found: list[tuple[str, float]]) -> Neighbours:
    return Neighbours(tuple(name for name, _ in found), tuple(score for _, score in found))

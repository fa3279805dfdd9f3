"""Writing one version into PostgreSQL: binary COPY, keys, HNSW, and how wide it must be searched.

All of it is one transaction: a version is there whole or not at all, whatever ends the load.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from pgvector.psycopg import register_vector
from psycopg import errors, sql
from psycopg.types.json import Jsonb

from endcap.adapters.pgvector_search import Connection, Loaded, search, table
from endcap.adapters.pgvector_text import stored
from endcap.domain.arrays import Float32s, Int64s
from endcap.domain.errors import Conflict, InvalidInput
from endcap.models.nearest import checked

MOST_INDEXED = 2000  # dimensions that pgvector's HNSW takes
BLOCK = 20_000  # rows between two reports of progress
MEASURED_AT = 50
ASKED = 200  # queries that recall is measured with
SURE = 1.645  # standard errors: for other queries of this kind it holds with 95 %
EF_SEARCH = (40, 60, 100, 160, 240, 400, 640, 1000)

Progress = Callable[[str, float], None]


class Rows:
    """What is to be loaded, checked, in the order of the ids; memory-mapped arrays stay so.

    Raises InvalidInput (bad_vectors, vector_not_finite, duplicate_id, vector_counts_differ).
    """

    def __init__(
        self, ids: Sequence[str], vectors: Float32s, labels: Mapping[str, Sequence[str]]
    ) -> None:
        self.dimensions = checked(vectors[:0], "vectors").shape[1]
        counts = {"vectors": len(vectors)} | {name: len(given) for name, given in labels.items()}
        for field, count in counts.items():
            if count != len(ids):
                raise InvalidInput(
                    "vector_counts_differ", field=field, value=count, expected=len(ids)
                )
        for start in range(0, len(vectors), BLOCK):
            checked(vectors[start : start + BLOCK], "vectors")
        self.ids, self.vectors, self.labels = ids, vectors, labels
        self.order = order_of(ids)

    def __len__(self) -> int:
        return len(self.ids)


def order_of(ids: Sequence[str]) -> Int64s:
    """Positions (n,) in the order of the ids. Raises InvalidInput (duplicate_id)."""
    rising = all(one < after for one, after in pairwise(ids))
    if rising:
        return np.arange(len(ids))
    order = sorted(range(len(ids)), key=ids.__getitem__)
    for one, after in pairwise(order):
        if ids[one] == ids[after]:
            raise InvalidInput("duplicate_id", field="ids", value=ids[one])
    return np.array(order, np.int64)


def load_version(
    connection: Connection,
    scope: tuple[str, str],
    version: str,
    rows: Rows,
    *,
    exact_to: int,
    recall: float,
    asked: Float32s | None,
    seed: int,
    memory_mb: int,
    progress: Progress,
) -> None:
    """``scope``: shop and kind. ``asked``: vectors (q, d) like those that will be asked; without
    them the rows ask for themselves. Raises Conflict (vectors_exist) and what psycopg raises."""
    register_vector(connection)
    indexed = len(rows) > exact_to and rows.dimensions <= MOST_INDEXED
    with connection.transaction():
        connection.execute(
            "SELECT set_config('maintenance_work_mem', %s, true)", [f"{memory_mb}MB"]
        )
        number = begin(connection, scope, version, rows.dimensions)
        copy_ids(connection, number, rows)
        copy_vectors(connection, number, rows, progress)
        progress("building the index" if indexed else "keys", 0.6)
        connection.execute(
            "SELECT endcap.finish_version(%s, %s, %s)", [number, bool(rows.labels), indexed]
        )
        if indexed:
            progress("measuring recall", 0.9)
            made = Loaded(number, version, rows.dimensions, len(rows), True, 0)
            queries = sample(rows, asked, seed)
            ef_search, found = tuned(connection, made, scope, queries, recall)
            connection.execute(
                "UPDATE endcap.versions SET ef_search = %s, recall = %s WHERE number = %s",
                [ef_search, found, number],
            )
    progress("loaded", 1.0)


def begin(connection: Connection, scope: tuple[str, str], version: str, dimensions: int) -> int:
    """The number of a new version with empty tables. Raises Conflict (vectors_exist)."""
    shop, kind = scope
    try:
        row = connection.execute(
            "SELECT endcap.begin_version(%s, %s, %s, %s)",
            [stored(shop), stored(kind), stored(version), dimensions],
        ).fetchone()
    except errors.UniqueViolation:
        raise Conflict("vectors_exist", field=f"{shop}/{kind}", value=version) from None
    return int(row[0]) if row else 0


def copy_ids(connection: Connection, number: int, rows: Rows) -> None:
    statement = sql.SQL("COPY {} (row, id) FROM STDIN (FORMAT BINARY)").format(table("ids", number))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int4", "text"])
        for row, at in enumerate(rows.order.tolist()):
            copy.write_row((row, stored(rows.ids[at])))


def copy_vectors(connection: Connection, number: int, rows: Rows, progress: Progress) -> None:
    statement = sql.SQL("COPY {} (row, labels, embedding) FROM STDIN (FORMAT BINARY)").format(
        table("vectors", number)
    )
    names = [(stored(name), given) for name, given in rows.labels.items()]
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int4", "jsonb", "vector"])
        for row, at in enumerate(rows.order.tolist()):
            if row % BLOCK == 0:
                progress("copying", 0.5 * row / len(rows))
            told = Jsonb({name: stored(given[at]) for name, given in names}) if names else None
            copy.write_row((row, told, np.asarray(rows.vectors[at], np.float32)))


def sample(rows: Rows, asked: Float32s | None, seed: int) -> list[Float32s]:
    pool = rows.vectors if asked is None or not len(asked) else checked(asked, "asked")
    draw = np.random.default_rng(seed)
    chosen = np.sort(draw.choice(len(pool), min(ASKED, len(pool)), replace=False))
    return list(np.asarray(pool[chosen], np.float32))


def tuned(
    connection: Connection,
    of: Loaded,
    scope: tuple[str, str],
    queries: list[Float32s],
    target: float,
) -> tuple[int, float]:
    """The narrowest search (ef_search) that finds ``target`` of the true nearest, beyond the
    doubt that a sample leaves, and what it finds of them. The widest, where none does."""
    k = min(MEASURED_AT, of.vectors)
    true = search(connection, of, scope, queries, k, {}, exactly=True).lists
    best = EF_SEARCH[-1], 0.0
    for ef_search in EF_SEARCH:
        connection.execute("SELECT set_config('hnsw.ef_search', %s, true)", [str(ef_search)])
        found = search(connection, of, scope, queries, k, {}, exactly=False).lists
        shares = shared(found, true)
        best = ef_search, float(shares.mean())
        doubt = SURE * float(shares.std()) / len(shares) ** 0.5
        if best[1] - doubt >= target:
            break
    return best


def shared(found: list[list[tuple[str, float]]], true: list[list[tuple[str, float]]]) -> Float32s:
    """The share of each true list that was found, (q,). What scores as high as the last of them
    counts as well: which of equal ones is answered says nothing of the search."""
    shares = [
        sum(score >= right[-1][1] for _, score in given) / len(right)
        for given, right in zip(found, true, strict=True)
        if right
    ]
    return np.array(shares or [1.0], np.float32)

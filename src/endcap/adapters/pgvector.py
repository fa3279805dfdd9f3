"""``VectorIndex`` in PostgreSQL with pgvector; ``embeddings.sql`` says what stands where.

A search is one statement: it sees one state of the database, filters in SQL and tells which
version answers at that moment, so that a switch is followed by the next search of every process.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files

import numpy as np
from psycopg import errors, sql

from endcap.adapters.pgvector_load import Progress, Rows, load_version
from endcap.adapters.pgvector_search import (
    Connection,
    Found,
    Loaded,
    answering,
    listed,
    neighbours,
    permitted,
    search,
    table,
)
from endcap.adapters.pgvector_text import stored, told
from endcap.adapters.postgres import Postgres, Reader, check_extension
from endcap.domain.arrays import Float32s
from endcap.domain.errors import InvalidInput, NotFound, Unavailable
from endcap.domain.vectors import LoadedVersion, Nearby
from endcap.models.nearest import checked

EXACT_TO = 5_000  # vectors that are searched faster one by one than through an index
SCHEMA_FILE = files("endcap.adapters").joinpath("embeddings.sql")
_TRIES = 5  # a version may be dropped between looking which one answers and searching it
MOST_EXACT = 20_000  # permitted vectors that are searched one by one: no graph is as sure
WIDEST = 1000  # the most that hnsw.ef_search may be
_FILTERS_KEPT = 64  # how many vectors each permits
_WIDER = 100  # of more than 1 / _WIDER of all vectors the exact search is no slower


def _silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


class PgVectors:
    """See ``ports.VectorIndex``. Safe for threads and processes.

    ``shop`` and ``kind`` ("items", "users") keep vectors apart that share a database. Versions of
    more than ``exact_to`` vectors get an HNSW index, searched as widely as ``recall`` of the true
    nearest needs for queries like ``asked`` (q, d). ``memory_mb``: to build the index in.
    """

    def __init__(
        self,
        database: Postgres,
        shop: str,
        kind: str,
        *,
        seed: int = 0,
        recall: float = 0.95,
        exact_to: int = EXACT_TO,
        asked: Float32s | None = None,
        memory_mb: int = 256,
        progress: Progress = _silent,
    ) -> None:
        self._database, self._scope, self._seed = database, (shop, kind), seed
        self._recall, self._exact_to, self._asked = recall, exact_to, asked
        self._memory_mb, self._progress = memory_mb, progress
        self._field = f"{shop}/{kind}"
        self._held: Loaded | None = None
        self._permits: dict[tuple[int, str], int] = {}

    def load(
        self,
        version: str,
        ids: Sequence[str],
        vectors: Float32s,
        labels: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """See the port. Makes the schema where it is missing and the account may. Raises Conflict
        (vectors_exist), InvalidInput as ``Rows`` does and as ``postgres_errors`` says."""
        rows = Rows(ids, vectors, labels or {})
        with self._database.working() as connection:
            set_up(connection)
            load_version(
                connection, self._scope, version, rows,
                exact_to=self._exact_to, recall=self._recall, asked=self._asked,
                seed=self._seed, memory_mb=self._memory_mb, progress=self._progress,
            )  # fmt: skip

    def switch(self, version: str) -> None:
        """See the port. Raises NotFound (unknown_vectors)."""
        shop, kind = self._scope
        with self._database.working() as connection:
            try:
                row = connection.execute(
                    "SELECT endcap.switch_version(%s, %s, %s)",
                    [stored(shop), stored(kind), stored(version)],
                ).fetchone()
            except (errors.InvalidSchemaName, errors.UndefinedFunction):
                row = None  # nothing was ever loaded
        if row is None or not row[0]:
            raise NotFound("unknown_vectors", field=self._field, value=version)

    def versions(self) -> list[LoadedVersion]:
        """See the port."""
        try:
            with self._database.reading() as connection:
                return listed(connection, *self._scope)
        except NotFound:  # nothing was ever loaded
            return []

    def nearest(
        self, vectors: Float32s, k: int, where: Mapping[str, Collection[str]] | None = None
    ) -> Nearby:
        """See the port. Raises NotFound (no_vectors), InvalidInput (bad_vectors), Unavailable."""
        queries = checked(vectors, "vectors")
        for _ in range(_TRIES):
            with self._database.reading() as connection:
                of = self._answering(connection)
                if queries.shape[1] != of.dimensions:
                    raise InvalidInput(
                        "bad_vectors", field="vectors", value=queries.shape,
                        most=f"(vectors, {of.dimensions})",
                    )  # fmt: skip
                found = self._searched(connection, of, queries, k, where or {})
            if found is not None:
                return Nearby(of.version, tuple(neighbours(one) for one in found))
        raise Unavailable("vectors_late", field=self._database.where)

    def _searched(
        self,
        connection: Reader,
        of: Loaded,
        queries: Float32s,
        k: int,
        where: Mapping[str, Collection[str]],
    ) -> list[list[tuple[str, float]]] | None:
        """What ``of`` holds; None where another version answers by now."""
        exactly, ef_search = not of.indexed or k * _WIDER > of.vectors, of.ef_search
        if where and not exactly:
            count = self._permitted(connection, of, where)
            exactly = count <= MOST_EXACT
            # As many permitted ones as an unfiltered search would see.
            ef_search = min(WIDEST, of.ef_search * of.vectors // max(count, 1))
        if not exactly and connection.ef_search != ef_search:
            connection.execute("SELECT set_config('hnsw.ef_search', %s, false)", [str(ef_search)])
            connection.ef_search = ef_search
        found = self._once(connection, of, list(queries), k, where, exactly)
        if found is None or exactly:
            return found
        short = [at for at, one in enumerate(found) if len(one) < k]
        if short:  # the graph was left before enough were found: look at all that are permitted
            again = self._once(connection, of, [queries[at] for at in short], k, where, True)
            if again is None:
                return None
            for at, one in zip(short, again, strict=True):
                found[at] = one
        return found

    def _permitted(
        self, connection: Connection, of: Loaded, where: Mapping[str, Collection[str]]
    ) -> int:
        """How many vectors a filter permits, counted to just beyond MOST_EXACT and kept."""
        key = (of.number, repr(sorted((name, sorted(given)) for name, given in where.items())))
        if key not in self._permits:
            if len(self._permits) >= _FILTERS_KEPT:
                self._permits.clear()
            try:
                self._permits[key] = permitted(connection, of, where, MOST_EXACT + 1)
            except errors.UndefinedTable:  # dropped since: the search will see it
                return 0
        return self._permits[key]

    def _once(
        self,
        connection: Connection,
        of: Loaded,
        queries: list[Float32s],
        k: int,
        where: Mapping[str, Collection[str]],
        exactly: bool,
    ) -> list[list[tuple[str, float]]] | None:
        try:
            found = search(connection, of, self._scope, queries, k, where, exactly=exactly)
        except errors.UndefinedTable:  # dropped since
            found = Found(None, [])
        if found.answering == of.number:
            return found.lists
        self._held = None
        return None

    def _answering(self, connection: Connection) -> Loaded:
        """What answered when it was last looked up. Raises NotFound (no_vectors)."""
        found = self._held or answering(connection, *self._scope)
        if found is None:
            raise NotFound("no_vectors", field=self._field)
        self._held = found
        return found

    def vectors(self, ids: Sequence[str]) -> Float32s:
        """See the port. Raises NotFound (no_vectors), Unavailable."""
        for _ in range(_TRIES):
            with self._database.reading() as connection:
                self._held = None
                of = self._answering(connection)
                statement = sql.SQL(
                    "SELECT i.id, v.embedding FROM {} i JOIN {} v USING (row) WHERE i.id = ANY (%s)"
                ).format(table("ids", of.number), table("vectors", of.number))
                try:
                    rows = connection.execute(
                        statement, [[stored(name) for name in ids]], binary=True
                    ).fetchall()
                except errors.UndefinedTable:
                    continue
            known = {told(name): vector.to_numpy() for name, vector in rows}
            out = np.full((len(ids), of.dimensions), np.nan, np.float32)
            for at, name in enumerate(ids):
                if name in known:
                    out[at] = known[name]
            return out
        raise Unavailable("vectors_late", field=self._database.where)

    def erase(self, ids: Collection[str]) -> int:
        """See the port. The letters of the ids leave the table's files before this returns;
        the server's write-ahead log and its backups keep them until they are turned over."""
        shop, kind = self._scope
        gone = [stored(name) for name in sorted(ids)]
        with self._database.working() as connection:
            with connection.transaction():
                numbers = [
                    int(row[0])
                    for row in connection.execute(
                        "SELECT number FROM endcap.versions WHERE shop = %s AND kind = %s "
                        "ORDER BY number FOR UPDATE",
                        [stored(shop), stored(kind)],
                    )
                ]
                held = []
                for number in numbers:
                    row = connection.execute(
                        "SELECT endcap.erase_ids(%s, %s)", [number, gone]
                    ).fetchone()
                    held.append(int(row[0]) if row else 0)
            for number, taken in zip(numbers, held, strict=True):
                if taken or dead_rows(connection, number):
                    rewrite(connection, number)
            return sum(held)


def set_up(connection: Connection) -> None:
    """The schema, where it is missing. Raises InvalidInput (pgvector_missing, pgvector_old)."""
    row = connection.execute("SELECT to_regclass('endcap.versions') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        with connection.transaction():
            connection.execute(SCHEMA_FILE.read_text("utf-8").encode())
    check_extension(connection)


def dead_rows(connection: Connection, number: int) -> bool:
    """Whether an erasure before this one ended before the files were rewritten."""
    row = connection.execute(
        "SELECT n_dead_tup > 0 FROM pg_stat_user_tables WHERE schemaname = 'endcap' "
        "AND relname = %s",
        [f"ids_{number}"],
    ).fetchone()
    return bool(row and row[0])


def rewrite(connection: Connection, number: int) -> None:
    """Files without what was deleted. A version that was dropped meanwhile has none."""
    for statement, name in (("VACUUM (FULL) {}", "ids"), ("VACUUM {}", "vectors")):
        try:
            connection.execute(sql.SQL(statement).format(table(name, number)))
        except errors.UndefinedTable:
            return

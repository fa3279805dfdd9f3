"""A PostgreSQL database as the port Database sees it: one read-only snapshot, streamed by COPY."""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from endcap.adapters.database_url import DatabaseUrl
from endcap.adapters.postgres_source_errors import explained
from endcap.data.database.dialects import POSTGRESQL, kind_of
from endcap.domain.relations import MOST_BYTES, Column, ForeignKey, Relation

_MODES = {"verify": "verify-full", "verify-ca": "verify-ca", "require": "require", "off": "disable"}
_SESSION = (
    "SET TIME ZONE 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; "
    "SET idle_in_transaction_session_timeout = 0"
)
_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname,
           CASE WHEN t.typtype = 'e' THEN 'enum' ELSE format_type(a.atttypid, a.atttypmod) END,
           NOT a.attnotnull, pg_table_is_visible(c.oid)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND left(n.nspname, 3) <> 'pg_'
    ORDER BY n.nspname, c.relname, a.attnum
"""
_KEYS = """
    SELECT k.conrelid, n.nspname, c.relname, k.contype, k.conname, a.attname,
           rn.nspname, r.relname, ra.attname
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS u(attnum, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
    LEFT JOIN pg_class r ON r.oid = k.confrelid
    LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
    LEFT JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = k.confkey[u.place]
    WHERE k.contype IN ('p', 'f')
    ORDER BY n.nspname, c.relname, k.conname, u.place
"""


class PostgresDatabase:
    """One connection, in one transaction from its beginning to its end."""

    dialect = POSTGRESQL

    def __init__(self, url: DatabaseUrl) -> None:
        """Raises Unavailable and InvalidInput (database_…): see postgres_errors."""
        self.name = url.name
        self._url = url
        try:
            self._connection = _connect(url)
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._connection.read_only = True
            self._connection.execute(_SESSION)
        except (psycopg.Error, OSError) as error:
            raise explained(error, url) from None

    def relations(self) -> Sequence[Relation]:
        visible: dict[tuple[str, str], bool] = {}
        columns: dict[tuple[str, str], list[Column]] = {}
        for schema, table, name, kind, null, shown in self._rows(_COLUMNS):
            visible[schema, table] = shown
            column = Column(name, kind, kind_of(POSTGRESQL, kind), null)
            columns.setdefault((schema, table), []).append(column)
        primary, foreign = self._keys(visible)
        return [
            Relation(
                _named(path[0], path[1], visible),
                tuple(found),
                primary.get(path, ()),
                tuple(foreign.get(path, ())),
                path,
            )
            for path, found in columns.items()
        ]

    def _keys(
        self, visible: dict[tuple[str, str], bool]
    ) -> tuple[dict[tuple[str, str], tuple[str, ...]], dict[tuple[str, str], list[ForeignKey]]]:
        primary: dict[tuple[str, str], tuple[str, ...]] = {}
        foreign: dict[tuple[str, str], list[ForeignKey]] = {}
        for (path, kind, _), found in groupby(
            self._rows(_KEYS), key=lambda row: ((row[1], row[2]), row[3], row[4])
        ):
            rows = [*found]
            names = tuple(row[5] for row in rows)
            if kind == "p":
                primary[path] = names
            else:
                other = _named(rows[0][6], rows[0][7], visible)
                key = ForeignKey(names, other, tuple(row[8] for row in rows))
                foreign.setdefault(path, []).append(key)
        return primary, foreign

    def value(self, query: str, parameters: Sequence[object] = ()) -> str | None:
        rows = self._rows(query, parameters)
        return None if not rows or rows[0][0] is None else str(rows[0][0])

    def read(self, query: str, parameters: Sequence[object], rows: int) -> Iterator[pa.Table]:
        statement = f"COPY ({query}) TO STDOUT (FORMAT csv)"
        try:
            with (
                self._connection.cursor() as cursor,
                cursor.copy(_sql(statement), tuple(parameters)) as lines,
            ):
                held, size = list[bytes](), 0
                for line in lines:
                    held.append(bytes(line))
                    size += len(held[-1])
                    if len(held) == rows or size >= MOST_BYTES:
                        yield _parsed(held)
                        held, size = [], 0
                if held:
                    yield _parsed(held)
        except (psycopg.Error, OSError, pa.ArrowInvalid) as error:
            raise explained(error, self._url) from None

    def close(self) -> None:
        with suppress(Exception):
            self._connection.close()

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(_sql(query), tuple(parameters)).fetchall()
        except (psycopg.Error, OSError) as error:
            raise explained(error, self._url) from None


def _parsed(lines: list[bytes]) -> pa.Table:
    """CSV as PostgreSQL writes it: null is nothing, an empty text is in quotes."""
    reading = csv.ReadOptions(
        autogenerate_column_names=True,
        use_threads=False,
        block_size=max(2**20, 2 * max(map(len, lines))),  # a row has to fit
    )
    parsing = csv.ParseOptions(newlines_in_values=True)
    first = csv.read_csv(io.BytesIO(lines[0]), read_options=reading, parse_options=parsing)
    return csv.read_csv(
        io.BytesIO(b"".join(lines)),
        read_options=reading,
        parse_options=parsing,
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(first.column_names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _sql(text: str) -> sql.SQL:
    return sql.SQL(text)  # made of quoted names, see data/database


def _named(schema: str, table: str, visible: dict[tuple[str, str], bool]) -> str:
    return table if visible.get((schema, table)) else f"{schema}.{table}"


def _connect(url: DatabaseUrl) -> psycopg.Connection[tuple[Any, ...]]:
    ca = url.ca
    if not ca and url.tls in ("verify", "verify-ca"):
        ca = ssl.get_default_verify_paths().cafile or "system"
    return psycopg.connect(
        host=url.socket or url.host,
        port=url.port,
        user=url.user,
        password=url.password.reveal() or None,
        dbname=url.database,
        sslmode=_MODES[url.tls],
        sslrootcert=ca or None,
        connect_timeout=url.timeout_s,
        application_name="endcap",
        client_encoding="UTF8",
    )

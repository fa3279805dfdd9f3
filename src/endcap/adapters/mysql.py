"""A MySQL or MariaDB database as the port Database sees it: one read-only snapshot, streamed."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

import pyarrow as pa
import pymysql
from pymysql import converters

from endcap.adapters.database_url import DatabaseUrl
from endcap.adapters.mysql_errors import explained
from endcap.adapters.mysql_stream import hang_up, stream, wait_longer
from endcap.data.database.dialects import MYSQL, kind_of
from endcap.domain.relations import Column, ForeignKey, Relation

READ_TIMEOUT_S = 600  # how long the server may think about a query before its first row
# ANSI_QUOTES: names are quoted as in PostgreSQL. The server waits for us while we check rows.
_SESSION = (
    "SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+00:00', "
    f"net_write_timeout = {READ_TIMEOUT_S}"
)
_ENCODERS: Any = converters.encoders  # no decoders: values stay as the server writes them
_SNAPSHOT = (
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
)


class MysqlDatabase:
    """One connection, in one transaction from its beginning to its end."""

    dialect = MYSQL

    def __init__(self, url: DatabaseUrl) -> None:
        """Raises Unavailable and InvalidInput (database_…): see mysql_errors."""
        self.name = url.name
        self._url = url
        try:
            self._connection = _connect(url)
            wait_longer(self._connection, READ_TIMEOUT_S)
            with self._connection.cursor() as cursor:
                for statement in (_SESSION, *_SNAPSHOT):
                    cursor.execute(statement)
        except (pymysql.MySQLError, OSError, RuntimeError) as error:
            raise explained(error, url) from None

    def relations(self) -> Sequence[Relation]:
        columns = self._rows(
            "SELECT table_name, column_name, column_type, is_nullable FROM "
            "information_schema.columns WHERE table_schema = DATABASE() "
            "ORDER BY table_name, ordinal_position"
        )
        keys = self._rows(
            "SELECT table_name, constraint_name, column_name, referenced_table_name, "
            "referenced_column_name FROM information_schema.key_column_usage "
            "WHERE table_schema = DATABASE() "
            "ORDER BY table_name, constraint_name, ordinal_position"
        )
        primary: dict[str, list[str]] = {}
        foreign: dict[str, list[ForeignKey]] = {}
        for (table, constraint), rows in groupby(keys, key=lambda row: (row[0], row[1])):
            names = [*rows]
            if constraint == "PRIMARY":
                primary[table] = [row[2] for row in names]
            elif names[0][3]:
                key = ForeignKey(
                    tuple(row[2] for row in names), names[0][3], tuple(row[4] for row in names)
                )
                foreign.setdefault(table, []).append(key)
        return [
            Relation(
                table,
                tuple(Column(n, t, kind_of(MYSQL, t), null == "YES") for _, n, t, null in rows),
                tuple(primary.get(table, ())),
                tuple(foreign.get(table, ())),
            )
            for table, rows in groupby(columns, key=lambda row: row[0])
        ]

    def value(self, query: str, parameters: Sequence[object] = ()) -> str | None:
        rows = self._rows(query, parameters)
        return None if not rows or rows[0][0] is None else str(rows[0][0])

    def read(self, query: str, parameters: Sequence[object], rows: int) -> Iterator[pa.Table]:
        try:
            with self._connection.cursor() as cursor:
                asked = cursor.mogrify(query, tuple(parameters))
            yield from stream(self._connection, asked, rows)
        except (pymysql.MySQLError, OSError, pa.ArrowInvalid) as error:
            raise explained(error, self._url) from None

    def close(self) -> None:
        with suppress(Exception):
            hang_up(self._connection)

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Few rows, as text."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query, tuple(parameters))
                return [tuple(_text(value) for value in row) for row in cursor.fetchall()]
        except (pymysql.MySQLError, OSError) as error:
            raise explained(error, self._url) from None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _connect(url: DatabaseUrl) -> pymysql.Connection[Any]:
    return pymysql.connect(
        host=url.host,
        port=url.port,
        unix_socket=url.socket or None,
        user=url.user,
        password=url.password.reveal(),
        database=url.database,
        charset="utf8mb4",
        connect_timeout=url.timeout_s,
        read_timeout=url.timeout_s,
        write_timeout=url.timeout_s,
        use_unicode=False,
        conv=_ENCODERS,
        ssl=_context(url),
        ssl_disabled=url.tls == "off",
        program_name="endcap",
        local_infile=False,
    )


def _context(url: DatabaseUrl) -> ssl.SSLContext | None:
    if url.tls == "off":
        return None
    context = ssl.create_default_context(cafile=url.ca or None)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # certificates that MariaDB makes for itself
    context.check_hostname = url.tls == "verify"
    if url.tls == "require":
        context.verify_mode = ssl.CERT_NONE
    return context

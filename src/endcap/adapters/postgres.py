"""Connections to one PostgreSQL database: a bounded pool for reads, single ones for long work.

Opened when they are first needed, so that a process may fork before. The password is in no text
that this module makes: it goes from the setting to libpq, or libpq reads it itself (PGPASSWORD,
PGPASSFILE, ~/.pgpass).
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from select import select
from threading import BoundedSemaphore, Lock
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg.conninfo import conninfo_to_dict

from endcap.adapters.postgres_errors import SETTING, explained
from endcap.domain.errors import InvalidInput, NotFound, Unavailable

CONNECT_S = 5
LOCK_S = 30  # a change waits so long for searches that began before it
OLDEST_PGVECTOR = (0, 8)


class Reader(psycopg.Connection[tuple[Any, ...]]):
    """``ef_search``: what the session's hnsw.ef_search was set to; 0: not yet."""

    ef_search: int = 0


class Postgres:
    """``url``: ``postgresql://…`` or libpq's ``name=value`` form. ``most``: connections for
    reads; ``timeout_s``: of one read, with the wait for a connection. Safe for threads.

    Raises InvalidInput (bad_vectors_url) for a URL that cannot be read.
    """

    def __init__(self, url: str, *, timeout_s: float = 5.0, most: int = 4) -> None:
        self._parameters = parameters_of(url)
        self.where = place_of(self._parameters)
        self._timeout_s, self._most = timeout_s, most
        self._forget()

    def _forget(self) -> None:
        self._process = os.getpid()
        self._lock = Lock()
        self._free = BoundedSemaphore(self._most)
        self._idle: list[Reader] = []
        # Holds the list also in a forked child, where its connections must not be touched.
        weakref.finalize(self, close_all, self._idle, self._process)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A read-only connection, in autocommit; a new one in place of one that broke.

        Raises Unavailable (vectors_busy, vectors_unreachable, vectors_late …), InvalidInput.
        """
        if self._process != os.getpid():
            self._forget()  # a forked child must not share its parent's connections
        if not self._free.acquire(timeout=self._timeout_s):
            raise Unavailable("vectors_busy", field=self.where, value=self._most)
        try:
            with explained(self.where):
                connection = self._take()
                try:
                    yield connection
                except BaseException:
                    # An answer may still be on its way: nobody else shall read it.
                    connection.close()
                    raise
                self._idle.append(connection)
        finally:
            self._free.release()

    def _take(self) -> Reader:
        with self._lock:
            while self._idle:
                found = self._idle.pop()
                if not found.closed and alive(found):
                    return found
                found.close()
        made = Reader.connect(**self._parameters, autocommit=True, prepare_threshold=None)
        milliseconds = max(1, int(self._timeout_s * 1000))
        try:
            check_extension(made)
            made.execute(
                "SELECT set_config('statement_timeout', %s, false), "
                "set_config('default_transaction_read_only', 'on', false), "
                "set_config('hnsw.iterative_scan', 'relaxed_order', false)",
                [str(milliseconds)],
            )
        except BaseException:
            made.close()
            raise
        return made

    @contextmanager
    def working(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection of its own without a limit on time, in autocommit; closed at the end."""
        with explained(self.where):
            connection = psycopg.connect(**self._parameters, autocommit=True)
            with connection:
                connection.execute("SELECT set_config('statement_timeout', '0', false)")
                connection.execute(
                    "SELECT set_config('lock_timeout', %s, false)", [str(LOCK_S * 1000)]
                )
                yield connection

    def close(self) -> None:
        """Close what nobody uses."""
        close_all(self._idle, self._process)


def close_all(idle: list[Reader], process: int) -> None:
    while process == os.getpid() and idle:
        idle.pop().close()


def alive(connection: Reader) -> bool:
    """Whether the server has not closed it: costs no round trip."""
    readable, _, _ = select([connection.fileno()], [], [], 0)
    return not readable  # between two statements only the end of the connection can be read


def check_extension(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Raises NotFound (vectors_table_missing: without the extension there is no table either) and
    InvalidInput (pgvector_old). Afterwards vectors are understood."""
    row = connection.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
    ).fetchone()
    where = place_of({"host": connection.info.host, "dbname": connection.info.dbname})
    if row is None:
        raise NotFound("vectors_table_missing", field=where)
    if tuple(int(part) for part in str(row[0]).split(".")[:2]) < OLDEST_PGVECTOR:
        raise InvalidInput("pgvector_old", field=where, value=row[0], least="0.8")
    register_vector(connection)


def parameters_of(url: str) -> dict[str, Any]:
    """libpq's parameters. Another machine is asked through TLS unless the URL says otherwise."""
    try:
        found = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # its text quotes the URL, and with it the password
        raise InvalidInput("bad_vectors_url", field=SETTING) from None
    # A password with / or @ in it is taken for a port or a host, which libpq would quote.
    ports = str(found.get("port") or "").replace(",", "")
    if (ports and not ports.isdecimal()) or "@" in str(found.get("host") or "")[1:]:
        raise InvalidInput("bad_vectors_url", field=SETTING)
    found.setdefault("connect_timeout", CONNECT_S)
    found.setdefault("application_name", "endcap")
    if is_remote(str(found.get("hostaddr") or found.get("host") or "")):
        found.setdefault("sslmode", os.environ.get("PGSSLMODE", "require"))
    return found


def is_remote(hosts: str) -> bool:
    """Whether any of the hosts, with commas between them, is another machine."""
    return any(not _is_here(host) for host in hosts.split(","))


def _is_here(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def place_of(parameters: dict[str, Any]) -> str:
    """How a message names the database: host and name, nothing secret."""
    host = parameters.get("host") or parameters.get("hostaddr") or "localhost"
    return f"{host}/{parameters.get('dbname') or parameters.get('user') or 'postgres'}"

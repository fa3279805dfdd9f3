"""What PostgreSQL and its driver say, as errors of Endcap: what is wrong and what to do.

No text of the server is passed on but the reason why a connection failed: others may quote rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from endcap.domain.errors import EndcapError, InvalidInput, NotFound, Unavailable, shorten

SETTING = "ENDCAP_VECTORS"
_DENIED = re.compile("password|authenticat|pg_hba|role .* does not exist", re.IGNORECASE)
_NO_DATABASE = re.compile("database .* does not exist", re.IGNORECASE)
_NO_PGVECTOR = re.compile('"vector"|vector type|access method "hnsw"|vector.control')


@contextmanager
def explained(where: str) -> Iterator[None]:
    """``where``: the database as a person may see it, without its password."""
    try:
        yield
    except psycopg.Error as problem:
        raise translated(problem, where) from problem


# what the driver raises → (the error in its place, its code)
_MEANINGS: tuple[tuple[type[psycopg.Error], type[EndcapError], str], ...] = (
    (errors.UndefinedTable, NotFound, "vectors_table_missing"),
    (errors.InvalidSchemaName, NotFound, "vectors_table_missing"),
    (errors.UndefinedFunction, NotFound, "vectors_table_missing"),
    (errors.InsufficientPrivilege, InvalidInput, "vectors_forbidden"),
    (errors.DiskFull, Unavailable, "vectors_no_room"),
    (errors.OutOfMemory, Unavailable, "vectors_no_room"),
    (errors.QueryCanceled, Unavailable, "vectors_late"),
    (errors.LockNotAvailable, Unavailable, "vectors_late"),
    (errors.ReadOnlySqlTransaction, Unavailable, "vectors_read_only"),
)


def translated(problem: psycopg.Error, where: str) -> EndcapError:
    """The error to raise in its place."""
    for raised, meant, code in _MEANINGS:
        if isinstance(problem, raised):
            return meant(code, field=where, value=problem.sqlstate)
    if _NO_PGVECTOR.search(str(problem)):
        return InvalidInput("pgvector_missing", field=where)
    if isinstance(problem, psycopg.OperationalError):
        return unreachable(problem, where)
    kind = problem.sqlstate or type(problem).__name__
    return Unavailable("vectors_failed", field=where, value=kind)


def unreachable(problem: psycopg.Error, where: str) -> EndcapError:
    """No connection, or it broke. The text is libpq's own or the server's at logging in."""
    reason = reason_of(problem)
    if _DENIED.search(reason):
        return InvalidInput("vectors_denied", field=where, reason=reason)
    if _NO_DATABASE.search(reason):
        return InvalidInput("vectors_no_database", field=where, reason=reason)
    return Unavailable("vectors_unreachable", field=where, reason=reason)


def reason_of(problem: psycopg.Error) -> str:
    """The last line: those before it tell of other addresses of the same host."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    text = (lines or [type(problem).__name__])[-1]
    return shorten(re.sub(r"^(.*?: )?(FATAL|ERROR): +", "", text), 200)

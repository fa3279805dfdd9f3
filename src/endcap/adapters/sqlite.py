"""``Documents`` in one SQLite file: write-ahead log, every commit on disk before it returns."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from threading import local
from typing import Any

import msgspec

from endcap.adapters.filelock import FileLock
from endcap.domain.errors import Conflict, Damaged, EndcapError, InvalidInput, Unavailable
from endcap.ports import Document

BUSY_TIMEOUT_S = 10.0
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_LARGEST, _BEFORE_SURROGATES, _AFTER_SURROGATES = "\U0010ffff", "\ud7ff", "\ue000"

_TABLE = """
CREATE TABLE IF NOT EXISTS documents (
  kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID"""
_GET = "SELECT key, version, body FROM documents WHERE kind = ? AND key = ?"
_PUT = """
INSERT INTO documents (kind, key, version, body) VALUES (?, ?, 1, ?)
ON CONFLICT DO UPDATE SET version = version + 1, body = excluded.body RETURNING version"""
_PUT_NEW = """
INSERT INTO documents (kind, key, version, body) VALUES (?, ?, 1, ?)
ON CONFLICT DO NOTHING RETURNING version"""
_PUT_OVER = """
UPDATE documents SET version = version + 1, body = ?3
WHERE kind = ?1 AND key = ?2 AND version = ?4 RETURNING version"""
_DELETE = "DELETE FROM documents WHERE kind = ? AND key = ?"
_QUERY = """
SELECT key, version, body FROM documents
WHERE kind = ?1 AND key >= ?2 AND key > ?3 AND (?4 IS NULL OR key < ?4) ORDER BY key LIMIT ?5"""


class _Connection:
    """One thread's connection; closes with its thread."""

    def __init__(self, path: Path) -> None:
        self.process = os.getpid()
        self.sql = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self.sql.execute("PRAGMA synchronous = FULL")
        self.sql.execute("PRAGMA secure_delete = ON")

    def __del__(self) -> None:
        if hasattr(self, "sql"):
            self.sql.close()


class SqliteDocuments:
    """See ``ports.Documents``. Safe for any number of threads and processes.

    Every method raises Damaged (documents_damaged), Unavailable (documents_busy, disk_full,
    documents_unusable) and, for text that is no valid Unicode, InvalidInput (bad_key).
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates the file."""
        self._path = path
        self._here = local()
        with self._errors(), FileLock(path.with_name(path.name + ".lock")):
            sql = self._sql()
            if sql.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                raise Unavailable(
                    "documents_unusable", field=str(path), reason="no write-ahead log here"
                )
            sql.execute(_TABLE)
            sql.execute(_GET, ("", "")).fetchall()

    def get(self, kind: str, key: str) -> Document | None:
        rows = self._rows(_GET, kind, key)
        return self._document(*rows[0]) if rows else None

    def put(self, kind: str, key: str, body: Mapping[str, Any], expected: int | None = None) -> int:
        text = _encoded(body)
        if expected is None:
            rows = self._rows(_PUT, kind, key, text)
        elif expected == 0:
            rows = self._rows(_PUT_NEW, kind, key, text)
        else:
            rows = self._rows(_PUT_OVER, kind, key, text, expected)
        if not rows:
            raise self._conflict(kind, key, expected)
        return int(rows[0][0])

    def put_many(self, kind: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """In one transaction: all or none."""
        rows = [(kind, key, _encoded(body)) for key, body in bodies.items()]
        with self._errors():
            sql = self._sql()
            sql.execute("BEGIN IMMEDIATE")
            with sql:  # commits, or rolls back
                sql.executemany(_PUT.removesuffix(" RETURNING version"), rows)

    def delete(self, kind: str, key: str, expected: int | None = None) -> bool:
        if expected is None:
            return self._count(_DELETE, kind, key) > 0
        if expected and self._count(_DELETE + " AND version = ?", kind, key, expected):
            return True
        if expected or self.get(kind, key):
            raise self._conflict(kind, key, expected)
        return False

    def query(
        self, kind: str, prefix: str = "", after: str = "", limit: int = 100
    ) -> list[Document]:
        sql = _QUERY if after else _QUERY.replace("AND key > ?3", "AND ?3 = ''")
        rows = self._rows(sql, kind, prefix, after, behind_prefix(prefix), limit)
        return [self._document(*row) for row in rows]

    def scrub(self) -> None:
        """See the port. The file is written anew: what pages hold between their rows goes too.

        Raises Unavailable (documents_busy) while a reader keeps what was there.
        """
        with self._errors():
            sql = self._sql()
            sql.execute("VACUUM")
            (busy, *_) = sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise Unavailable("documents_busy", field=str(self._path))

    def _sql(self) -> sqlite3.Connection:
        held: _Connection | None = getattr(self._here, "connection", None)
        if held is None or held.process != os.getpid():
            self._here.connection = held = _Connection(self._path)
        return held.sql

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._errors():
            return self._sql().execute(sql, values).fetchall()

    def _count(self, sql: str, *values: object) -> int:
        with self._errors(), closing(self._sql().execute(sql, values)) as cursor:
            return cursor.rowcount

    def _document(self, key: str, version: int, body: str) -> Document:
        try:
            return Document(key, version, msgspec.json.decode(body, type=dict[str, Any]))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error

    def _conflict(self, kind: str, key: str, expected: int | None) -> Conflict:
        standing = self.get(kind, key)
        version = standing.version if standing else 0
        return Conflict("document_changed", field=f"{kind} {key}", value=expected, standing=version)

    def _damaged(self, reason: str) -> Damaged:
        return Damaged("documents_damaged", field=str(self._path), reason=reason)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What SQLite raises, in our words."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise self._translated(error) from error
        except UnicodeEncodeError as error:
            raise InvalidInput("bad_key", field="key", value=error.object) from error

    def _translated(self, error: sqlite3.DatabaseError) -> EndcapError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _DAMAGED:
            return self._damaged(str(error))
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return Unavailable("documents_busy", field=str(self._path))
        if code == sqlite3.SQLITE_FULL:
            return Unavailable("disk_full", retry_after_s=10, field=str(self._path))
        return Unavailable("documents_unusable", field=str(self._path), reason=str(error))


def behind_prefix(prefix: str) -> str | None:
    """The smallest text greater than all that begin with ``prefix``; None if there is none."""
    stem = prefix.rstrip(_LARGEST)
    if not stem:
        return None
    last = stem[-1]
    following = _AFTER_SURROGATES if last == _BEFORE_SURROGATES else chr(ord(last) + 1)
    return stem[:-1] + following


def _encoded(body: Mapping[str, Any]) -> str:
    return msgspec.json.encode(body).decode()

"""Where tables lie: a folder of this machine, by five operations that other file systems have too.

Paths are texts relative to the root. What this process itself reads and writes needs a little more:
``NearStorage``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from endcap.data.manifest import fresh_file, sync_file, sync_folder
from endcap.domain.errors import Conflict, EndcapError, InvalidInput, Unavailable

if TYPE_CHECKING:  # Spark's Python has no DuckDB
    import duckdb

STAGING = ".staging"
TABLES = "tables"  # the folder of a shop's tables, beside its lake


class Storage(Protocol):
    """``url``: the root as an engine names it."""

    url: str

    def names(self, folder: str) -> list[str]:
        """What lies in a folder, in order; nothing where there is none."""
        ...

    def read(self, path: str) -> bytes:
        """Raises FileNotFoundError."""
        ...

    def put_new(self, path: str, content: bytes) -> bool:
        """Write a whole file that is not there; False where it is. Durable when it returns."""
        ...

    def move(self, files: Sequence[tuple[str, str]]) -> list[str]:
        """(path, new path) each, in folders that need not exist. The paths they have now, which
        another store may have made its own. Durable when it returns."""
        ...

    def remove(self, *paths: str) -> None:
        """Files (their names have a dot), or folders with all in them; nothing where there are
        none."""
        ...


class NearStorage(Storage, Protocol):
    """``root``: the local folder below which new files are written (in STAGING), until ``move``."""

    root: Path

    def where(self, path: str) -> str:
        """Where SQL reads a file."""
        ...

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read from there."""
        ...

    def open(self, path: str) -> BinaryIO:
        """To read from any place. Raises FileNotFoundError."""
        ...

    def others(self, named: set[str], before: int | None = None) -> list[str]:
        """Parquet files that are not among ``named``; ``before`` (µs): only those that were last
        written earlier."""
        ...


class LocalStorage:
    """See ``NearStorage``: everything lies below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root.absolute())

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(path.name for path in (self.root / folder).iterdir())
        except FileNotFoundError:
            return []

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def put_new(self, path: str, content: bytes) -> bool:
        final = self.root / path
        with writing(self.root):
            staged = fresh_file(final.parent, f".{final.name}", ".tmp")
            try:
                with staged.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(staged, final)
                except FileExistsError:
                    return False
            finally:
                staged.unlink(missing_ok=True)
            sync_folder(final.parent)
        return True

    def move(self, files: Sequence[tuple[str, str]]) -> list[str]:
        with writing(self.root):
            for path, to in files:
                final = self.root / to
                final.parent.mkdir(parents=True, exist_ok=True)
                sync_file(self.root / path)
                (self.root / path).rename(final)
            for folder in sorted({(self.root / to).parent for _, to in files}):
                sync_folder(folder)
        return [to for _, to in files]

    def remove(self, *paths: str) -> None:
        for path in paths:
            gone = self.root / path
            if gone.is_dir():
                shutil.rmtree(gone, ignore_errors=True)
            else:
                gone.unlink(missing_ok=True)

    def where(self, path: str) -> str:
        return str(self.root / path)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Files need nothing."""

    def open(self, path: str) -> BinaryIO:
        return (self.root / path).open("rb")

    def others(self, named: set[str], before: int | None = None) -> list[str]:
        found = {str(path.relative_to(self.root)): path for path in self.root.rglob("*.parquet")}
        return [
            name
            for name, path in sorted(found.items())
            if name not in named and (before is None or path.stat().st_mtime_ns // 1000 < before)
        ]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What the file system refuses, as a person is told it. Raises Unavailable (disk_full) and
    InvalidInput (folder_not_writable)."""
    try:
        yield
    except OSError as error:
        raise of_os(error, folder) from error


def of_os(error: OSError, folder: Path | str) -> EndcapError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("disk_full", retry_after_s=10, field=str(folder))
    reason = error.strerror or str(error)
    return InvalidInput("folder_not_writable", field="tables", value=str(folder), why=reason)


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Hold the tables of a folder; ends with the process at the latest.

    Raises Conflict (etl_running) while another run holds them, InvalidInput (folder_not_writable).
    """
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        file = (root / ".lock").open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("etl_running", field=str(root)) from None
        yield

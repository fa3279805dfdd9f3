"""Where tables lie: a folder of this machine, by five operations that other file systems have too.

Paths are texts relative to the root.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from endcap.data.manifest import fresh_file, sync_file, sync_folder
from endcap.domain.errors import Conflict, EndcapError, InvalidInput, Unavailable

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

    def move(self, path: str, to: str) -> None:
        """A new name for a file, in a folder that need not exist."""
        ...

    def remove(self, path: str) -> None:
        """A file, or a folder with all in it; nothing where there is none."""
        ...


class LocalStorage:
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

    def move(self, path: str, to: str) -> None:
        final = self.root / to
        with writing(self.root):
            final.parent.mkdir(parents=True, exist_ok=True)
            sync_file(self.root / path)
            (self.root / path).rename(final)
            sync_folder(final.parent)

    def remove(self, path: str) -> None:
        gone = self.root / path
        if gone.is_dir():
            shutil.rmtree(gone, ignore_errors=True)
        else:
            gone.unlink(missing_ok=True)


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

"""Folders that only one process may hold, and what lies in them for nobody else."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from endcap.domain.errors import Conflict, InvalidInput


def pepper_of(root: Path) -> str:
    """The secret that goes into the hashes of erased users, made at first use."""
    path = root / "erasure.pepper"
    if not path.exists():
        staged = root / f".pepper-{os.getpid()}"
        staged.touch(mode=0o600)
        staged.write_text(secrets.token_hex(16))
        try:
            os.link(staged, path)
        except FileExistsError:
            pass  # another process was quicker
        finally:
            staged.unlink()
    return path.read_text().strip()


def make(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            "home_not_writable", field="ENDCAP_HOME", value=str(path), why=error.strerror
        ) from error
    return path


@contextmanager
def lease(path: Path) -> Iterator[None]:
    """Wait for, then hold, an exclusive lock that ends with the process at the latest."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def sole(path: Path, name: str) -> Iterator[None]:
    """Hold an exclusive lock that ends with the process at the latest. Raises Conflict
    (consumer_runs) when another process holds it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("consumer_runs", field="--name", value=name) from None
        yield

"""Folders that only one process may hold, and what lies in them for nobody else."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from endcap.app.forgotten import PEPPER, shared_pepper
from endcap.domain.errors import Conflict, InvalidInput
from endcap.ports import Documents

PEPPER_FILE = "erasure.pepper"


def pepper_of(root: Path, documents: Documents | None = None) -> str:
    """The secret that goes into the hashes of erased users, made at first use. ``documents``: those
    that several hosts share, and then the secret with them; one that the home had goes there."""
    if documents is None:
        return _pepper_in(make(root) / PEPPER_FILE)
    while not (shared := shared_pepper(documents)):
        path = root / PEPPER_FILE
        body = {"pepper": path.read_text().strip() if path.exists() else secrets.token_hex(16)}
        with suppress(Conflict):  # another host was quicker
            documents.put(*PEPPER, body, expected=0)
    return shared


def _pepper_in(path: Path) -> str:
    if not path.exists():
        staged = path.with_name(f".pepper-{os.getpid()}")
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

"""``Artifacts`` in a folder: ROOT/KIND/NAME, each with a ``checksums.json`` of all its files.

Folders are built in ROOT/.staging and appear under their name by one rename.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import msgspec
from msgspec import Struct

from endcap.adapters.segments import sync_folder
from endcap.domain.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable

CHECKSUMS = "checksums.json"
STAGING = ".staging"
LEFTOVER_AFTER_S = 24 * 3600
FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_CHUNK_BYTES = 2**20


class Checksums(Struct, frozen=True):
    """``files``: (bytes, CRC-32) by path relative to the folder, in order of path."""

    format: int
    files: dict[str, tuple[int, int]]


class FolderArtifacts:
    """See ``ports.Artifacts``. Safe for any number of threads and processes.

    Kinds and names: letters, digits, ``.``, ``_`` and ``-``, beginning with a letter or digit, at
    most 128; else InvalidInput (bad_artifact_name).
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def staging(self, kind: str) -> Path:
        path = self._staging / f"{check_name(kind)}-{secrets.token_hex(8)}"
        with self._full_disk():
            path.mkdir(parents=True)
        return path

    def publish(self, kind: str, name: str, staged: Path) -> None:
        """See the port. The staged folder is gone afterwards; its files become read-only.

        Raises Conflict (artifact_exists), InvalidInput (bad_staged_file) for links and special
        files, Unavailable (disk_full). After an error nothing is published.
        """
        target = self._path(kind, name)
        if target.exists():
            raise Conflict("artifact_exists", field=kind, value=name)
        with self._full_disk():
            _seal(staged)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                staged.rename(target)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise Conflict("artifact_exists", field=kind, value=name) from error
                raise
            for folder in (target.parent, self._root, self._staging):
                if folder.exists():
                    sync_folder(folder)

    def open(self, kind: str, name: str, verify: bool = True) -> Path:
        """See the port. Sizes are always compared; checksums only when ``verify``.

        Raises NotFound (unknown_artifact), Damaged (artifact_damaged) naming the file.
        """
        folder = self._path(kind, name)
        try:
            check_sums(folder, _checksums(folder).files, verify)
        except FileNotFoundError as error:
            if not folder.is_dir():
                raise NotFound("unknown_artifact", field=kind, value=name) from error
            raise _damaged(Path(error.filename), "it is missing") from error
        return folder

    def names(self, kind: str) -> list[str]:
        folder = self._root / check_name(kind)
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))

    def delete(self, kind: str, name: str) -> None:
        """See the port. Nothing happens if there is none."""
        grave = self._staging / f"deleted-{secrets.token_hex(8)}"
        grave.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._path(kind, name).rename(grave)  # at once for who opens it from now on
        except FileNotFoundError:
            pass
        else:
            sync_folder(self._root / kind)
            shutil.rmtree(grave, ignore_errors=True)
        self._remove_leftovers()

    @property
    def _staging(self) -> Path:
        return self._root / STAGING

    def _path(self, kind: str, name: str) -> Path:
        return self._root / check_name(kind) / check_name(name)

    def _remove_leftovers(self) -> None:
        oldest = time.time() - LEFTOVER_AFTER_S
        for folder in list(self._staging.iterdir()):
            if _newest_change(folder) < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _full_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise Unavailable("disk_full", retry_after_s=10, field=str(self._root)) from error


def check_name(name: str) -> str:
    """A kind or name that may stand in a path. Raises InvalidInput (bad_artifact_name)."""
    if not _NAME.fullmatch(name):
        raise InvalidInput("bad_artifact_name", field="name", value=name)
    return name


def checksums_of(folder: Path) -> dict[str, tuple[int, int]]:
    """(bytes, CRC-32) of every file by its path, in order. Raises InvalidInput
    (bad_staged_file)."""
    paths = [path for path in sorted(folder.rglob("*")) if not _is_dir(path)]
    return {str(p.relative_to(folder)): (p.stat().st_size, _checksum(p)) for p in paths}


def check_sums(folder: Path, files: dict[str, tuple[int, int]], verify: bool) -> None:
    """Compare sizes and, where ``verify``, checksums. Raises Damaged (artifact_damaged)."""
    for path, (size, checksum) in files.items():
        try:
            _check(folder / path, size, checksum if verify else None)
        except FileNotFoundError as error:
            if not folder.is_dir():
                raise
            raise _damaged(folder / path, "it is missing") from error


def _seal(folder: Path) -> None:
    """Write ``checksums.json`` and make every file and folder durable."""
    listing = folder / CHECKSUMS
    listing.unlink(missing_ok=True)
    paths = sorted(folder.rglob("*"))
    sums = {str(path.relative_to(folder)): _sync_file(path) for path in paths if not _is_dir(path)}
    with listing.open("xb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(Checksums(FORMAT, sums))))
        file.flush()
        os.fsync(file.fileno())
    for path in [*(path for path in paths if path.is_dir()), folder]:
        sync_folder(path)


def _is_dir(path: Path) -> bool:
    mode = path.lstat().st_mode
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise InvalidInput("bad_staged_file", field=str(path))
    return stat.S_ISDIR(mode)


def _sync_file(path: Path) -> tuple[int, int]:
    """Make a file durable and read-only; its (bytes, CRC-32)."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), 0o444)
        return os.fstat(file.fileno()).st_size, _checksum(path)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            checksum = crc32(chunk, checksum)
    return checksum


def _checksums(folder: Path) -> Checksums:
    path = folder / CHECKSUMS
    try:
        sums = msgspec.json.decode(path.read_bytes(), type=Checksums)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    if sums.format != FORMAT:
        raise _damaged(path, f"format {sums.format} is not {FORMAT}")
    return sums


def _check(path: Path, size: int, checksum: int | None) -> None:
    found = path.stat().st_size
    if found != size:
        raise _damaged(path, f"it has {found} bytes, not {size}")
    if checksum is not None and _checksum(path) != checksum:
        raise _damaged(path, "its checksum differs")


def _damaged(path: Path, reason: str) -> Damaged:
    return Damaged("artifact_damaged", field=str(path), reason=reason)


def _newest_change(folder: Path) -> float:
    """Seconds since 1970; of a folder that goes away meanwhile: now."""
    try:
        return max(path.lstat().st_mtime for path in [folder, *folder.rglob("*")])
    except FileNotFoundError:
        return time.time()

"""The manifest: which files of the lake are read. A new one is a new numbered file.

A manifest is published by linking a synced temporary file to the next number: of two publishers
one wins and the other tries again on top of it. What a crash leaves behind is not named by any
manifest, so nobody reads it; it is removed once it is old.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.domain.errors import Damaged, Unavailable

ORPHAN_S = 86_400  # a younger file that no manifest names may belong to a running import
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOG = "log"  # the source of parts that hold the log's tail
FOLDERS = ("events", "items", "users", "forgotten")


class Part(Struct, frozen=True):
    """One Parquet file of the lake."""

    path: str  # relative to the lake's root
    rows: int
    least_ts: int  # µs; 0 for items and users
    most_ts: int
    sequence: int
    source: str  # the id of the import, or LOG


class Erasure(Struct, frozen=True):
    """Parts with a smaller sequence lose this user's rows: at once for readers, by a purge from
    the files. ``at``: when it was asked for, in µs."""

    user_id: str
    sequence: int
    at: int = 0


class Mark(Struct, frozen=True):
    """How far a table of a database has been read. ``source``: database and part of the mapping;
    ``digest`` of that part: another mapping reads from the beginning."""

    source: str
    digest: str
    column: str
    value: str


class Manifest(Struct, frozen=True):
    """What the lake holds. ``log_offset``: everything before it in the log is in these files."""

    version: int = 0
    log_offset: int = 0
    sequence: int = 0
    events: tuple[Part, ...] = ()
    items: tuple[Part, ...] = ()
    users: tuple[Part, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    forgotten: tuple[Part, ...] = ()  # who was erased and purged: see forgetting.py
    marks: tuple[Mark, ...] = ()
    former: tuple[Erasure, ...] = ()  # sessions of erased users: what earlier versions leave out

    def paths(self) -> set[str]:
        parts = (*self.events, *self.items, *self.users, *self.forgotten)
        return {part.path for part in parts}


def moved_marks(standing: Iterable[Mark], moved: Iterable[Mark]) -> tuple[Mark, ...]:
    """All marks, each of ``moved`` in the place of the one for the same source; by source."""
    marks = {mark.source: mark for mark in (*standing, *moved)}
    return tuple(marks[source] for source in sorted(marks))


def without_imports(manifest: Manifest, tables: Iterable[str]) -> Manifest:
    """Of these tables only what came by the log."""
    kept = {
        table: tuple(part for part in getattr(manifest, table) if part.source == LOG)
        for table in tables
    }
    return msgspec.structs.replace(manifest, **kept)


def read_newest(folder: Path) -> Manifest:
    """The manifest with the highest number; an empty one where there is none.

    Raises Damaged (damaged_manifest) when the file is not what was written.
    """
    while numbers := versions_in(folder):
        try:
            return read_version(folder, numbers[-1])
        except FileNotFoundError:  # replaced and removed since we listed the folder
            continue
    return Manifest()


def read_version(folder: Path, version: int) -> Manifest:
    path = _path(folder, version)
    return decoded(path.read_bytes(), str(path))


def decoded(raw: bytes, where: str) -> Manifest:
    """Raises Damaged (damaged_manifest)."""
    try:
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged("damaged_manifest", field=where) from error


def write_next(folder: Path, manifest: Manifest) -> bool:
    """Publish under ``manifest.version``; False when another was there first."""
    folder.mkdir(parents=True, exist_ok=True)
    staged = fresh_file(folder, f".{manifest.version}", ".tmp")
    try:
        with staged.open("wb") as file:
            file.write(msgspec.json.encode(manifest))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(staged, _path(folder, manifest.version))
        except FileExistsError:
            return False
    finally:
        staged.unlink()
    sync_folder(folder)
    return True


def fresh_file(folder: Path, stem: str, suffix: str) -> Path:
    """A new empty file that no other process got: ``stem``, else ``stem-1``, ``stem-2``, …"""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    while True:
        path = folder / f"{stem}{f'-{number}' if number else ''}{suffix}"
        try:
            path.open("xb").close()
        except FileExistsError:
            number += 1
        else:
            return path


def is_full(error: Exception) -> bool:
    """Whether a disk, a quota or a limit of file sizes is what was in the way."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return any(os.strerror(number) in str(error) for number in _FULL)  # DuckDB's


@contextmanager
def telling_full(place: Path) -> Iterator[None]:
    """Raises Unavailable (disk_full) for what ``is_full`` recognises."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise Unavailable("disk_full", retry_after_s=10, field=str(place)) from error
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def remove_unread(root: Path, newest: Manifest, kept_s: float) -> int:
    """Remove old manifests, and old data files that no kept manifest names. Old: by so much
    before the newest manifest was written. Returns how many data files went."""
    folder = root / "manifest"
    if newest.version == 0:
        return 0
    at = _path(folder, newest.version).stat().st_mtime
    for version in versions_in(folder):
        if version < newest.version and _older(_path(folder, version), at - kept_s):
            _path(folder, version).unlink(missing_ok=True)
    for path in folder.glob(".*.tmp"):
        if _older(path, at - kept_s):
            path.unlink(missing_ok=True)
    for left in (root / "tmp").glob("*"):  # of a process that was killed
        if _older(left, at - ORPHAN_S):
            shutil.rmtree(left, ignore_errors=True)
    unread = [file for file in _unnamed(root, newest.paths()) if _older(file, at - ORPHAN_S)]
    if unread:
        named = _named_by_all(folder)
        unread = [file for file in unread if str(file.relative_to(root)) not in named]
    for file in unread:
        file.unlink(missing_ok=True)
    return len(unread)


def remove_replaced(root: Path, newest: Manifest, replaced: set[str]) -> None:
    """Remove these files and every older manifest at once, whoever may be reading them."""
    folder = root / "manifest"
    for version in versions_in(folder):
        if version < newest.version:
            _path(folder, version).unlink(missing_ok=True)
    for path in replaced - newest.paths():
        (root / path).unlink(missing_ok=True)


def unnamed(root: Path, manifest: Manifest) -> set[str]:
    """Data files that the manifest does not name, relative to ``root``."""
    return {str(file.relative_to(root)) for file in _unnamed(root, manifest.paths())}


def _named_by_all(folder: Path) -> set[str]:
    versions = (read_version(folder, version) for version in versions_in(folder))
    return set().union(*(manifest.paths() for manifest in versions))


def _older(path: Path, deadline: float) -> bool:
    try:
        return path.stat().st_mtime <= deadline
    except FileNotFoundError:
        return False


def _unnamed(root: Path, named: set[str]) -> Iterator[Path]:
    for name in FOLDERS:
        for file in (root / name).rglob("*.parquet"):
            if str(file.relative_to(root)) not in named:
                yield file


def versions_in(folder: Path) -> list[int]:
    """Numbers of the manifests in a folder, in order."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdigit())


def _path(folder: Path, version: int) -> Path:
    return folder / f"{version:020d}.json"

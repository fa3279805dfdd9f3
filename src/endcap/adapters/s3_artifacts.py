"""``Artifacts`` in a bucket: the files of each below a prefix of its own, and a pointer to it.

PREFIX/KIND/NAME.json names the files with their checksums; it is written last, by a put that fails
where there is one, so that an artifact is there whole or not at all, whoever else publishes.
Readers get a local copy, kept in a cache of bounded size.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.adapters.folder import FORMAT, check_name, check_sums, checksums_of
from endcap.adapters.s3 import Absent, Bucket
from endcap.domain.errors import Conflict, Damaged, NotFound

FILES = "files"  # PREFIX/files/KIND/NAME/TOKEN/…
POINTER = ".json"
LEFTOVER_AFTER_S = 24 * 3600
IN_USE_S = 3600  # a copy that was opened since is not dropped, however full the cache
_log = logging.getLogger(__name__)


class Pointer(Struct, frozen=True):
    """``files``: (bytes, CRC-32) by path; they lie below ``token``, which no other has."""

    format: int
    token: str
    files: dict[str, tuple[int, int]]
    folders: tuple[str, ...] = ()  # that hold no file


class S3Artifacts:
    """See ``ports.Artifacts``, and ``FolderArtifacts`` for kinds and names.

    Every method raises what ``Bucket`` raises. After an error nothing is published, and what was
    published before is as it was.
    """

    def __init__(self, url: str, cache: Path, cache_mb: float = 4096) -> None:
        """``cache``: a local folder for copies, which several processes may share."""
        self._bucket = Bucket(url)
        self._cache = cache
        self._cache_bytes = int(cache_mb * 2**20)

    def staging(self, kind: str) -> Path:
        path = self._staging / f"{check_name(kind)}-{secrets.token_hex(8)}"
        path.mkdir(parents=True)
        return path

    def publish(self, kind: str, name: str, staged: Path) -> None:
        """See the port. The staged folder is gone afterwards.

        Raises Conflict (artifact_exists), InvalidInput (bad_staged_file).
        """
        key = self._key(kind, name)
        sums = checksums_of(staged)
        if self._exists(key):
            raise Conflict("artifact_exists", field=kind, value=name)
        pointer = Pointer(FORMAT, secrets.token_hex(8), sums, _empty_folders(staged))
        below = _files(kind, name, pointer)
        self._bucket.put_files((f"{below}/{path}", staged / path) for path in sums)
        if not self._bucket.put_new(key, msgspec.json.encode(pointer)):
            self._bucket.delete(f"{below}/{path}" for path in sums)
            raise Conflict("artifact_exists", field=kind, value=name)
        self._take_in(staged, kind, name, pointer)

    def open(self, kind: str, name: str, verify: bool = True) -> Path:
        """See the port. A local copy that is damaged is fetched again.

        Raises NotFound (unknown_artifact), Damaged (artifact_damaged).
        """
        pointer = self._pointer(kind, name)
        folder = self._copy(kind, name, pointer)
        if folder.is_dir():
            try:
                check_sums(folder, pointer.files, verify)
            except Damaged:
                _log.warning("a local copy of %s %s is damaged and is fetched again", kind, name)
                shutil.rmtree(folder, ignore_errors=True)
            else:
                (folder.parent / f"{folder.name}.used").touch()
                return folder
        self._fetch(kind, name, pointer)
        return folder

    def names(self, kind: str) -> list[str]:
        start = f"{check_name(kind)}/"
        keys = (found.key for found in self._bucket.objects(start))
        return sorted(k[len(start) : -len(POINTER)] for k in keys if k.endswith(POINTER))

    def delete(self, kind: str, name: str) -> None:
        """See the port. The pointer goes first, so that from then on nobody opens it."""
        key = self._key(kind, name)
        self._bucket.delete([key])
        start = f"{FILES}/{kind}/{name}/"
        self._bucket.delete([found.key for found in self._bucket.objects(start)])
        shutil.rmtree(self._cache / kind / name, ignore_errors=True)
        self._remove_leftovers()

    @property
    def _staging(self) -> Path:
        return self._cache / ".staging"

    def _key(self, kind: str, name: str) -> str:
        return f"{check_name(kind)}/{check_name(name)}{POINTER}"

    def _copy(self, kind: str, name: str, pointer: Pointer) -> Path:
        return self._cache / kind / name / pointer.token

    def _exists(self, key: str) -> bool:
        return any(found.key == key for found in self._bucket.objects(key))

    def _pointer(self, kind: str, name: str) -> Pointer:
        key = self._key(kind, name)
        try:
            return msgspec.json.decode(self._bucket.get(key), type=Pointer)
        except Absent as error:
            raise NotFound("unknown_artifact", field=kind, value=name) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._damaged(key, str(error)) from error

    def _fetch(self, kind: str, name: str, pointer: Pointer) -> None:
        """Get all files beside the cache, check them, and put them into it by one rename."""
        staged = self.staging(kind)
        try:
            below = _files(kind, name, pointer)
            for path in pointer.files:
                (staged / path).parent.mkdir(parents=True, exist_ok=True)
            try:
                self._bucket.fetch_all((f"{below}/{p}", staged / p) for p in pointer.files)
            except Absent as error:
                raise self._damaged(str(error), "it is missing") from error
            for path in pointer.folders:
                (staged / path).mkdir(parents=True, exist_ok=True)
            check_sums(staged, pointer.files, verify=True)
            self._take_in(staged, kind, name, pointer)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _take_in(self, staged: Path, kind: str, name: str, pointer: Pointer) -> None:
        """The folder becomes the local copy; another process may have been quicker."""
        target = self._copy(kind, name, pointer)
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in pointer.files:
            (staged / path).chmod(0o444)
        (target.parent / f"{target.name}.used").touch()
        try:
            staged.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            shutil.rmtree(staged, ignore_errors=True)
        self._make_room(target)

    def _make_room(self, newest: Path) -> None:
        """Drop the copies that were opened longest ago until the cache fits."""
        marks = self._cache.glob("*/*/*.used")
        copies = sorted((mark.stat().st_mtime, mark.with_suffix("")) for mark in marks)
        sizes = {copy: _bytes(copy) for _, copy in copies}
        total = sum(sizes.values())
        for used, copy in copies:
            if total <= self._cache_bytes or used > time.time() - IN_USE_S:
                return
            if copy != newest:
                shutil.rmtree(copy, ignore_errors=True)
                copy.with_suffix(".used").unlink(missing_ok=True)
                total -= sizes[copy]

    def _remove_leftovers(self) -> None:
        """Local staging folders, and uploads that no pointer names, of more than a day."""
        oldest = time.time() - LEFTOVER_AFTER_S
        for folder in self._staging.glob("*"):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
        old = [o.key for o in self._bucket.objects(f"{FILES}/") if o.modified < oldest]
        named: dict[tuple[str, str], str] = {}
        for kind, name in {tuple(key.split("/")[1:3]) for key in old}:
            try:
                named[kind, name] = self._pointer(kind, name).token
            except NotFound:
                named[kind, name] = ""
        self._bucket.delete(
            key
            for key in old
            if named[tuple(key.split("/")[1:3])] != key.split("/")[3]  # type: ignore[index]
        )

    def _damaged(self, key: str, reason: str) -> Damaged:
        return Damaged("artifact_damaged", field=f"{self._bucket.url}/{key}", reason=reason)


def _files(kind: str, name: str, pointer: Pointer) -> str:
    return f"{FILES}/{kind}/{name}/{pointer.token}"


def _empty_folders(staged: Path) -> tuple[str, ...]:
    folders = (path for path in staged.rglob("*") if path.is_dir() and not any(path.iterdir()))
    return tuple(sorted(str(path.relative_to(staged)) for path in folders))


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

"""The files of a lake in a bucket: manifests by conditional put, Parquet read where it lies.

What writes the lake writes locally; before a manifest names a file it goes up under a name that
no other machine gives, and the local one goes. DuckDB reads through ``s3_reading``.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import duckdb
import msgspec

from endcap.adapters.s3 import Absent, Bucket, Object
from endcap.adapters.s3_reading import S3Reading, own_name
from endcap.data.manifest import FOLDERS, ORPHAN_S, Manifest, Part, decoded

MANIFESTS = "manifest/"


class S3LakeFiles:
    """See ``data.lake_files.LakeFiles``. Every method raises what ``Bucket`` raises.

    ``root``: the local folder in which the lake writes.
    """

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self._bucket = Bucket(url)
        self._root = root
        self._reading = S3Reading(self._bucket)

    def newest(self) -> Manifest:
        while versions := self.versions():
            try:
                return self._read(versions[-1])
            except Absent:  # replaced and removed since it was listed
                continue
        return Manifest()

    def version(self, number: int) -> Manifest:
        try:
            return self._read(number)
        except Absent:
            raise KeyError(number) from None

    def versions(self) -> list[int]:
        stems = (PurePosixPath(found.key).stem for found in self._bucket.objects(MANIFESTS))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def take_over(self, wanted: Manifest, known: set[str]) -> Manifest:
        new = sorted(wanted.paths() - known)
        if not new:
            return wanted
        renamed = {path: own_name(path) for path in new}
        self._bucket.put_files((key, self._root / path) for path, key in renamed.items())
        for path in new:
            (self._root / path).unlink()

        def moved(parts: Iterable[Part]) -> tuple[Part, ...]:
            return tuple(
                msgspec.structs.replace(p, path=renamed.get(p.path, p.path)) for p in parts
            )

        tables = {table: moved(getattr(wanted, table)) for table in FOLDERS}
        return msgspec.structs.replace(wanted, **tables)

    def write_next(self, manifest: Manifest) -> bool:
        return self._bucket.put_new(_key(manifest.version), msgspec.json.encode(manifest))

    def where(self, path: str) -> str:
        local = self._root / path
        return str(local) if local.exists() else self._reading.url(path)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.register_filesystem(self._reading)

    def remove_unread(self, newest: Manifest, kept_s: float) -> None:
        now = time.time()
        for left in (self._root / "tmp").glob("*"):  # of a process that was killed
            if left.stat().st_mtime < now - ORPHAN_S:
                shutil.rmtree(left, ignore_errors=True)
        manifests = [*self._bucket.objects(MANIFESTS)]
        old = [m for m in manifests if m.key < _key(newest.version) and m.modified < now - kept_s]
        if not old:
            return
        self._bucket.delete(found.key for found in old)
        kept = {found.key for found in manifests} - {found.key for found in old}
        named = set().union(*(self._named(key) for key in kept))
        unread = (f for f in self._files() if f.modified < now - ORPHAN_S and f.key not in named)
        self._bucket.delete([found.key for found in unread])

    def remove_replaced(self, newest: Manifest, replaced: set[str]) -> None:
        older = (f.key for f in self._bucket.objects(MANIFESTS) if f.key < _key(newest.version))
        self._bucket.delete([*older, *sorted(replaced - newest.paths())])
        for folder in FOLDERS:  # what a crash or another writer kept from going up
            shutil.rmtree(self._root / folder, ignore_errors=True)

    def unnamed(self, manifest: Manifest) -> set[str]:
        return {found.key for found in self._files()} - manifest.paths()

    def _files(self) -> Iterable[Object]:
        for folder in FOLDERS:
            yield from self._bucket.objects(f"{folder}/")

    def _read(self, number: int) -> Manifest:
        key = _key(number)
        return decoded(self._bucket.get(key), f"{self._bucket.url}/{key}")

    def _named(self, key: str) -> set[str]:
        try:
            return decoded(self._bucket.get(key), f"{self._bucket.url}/{key}").paths()
        except Absent:
            return set()


def _key(version: int) -> str:
    return f"{MANIFESTS}{version:020d}.json"

"""``VectorIndex`` in a folder: memory-mapped arrays, searched by this process itself.

ROOT/vectors/<version>-<revision> holds each version (an artifact: built aside, published by one
rename, checksummed); ROOT/current.json, replaced whole, says which one answers. A search looks at
that file's identity first (about a µs), so every process follows a switch with its next search.
Erasing publishes a new revision without the rows.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from endcap.adapters.filelock import FileLock
from endcap.adapters.folder import FolderArtifacts
from endcap.adapters.segments import sync_folder
from endcap.adapters.vector_version import VectorVersion
from endcap.domain.arrays import Float32s
from endcap.domain.errors import Conflict, Damaged, NotFound
from endcap.domain.vectors import LoadedVersion, Nearby, Neighbours
from endcap.models.nearest import EXACT_TO

KIND, POINTER = "vectors", "current.json"


class Pointer(Struct, frozen=True):
    """``folders``: the artifact of each version, oldest first."""

    folders: dict[str, str] = {}
    current: str = ""
    revision: int = 0


class FolderVectors:
    """See ``ports.VectorIndex``. Safe for any number of threads and processes.

    ``recall``: what searches of more than ``exact_to`` vectors find of the true nearest; smaller
    versions are searched exactly.
    """

    def __init__(
        self, root: Path, *, seed: int = 0, recall: float = 0.95, exact_to: int = EXACT_TO
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root, self._seed, self._recall, self._exact_to = root, seed, recall, exact_to
        self._artifacts = FolderArtifacts(root)
        self._lock = FileLock(root / "lock")
        self._held: tuple[tuple[int, int], VectorVersion] | None = None

    def load(
        self,
        version: str,
        ids: Sequence[str],
        vectors: Float32s,
        labels: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """See the port. Raises Conflict (vectors_exist), InvalidInput (bad_vectors,
        vector_not_finite, duplicate_id, vector_counts_differ, bad_artifact_name)."""
        with self._lock:
            pointer = self._pointer()
            if version in pointer.folders:
                raise Conflict("vectors_exist", field=str(self._root), value=version)
            made = VectorVersion.build(
                version, ids, vectors, labels or {},
                seed=self._seed, recall=self._recall, exact_to=self._exact_to,
            )  # fmt: skip
            self._point(self._published(pointer, made))

    def switch(self, version: str) -> None:
        """See the port. Raises NotFound (unknown_vectors)."""
        with self._lock:
            pointer = self._pointer()
            if version not in pointer.folders:
                raise NotFound("unknown_vectors", field=str(self._root), value=version)
            if version == pointer.current:
                return
            names = list(pointer.folders)
            kept = {pointer.current, *names[names.index(version) :]}
            folders = {name: at for name, at in pointer.folders.items() if name in kept}
            self._point(Pointer(folders, version, pointer.revision))
            self._drop_others(folders)

    def versions(self) -> list[LoadedVersion]:
        """See the port. Raises Damaged."""
        pointer = self._pointer()
        found = [(name, self._open(name, pointer).index) for name in pointer.folders]
        return [
            LoadedVersion(
                name, len(index), index.dimensions, name == pointer.current, index.facts.recall
            )
            for name, index in found
        ]

    def nearest(
        self, vectors: Float32s, k: int, where: Mapping[str, Collection[str]] | None = None
    ) -> Nearby:
        """See the port. Raises NotFound (no_vectors), InvalidInput (bad_vectors), Damaged."""
        answering = self._answering()
        rows, scores = answering.index.top_many(vectors, k, answering.permitted(where))
        found = (rows >= 0).sum(axis=1)
        return Nearby(
            answering.version,
            tuple(
                Neighbours(
                    tuple(answering.ids[row] for row in rows[q, :count].tolist()),
                    tuple(scores[q, :count].tolist()),
                )
                for q, count in enumerate(found.tolist())
            ),
        )

    def vectors(self, ids: Sequence[str]) -> Float32s:
        """See the port. Raises NotFound (no_vectors), Damaged."""
        answering = self._answering()
        rows = answering.rows(ids)
        out = np.full((len(ids), answering.index.dimensions), np.nan, np.float32)
        out[rows >= 0] = answering.index.vectors_at(rows[rows >= 0])
        return out

    def erase(self, ids: Collection[str]) -> int:
        gone = 0
        with self._lock:
            pointer = self._pointer()
            for version in pointer.folders:
                held = self._open(version, pointer)
                rows = held.rows(sorted(ids))
                if (rows >= 0).any():
                    pointer = self._published(pointer, held.without(rows[rows >= 0]))
                    gone += int((rows >= 0).sum())
            self._point(pointer)
            self._drop_others(pointer.folders)
        return gone

    def _answering(self) -> VectorVersion:
        """What answers now, opened anew where the pointer was replaced."""
        while True:
            try:
                found = (self._root / POINTER).stat()
            except FileNotFoundError:
                raise NotFound("no_vectors", field=str(self._root)) from None
            key, held = (found.st_ino, found.st_mtime_ns), self._held
            if held is not None and held[0] == key:
                return held[1]
            pointer = self._pointer()
            if not pointer.current:
                raise NotFound("no_vectors", field=str(self._root))
            try:
                opened = self._open(pointer.current, pointer)
            except (NotFound, Damaged):  # replaced and dropped since the pointer was read
                if pointer == self._pointer():
                    raise
                continue
            self._held = (key, opened)

    def _open(self, version: str, pointer: Pointer) -> VectorVersion:
        return VectorVersion.open(version, self._artifacts.open(KIND, pointer.folders[version]))

    def _published(self, pointer: Pointer, made: VectorVersion) -> Pointer:
        """Publish ``made`` and name it in the pointer's place for its version."""
        revision = pointer.revision + 1
        folder = f"{made.version}-{revision}"
        staged = self._artifacts.staging(KIND)
        made.save(staged)
        self._artifacts.delete(KIND, folder)  # left by a writer that died before it pointed
        self._artifacts.publish(KIND, folder, staged)
        folders = {**pointer.folders, made.version: folder}
        return Pointer(folders, pointer.current, revision)

    def _drop_others(self, folders: Mapping[str, str]) -> None:
        for name in set(self._artifacts.names(KIND)) - set(folders.values()):
            self._artifacts.delete(KIND, name)

    def _pointer(self) -> Pointer:
        path = self._root / POINTER
        try:
            return msgspec.json.decode(path.read_bytes(), type=Pointer)
        except FileNotFoundError:
            return Pointer()
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise Damaged("vectors_unreadable", value=str(path), reason=str(problem)) from problem

    def _point(self, pointer: Pointer) -> None:
        new = self._root / f"{POINTER}.new"
        with new.open("wb") as file:
            file.write(msgspec.json.encode(pointer))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._root / POINTER)
        sync_folder(self._root)

"""Where the files of a lake lie. What writes the lake works in a local folder; a store takes over
what a manifest is about to name, and says where it is read from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import duckdb

from endcap.data.manifest import (
    Manifest,
    read_newest,
    read_version,
    remove_replaced,
    remove_unread,
    unnamed,
    versions_in,
    write_next,
)


class LakeFiles(Protocol):
    """The files of one lake, which several processes may write. ``url``: its root."""

    url: str

    def newest(self) -> Manifest:
        """The manifest in force; an empty one of version 0 where there is none. Damaged."""

    def version(self, number: int) -> Manifest:
        """An earlier one. KeyError where it is not kept; Damaged."""

    def versions(self) -> list[int]:
        """The versions that are kept, in order."""

    def take_over(self, wanted: Manifest, known: set[str]) -> Manifest:
        """Make durable what ``wanted`` names and ``known`` does not; with the paths it has now."""

    def write_next(self, manifest: Manifest) -> bool:
        """Publish under ``manifest.version``; False when another was there first."""

    def where(self, path: str) -> str:
        """Where SQL reads a file of a manifest, or one that was just written locally."""

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read from there."""

    def remove_unread(self, newest: Manifest, kept_s: float) -> None:
        """Manifests replaced for longer, and files that none names for longer than a day."""

    def remove_replaced(self, newest: Manifest, replaced: set[str]) -> None:
        """These files and every older manifest, at once, whoever may be reading them."""

    def unnamed(self, manifest: Manifest) -> set[str]:
        """Paths of files that the manifest does not name."""


class FolderFiles:
    """In the local folder itself. See ``LakeFiles``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.url = str(root.absolute())
        self._manifests = root / "manifest"

    def newest(self) -> Manifest:
        return read_newest(self._manifests)

    def version(self, number: int) -> Manifest:
        try:
            return read_version(self._manifests, number)
        except FileNotFoundError:
            raise KeyError(number) from None

    def versions(self) -> list[int]:
        return versions_in(self._manifests)

    def take_over(self, wanted: Manifest, known: set[str]) -> Manifest:  # noqa: ARG002
        return wanted  # who wrote the files has synced them

    def write_next(self, manifest: Manifest) -> bool:
        return write_next(self._manifests, manifest)

    def where(self, path: str) -> str:
        return str(self._root / path)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Files need nothing."""

    def remove_unread(self, newest: Manifest, kept_s: float) -> None:
        remove_unread(self._root, newest, kept_s)

    def remove_replaced(self, newest: Manifest, replaced: set[str]) -> None:
        remove_replaced(self._root, newest, replaced)

    def unnamed(self, manifest: Manifest) -> set[str]:
        return unnamed(self._root, manifest)

"""The lake: all history of one shop as Parquet files that a manifest names.

Events by UTC date, items and users with one row for each id. Readers get views in DuckDB that
leave out erased users; writers publish by compare-and-set, so an import is seen whole or not.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec

from endcap.data.compact import merge_crowded, rewritten
from endcap.data.entities import upsert_rows
from endcap.data.forgetting import remember
from endcap.data.lake_files import FolderFiles, LakeFiles
from endcap.data.manifest import Erasure, Manifest, Part
from endcap.data.merge import merge_events
from endcap.data.owners import former_names, taken_over
from endcap.data.staging import STAGING, discard_all
from endcap.data.tail import staged
from endcap.data.views import create_views
from endcap.domain.columns import ITEM_ID, USER_ID
from endcap.domain.errors import NotFound
from endcap.domain.values import Event, Item, User

__all__ = ["UNFIT", "Erasure", "Lake", "Manifest", "Part"]

# What an append raises for what a row holds, and not for the state of disk or memory.
UNFIT = (duckdb.DataError, OverflowError, TypeError, ValueError)

LEAST_MB = 256
MOST_LISTED = 20  # versions that an error names
_ROWS = 10_000  # rows of a batch when items and users are streamed
_connections = itertools.count()


class Purged(NamedTuple):
    manifest: Manifest
    rows: int  # rows that are physically gone
    files: int  # files that were written anew


class Moved(Exception):
    """Another writer published since; the work is done again on top of it."""


class Lake:
    def __init__(
        self,
        root: Path,
        memory_mb: int,
        threads: int,
        pepper: str = "",
        files: LakeFiles | None = None,
        kept_hours: float = 24,
    ) -> None:
        """``root``: a local folder, which need not exist; ``files``: where the lake's files lie
        (default: there). The limits hold for each connection. ``pepper``: goes into the hashes of
        erased users; it must stay the same. ``kept_hours``: how long one can go back in time."""
        self.root = root
        self.memory_mb = memory_mb
        self.threads = threads
        self.pepper = pepper
        self.files: LakeFiles = files or FolderFiles(root)
        self.where = self.files.where
        self._kept_s = kept_hours * 3600
        self._pinned: Manifest | None = None

    def at(self, version: int) -> Lake:
        """The lake as it was, to read from only, minus who was erased since.

        Raises NotFound (lake_version_gone): never there, or no longer kept.
        """
        newest = self.manifest()
        try:
            then = newest if version == newest.version else self.files.version(version)
        except KeyError:
            kept = ", ".join(map(str, self.files.versions()[-MOST_LISTED:])) or "none"
            raise NotFound("lake_version_gone", field="version", value=version, kept=kept) from None
        pinned = copy(self)
        gone = (*newest.erasures, *newest.former)
        pinned._pinned = msgspec.structs.replace(then, erasures=gone)
        return pinned

    def limited(self, share: float) -> Lake:
        """The same lake with a share of the memory, for work that needs as much beside SQL; not
        less than SQL can work with."""
        other = copy(self)
        other.memory_mb = min(self.memory_mb, max(round(self.memory_mb * share), LEAST_MB))
        return other

    def manifest(self) -> Manifest:
        """The newest; an empty one (version 0) on an empty folder. Damaged if unreadable."""
        return self._pinned or self.files.newest()

    def publish(self, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Publish ``change(newest)``, again when another writer was quicker. Durable when it
        returns. Files that the new manifest names must be synced already."""
        if self._pinned:
            raise ValueError("an earlier version of the lake cannot be changed")
        while True:
            current = self.manifest()
            wanted = self.files.take_over(change(current), current.paths())
            following = msgspec.structs.replace(wanted, version=current.version + 1)
            if self.files.write_next(following):
                self.files.remove_unread(following, self._kept_s)
                return following

    def connect(self, manifest: Manifest | None = None) -> duckdb.DuckDBPyConnection:
        """A connection with the views events, items, users of a manifest (default: the newest).

        Times zone UTC; memory and threads limited; what does not fit goes to a temporary folder.
        """
        folder = self.root / "tmp" / f"{os.getpid()}-{next(_connections)}"
        folder.parent.mkdir(parents=True, exist_ok=True)  # DuckDB makes the last part only
        connection = duckdb.connect(
            config={
                "memory_limit": f"{self.memory_mb}MB",
                "threads": str(self.threads),
                "temp_directory": str(folder),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        connection.execute("SET TimeZone = 'UTC'")
        self.files.prepare(connection)
        create_views(connection, self.where, manifest or self.manifest())
        return connection

    def append(
        self,
        events: Iterable[Event],
        items: Iterable[Item],
        users: Iterable[User],
        erased: Iterable[str] | Mapping[str, int],
        log_offset: int,
        linked: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Add the log's tail up to ``log_offset``; a tail that is in the lake changes nothing.

        The erasures (a mapping also says when each was asked for, in µs) come after the rows: they
        hide what this call brings too. Repeats are dropped; upserts merge attributes, an explicit
        None takes one away. ``linked``: by user, whose all of their events in the lake are from
        now on; the ``events`` have the users that they shall have.
        """
        fresh, puts = staged(events), ([*items], [*users])
        gone = {**erased} if isinstance(erased, Mapping) else dict.fromkeys(erased, 0)
        while True:
            base = self.manifest()
            if log_offset <= base.log_offset and base.version > 0:
                return base
            name = f"log-{log_offset:020d}"
            with self.connect(base) as connection:
                base, tail = taken_over(
                    connection, self.root, base, linked or {}, fresh, name, self.where
                )
            with self.connect(base) as connection:
                former = former_names(connection, tail, gone, base.sequence + 2)
                connection.register("staged", tail)
                parts = merge_events(connection, self.root, name, "log").parts if tail else []
                put = partial(upsert_rows, connection, self.root, base, name=name, where=self.where)
                new_items = put("items", [(item.item_id, item.attributes) for item in puts[0]])
                new_users = put("users", [(user.user_id, user.attributes) for user in puts[1]])
            with self.connect(base) as connection:
                kept, parts = merge_crowded(connection, self.root, base, parts, name, self.where)
            change = _Change(base, kept, parts, new_items, new_users, gone, former, log_offset)
            try:
                return self.publish(change.apply)
            except Moved:
                continue

    def items(self) -> Iterator[Item]:
        """All items in the order of the files, streamed. Attributes without a value are absent."""
        for item_id, attributes in self._rows("items", ITEM_ID):
            yield Item(item_id, attributes)

    def users(self) -> Iterator[User]:
        for user_id, attributes in self._rows("users", USER_ID):
            yield User(user_id, attributes)

    def _rows(self, table: str, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        with self.connect() as connection:
            reader = connection.sql(f"SELECT * FROM {table}").to_arrow_reader(_ROWS)
            for batch in reader:
                for row in batch.to_pylist():
                    row_id = row.pop(key)
                    yield row_id, {k: v for k, v in row.items() if v is not None}

    def purge(self) -> Purged:
        """Write parts that hold rows of erased users anew without them, and remove the old files
        and manifests at once: a reader in the middle fails and has to read again. What imports
        have staged goes as well: they begin anew. Of the users a keyed hash stays.

        Raises Conflict (import_running): an import is at work.
        """
        while True:
            base = self.manifest()
            if not base.erasures:
                return Purged(base, 0, 0)
            discard_all(self.root / STAGING)
            with self.connect(base) as connection:
                clean, rows = rewritten(connection, self.root, base, self.where)
                known = remember(connection, self.root, base, self.where, self.pepper)
            clean = msgspec.structs.replace(clean, forgotten=known, former=())
            try:
                manifest = self.publish(partial(_purged, base=base, clean=clean))
            except Moved:
                continue
            replaced = base.paths() - manifest.paths()
            self.files.remove_replaced(manifest, replaced)
            return Purged(manifest, rows, len(replaced))

    def sweep(self) -> None:
        """Remove all files and manifests but the newest and what it names: what a crash left, and
        what readers of an older one would still read. Nobody may write to the lake meanwhile."""
        manifest = self.manifest()
        self.files.remove_replaced(manifest, self.files.unnamed(manifest))


class _Change(NamedTuple):
    """What an append makes of the manifest it was built on."""

    base: Manifest
    kept: tuple[Part, ...]
    events: list[Part]
    items: tuple[Part, ...]
    users: tuple[Part, ...]
    erased: dict[str, int]
    former: tuple[Erasure, ...]
    log_offset: int

    def apply(self, now: Manifest) -> Manifest:
        if now.version != self.base.version:
            raise Moved
        after = now.sequence + 1

        def numbered(parts: Iterable[Part]) -> tuple[Part, ...]:
            return tuple(
                p if p.sequence else msgspec.structs.replace(p, sequence=after) for p in parts
            )

        erasures = [e for e in now.erasures if e.user_id not in self.erased]
        erasures += [Erasure(user_id, after + 1, at) for user_id, at in self.erased.items()]
        return msgspec.structs.replace(
            now,
            log_offset=self.log_offset,
            sequence=after + 1,
            events=in_order((*self.kept, *numbered(self.events))),
            items=numbered(self.items),
            users=numbered(self.users),
            erasures=tuple(erasures),
            former=(*now.former, *self.former),
        )


def in_order(parts: Iterable[Part]) -> tuple[Part, ...]:
    """By date, then arrival: the order in which events are read."""
    return tuple(sorted(parts, key=lambda part: (part.path.split("/")[1], part.sequence)))


def _purged(now: Manifest, base: Manifest, clean: Manifest) -> Manifest:
    if now.version != base.version:
        raise Moved
    return clean

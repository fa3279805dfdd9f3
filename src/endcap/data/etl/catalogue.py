"""Which files a table consists of. A new manifest replaces partitions at once and as a whole.

Readers go by the newest manifest: ``table_files``. What it no longer names is removed when it is
published, so that tools which read whole folders see each row once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from endcap.data.etl.storage import Storage
from endcap.domain.errors import Damaged

FOLDER = "manifest"
KEPT = 2  # manifests; the newest is read


class TableFile(Struct, frozen=True):
    """One Parquet file. ``date``: its partition, which is not a column of the file; "": none."""

    path: str  # relative to the tables' root
    rows: int
    bytes: int
    date: str = ""


class TableState(Struct, frozen=True):
    """``sources``: the fingerprint of each date (or "") that was made. ``attributes``: the columns
    that the shop's own attributes gave, and their kinds."""

    files: tuple[TableFile, ...] = ()
    sources: dict[str, str] = {}
    attributes: dict[str, str] = {}
    as_of: int = 0

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


class Tables(Struct, frozen=True):
    """All tables of a shop at one version. ``lake_version``: the manifest they were made from."""

    version: int = 0
    lake_version: int = 0
    tables: dict[str, TableState] = {}

    def of(self, table: str) -> TableState:
        return self.tables.get(table, TableState())

    def paths(self) -> set[str]:
        return {file.path for state in self.tables.values() for file in state.files}


def newest(storage: Storage) -> Tables:
    """An empty one where nothing was made. Raises Damaged (tables_damaged)."""
    names = [name for name in storage.names(FOLDER) if name.endswith(".json") and name[0] != "."]
    if not names:
        return Tables()
    path = f"{FOLDER}/{names[-1]}"
    try:
        return msgspec.json.decode(storage.read(path), type=Tables)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged("tables_damaged", field=f"{storage.url}/{path}") from error


def publish(storage: Storage, before: Tables, after: Tables) -> Tables:
    """``after`` as the version after ``before``; what it no longer names is removed.

    Raises Damaged (tables_damaged) when somebody else published meanwhile, past the lock.
    """
    following = msgspec.structs.replace(after, version=before.version + 1)
    path = f"{FOLDER}/{following.version:012d}.json"
    if not storage.put_new(path, msgspec.json.encode(following)):
        raise Damaged("tables_damaged", field=f"{storage.url}/{path}")
    old = (f"{FOLDER}/{name}" for name in storage.names(FOLDER)[:-KEPT])
    storage.remove(*sorted(before.paths() - following.paths()), *old)
    return following


def replaced(
    state: TableState,
    made: Mapping[str, Sequence[TableFile]],
    sources: Mapping[str, str],
    attributes: Mapping[str, str],
    as_of: int,
) -> TableState:
    """The state after the dates of ``made`` were made anew. ``sources``: the fingerprints of all
    dates that there are now; a date that is not among them goes."""
    kept = [file for file in state.files if file.date in sources and file.date not in made]
    new = [file for files in made.values() for file in files]
    done = {d: f for d, f in state.sources.items() if d in sources} | {d: sources[d] for d in made}
    files = sorted([*kept, *new], key=lambda file: (file.date, file.path))
    return TableState(tuple(files), dict(sorted(done.items())), dict(attributes), as_of)

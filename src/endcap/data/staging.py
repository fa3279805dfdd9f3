"""What an unfinished import has done so far, so that it can go on after a crash.

One folder for each set of files and options: a Parquet file and a rejects file for each chunk,
and ``state.json``, replaced as a whole when a chunk is on disk.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
from msgspec import Struct

from endcap.data.chunks import Position
from endcap.data.manifest import Mark, sync_file, sync_folder
from endcap.data.sources import File
from endcap.domain.errors import Conflict

STAGING = "staging"  # the folder of a lake in which imports stage
KEPT_US = 7 * 86_400_000_000


class Reason(Struct, frozen=True):
    """Rows rejected for one reason. ``column``: the file's column, or the expression to keep."""

    code: str
    column: str
    rows: int


class Done(Struct, frozen=True):
    """One chunk that is staged. ``kinds``: attribute → type, for items and users."""

    file: int
    name: str  # of its files in the staging folder
    position: Position
    rows: int
    accepted: int
    reasons: list[Reason]
    columns: list[str]
    kinds: dict[str, str]
    finished: bool  # the file ends here


class State(Struct):
    import_id: str
    at: int  # µs: when the import was first started
    sequence: int  # of the lake then: users erased later stay erased
    files: list[File]
    done: list[Done]
    numeric: dict[int, list[str]]  # file → text columns that ``keep`` takes for numbers
    marks: list[Mark] | None = None  # how far the database reached when the import was started


class Staging:
    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self.state = state

    def path(self, name: str, suffix: str) -> Path:
        return self.folder / f"{name}{suffix}"

    def record(self, done: Done) -> None:
        """The chunk's files are synced; from now on it is not read again."""
        self.state.done.append(done)
        self.save()

    def save(self) -> None:
        staged = self.folder / "state.part"
        staged.write_bytes(msgspec.json.encode(self.state))
        sync_file(staged)
        staged.replace(self.folder / "state.json")
        sync_folder(self.folder)

    def of_table(self, table: str) -> list[Done]:
        return [done for done in self.state.done if self.state.files[done.file].table == table]


@contextmanager
def open_staging(folder: Path, fresh: State) -> Iterator[Staging]:
    """The staged work in ``folder``, else ``fresh``. Conflict (import_running) when another
    process has it open."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("import_running", field=str(folder)) from error
        yield Staging(folder, _read(folder) or fresh)
    finally:
        os.close(descriptor)


def _read(folder: Path) -> State | None:
    try:
        return msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:  # of another version of the product: begin again
        return None


def discard(folder: Path) -> None:
    """Remove the staged work."""
    shutil.rmtree(folder, ignore_errors=True)


def discard_old(parent: Path, at: int) -> None:
    """Remove staged work that nobody went on with for a week before ``at`` (µs)."""
    for folder in parent.iterdir():
        if folder.stat().st_mtime * 1e6 < at - KEPT_US:
            discard(folder)


def discard_all(parent: Path) -> None:
    """Remove all staged work. Raises Conflict (import_running) when another process has some
    open."""
    for folder in parent.iterdir() if parent.exists() else ():
        with open_staging(folder, State("", 0, 0, [], [], {})):
            discard(folder)


def write_arrow(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Make a table readable in SQL, in slices that several threads can take."""
    connection.register(name, pa.Table.from_batches(table.to_batches(65_536), table.schema))

"""The files that people bring: what they name, and in which format each is written."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import BinaryIO, cast

from msgspec import Struct

from endcap.domain.errors import InvalidInput, NotFound

CSV, JSON_LINES, JSON_ARRAY, PARQUET = "csv", "jsonl", "json", "parquet"
DATABASE = "database"  # a table of a database: no file, its path is a URL
TABLES = ("users", "items", "events")
_SUFFIXES = {
    ".csv": CSV, ".tsv": CSV, ".txt": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES,
    ".json": JSON_LINES, ".parquet": PARQUET, ".pq": PARQUET,
}  # fmt: skip
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Source(Struct, frozen=True):
    """``path``: a file, a folder or a glob. ``table``: users, items or events."""

    table: str
    path: str


class File(Struct, frozen=True):
    """One file. ``size`` and ``modified`` (ns) tell whether it is still the same."""

    table: str
    path: str
    format: str
    gzipped: bool
    size: int
    modified: int


def find_files(sources: Sequence[Source]) -> list[File]:
    """All files, users and items before events, otherwise in the order given, then by name.

    Raises NotFound (no_such_file), InvalidInput (empty_file, empty_folder, not_a_file,
    wrong_encoding, damaged_file).
    """
    files: dict[tuple[str, str], File] = {}
    for source in sorted(sources, key=lambda source: TABLES.index(source.table)):
        for path in _paths(source.path):
            files.setdefault((source.table, str(path)), _describe(source.table, path))
    return list(files.values())


def _paths(given: str) -> list[Path]:
    path = Path(given).expanduser()
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and _suffix(p) in _SUFFIXES)
        if not found:
            raise InvalidInput("empty_folder", field=given, permitted=", ".join(_SUFFIXES))
        return [p.absolute() for p in found]
    if not path.exists() and has_magic(given):
        names = glob(str(path), recursive=True)  # noqa: PTH207  # Path.glob takes no absolute one
        found = sorted(p for p in map(Path, names) if p.is_file())
        if found:
            return [p.absolute() for p in found]
    if not path.exists():
        raise NotFound("no_such_file", field=given)
    if not path.is_file():
        raise InvalidInput("not_a_file", field=given)
    return [path.absolute()]


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _describe(table: str, path: Path) -> File:
    try:
        status = path.stat()
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise _unreadable(str(path), error) from error
    described = File(table, str(path), "", gzipped, status.st_size, status.st_mtime_ns)
    with open_bytes(described) as stream:
        head = stream.read(65536)
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise InvalidInput("empty_file", field=str(path))
    if head.startswith(_UTF16):
        raise InvalidInput("wrong_encoding", field=str(path), value="UTF-16")
    form = _format(path, head)
    return File(table, str(path), form, gzipped, status.st_size, status.st_mtime_ns)


def _format(path: Path, head: bytes) -> str:
    """By content where it is plain, else by suffix, else CSV."""
    if head.startswith(b"PAR1"):
        return PARQUET
    named = _SUFFIXES.get(_suffix(path), CSV)
    first = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if named == JSON_LINES or (first in b"[{" and _suffix(path) not in _SUFFIXES):
        return JSON_ARRAY if first == b"[" else JSON_LINES
    return named


@contextmanager
def open_bytes(file: File) -> Iterator[BinaryIO]:
    """The file's content, unpacked. Damage of the packing becomes InvalidInput (damaged_file)."""
    path = Path(file.path)
    try:
        with gzip.open(path, "rb") if file.gzipped else path.open("rb") as stream:
            yield cast(BinaryIO, stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput("damaged_file", field=file.path, reason=str(error)) from error
    except OSError as error:
        raise _unreadable(file.path, error) from error


def _unreadable(path: str, error: OSError) -> InvalidInput:
    reason = error.strerror or str(error)
    return InvalidInput("unreadable_file", field="file", value=path, reason=reason)

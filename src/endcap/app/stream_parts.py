"""The output of a stream's consumer: files of JSON lines in the lake, by day and shard.

CONSUMER/recommendations/date=YYYY-MM-DD/<shard>-<position>.jsonl holds the answers to the records
from that position on; CONSUMER/failed/… of the same name those that could not be answered, as they
came. A file is written whole. One that is written again after a crash begins at the same record, so
it takes the place of the first: however often a batch is repeated, each answer stands there once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from endcap.domain.streams import StreamRecord, is_about
from endcap.domain.times import iso

STREAM = "stream"  # the folder in the lake, with one for each consumer
ANSWERS, UNANSWERED = "recommendations", "failed"
SUFFIX = ".jsonl"
_NAME = re.compile(r"[^A-Za-z0-9_-]")

_encode = msgspec.json.Encoder().encode


class Unanswered(Struct, frozen=True):
    """A line of ``failed``: the record's bytes (base64), and the code of what is wrong."""

    recordId: str  # noqa: N815 - as on the wire
    reason: str
    data: bytes


class PartFiles(Protocol):
    """Small files below one root (``url``), each replaced as a whole."""

    url: str

    def replace(self, path: str, content: bytes) -> None:
        """Whole or not at all; no content: no file. Durable on return."""

    def read(self, folder: str) -> Iterator[tuple[str, bytes]]:
        """(path, content) of all files below a folder ("": of all), in order of their paths."""


class FolderParts:
    """In a local folder. See ``PartFiles``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = str(root.absolute())

    def replace(self, path: str, content: bytes) -> None:
        replace_file(self.root / path, content)

    def read(self, folder: str) -> Iterator[tuple[str, bytes]]:
        for path in sorted((self.root / folder).rglob(f"date=*/[!.]*{SUFFIX}")):
            yield str(path.relative_to(self.root)), path.read_bytes()


class StreamParts:
    """What one consumer writes; see the module. One process writes each shard's files."""

    def __init__(self, files: PartFiles, consumer: str) -> None:
        self.files, self.consumer = files, consumer

    def write(
        self, shard: str, first: StreamRecord, answers: Sequence[bytes], rest: Sequence[Unanswered]
    ) -> None:
        """The output of the records from ``first`` on, all of its day. Durable on return."""
        name = f"date={day_of(first)}/{_NAME.sub('_', shard)}-{first.position}{SUFFIX}"
        self.files.replace(f"{self.consumer}/{ANSWERS}/{name}", b"".join(answers))
        failed = b"".join(_encode(record) + b"\n" for record in rest)
        self.files.replace(f"{self.consumer}/{UNANSWERED}/{name}", failed)


def day_of(record: StreamRecord) -> str:
    """The day of arrival, UTC: the same however often the record is read."""
    return iso(record.arrived_at)[:10]


def of_one_day(records: Sequence[StreamRecord]) -> Sequence[StreamRecord]:
    """The first records, up to where the day changes."""
    if not records or day_of(records[0]) == day_of(records[-1]):
        return records
    day = day_of(records[0])
    return records[: next(n for n, record in enumerate(records) if day_of(record) != day)]


def lines_of(files: PartFiles, consumer: str, user_id: str) -> Iterator[bytes]:
    """The answers that were written for a user, by day; those of one day in the order of their
    files."""
    start = _start(user_id)
    for _, content in files.read(f"{consumer}/{ANSWERS}"):
        yield from (line for line in content.splitlines(True) if line.startswith(start))


def erase_answers(files: PartFiles, user_id: str) -> int:
    """Take the lines about a user out of the files of every consumer; how many there were."""
    start, removed = _start(user_id), 0
    for path, content in files.read(""):
        kind = path.split("/")[1]
        lines = content.splitlines(keepends=True)
        kept = [line for line in lines if not _about(line, kind, start, user_id)]
        if len(kept) < len(lines):
            removed += len(lines) - len(kept)
            files.replace(path, b"".join(kept))
    return removed


def _about(line: bytes, kind: str, start: bytes, user_id: str) -> bool:
    if kind == ANSWERS:
        return line.startswith(start)
    try:
        data = msgspec.json.decode(line, type=Unanswered).data
    except (msgspec.DecodeError, UnicodeDecodeError):  # another program wrote it
        data = line
    return is_about(data, user_id)


def _start(user_id: str) -> bytes:
    """What a line of answers to this user begins with."""
    return b'{"userId":' + _encode(user_id) + b","


def replace_file(path: Path, content: bytes) -> None:
    """Whole or not at all; no content: no file. Durable on return."""
    if not content:
        if path.exists():
            path.unlink()
            sync(path.parent)
        return
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        sync(path.parent.parent)
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make creations, renames and deletions in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

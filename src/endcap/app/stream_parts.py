"""The output of a stream's consumer: files of JSON lines in the lake, by day and shard.

CONSUMER/recommendations/date=YYYY-MM-DD/<shard>-<position>.jsonl holds the answers to the records
from that position on; CONSUMER/failed/… of the same name those that could not be answered, as they
came. A file is written whole. One that is written again after a crash begins at the same record, so
it takes the place of the first: however often a batch is repeated, each answer stands there once.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from endcap.data.manifest import telling_full
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


class _AsItCame(Struct):
    """The bytes (base64) of a record without an answer: as we write them, or Amazon Firehose."""

    data: bytes | None = None
    rawData: bytes | None = None  # noqa: N815 - as on the wire


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
        name = name_of(shard, first)
        self.files.replace(f"{self.consumer}/{ANSWERS}/{name}", b"".join(answers))
        failed = b"".join(_encode(record) + b"\n" for record in rest)
        self.files.replace(f"{self.consumer}/{UNANSWERED}/{name}", failed)

    def set_aside(self, shard: str, record: StreamRecord, reason: str) -> None:
        """One record that can never be used, as it came, in a file of its own: where it comes again
        it takes the place of that. Durable on return."""
        line = _encode(Unanswered(f"{shard}:{record.position}", reason, record.data)) + b"\n"
        self.files.replace(f"{self.consumer}/{UNANSWERED}/{name_of(shard, record)}", line)


def name_of(shard: str, first: StreamRecord) -> str:
    """Of the file with the records from ``first`` on."""
    return f"date={day_of(first)}/{_NAME.sub('_', shard)}-{first.position}{SUFFIX}"


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


def erase_answers(files: PartFiles, users: Collection[str]) -> dict[str, int]:
    """Take the lines about these users out of the files of every consumer; how many each had."""
    removed: Counter[str] = Counter()
    for path, content in files.read(""):
        about = _answered if path.split("/")[1] == ANSWERS else _unanswered
        lines = content.splitlines(keepends=True)
        kept = []
        for line in lines:
            user = about(line, users)
            if user is None:
                kept.append(line)
            else:
                removed[user] += 1
        if len(kept) < len(lines):
            files.replace(path, b"".join(kept))
    return dict(removed)


class _Naming(Struct):
    userId: str  # noqa: N815 - as on the wire


_named = msgspec.json.Decoder(_Naming).decode


def _answered(line: bytes, users: Collection[str]) -> str | None:
    """Whom of ``users`` a line of answers is about. One that cannot be read: whose id it holds."""
    try:
        user = _named(line).userId
    except (msgspec.DecodeError, UnicodeDecodeError):
        return next((user for user in users if user.encode() in line), None)
    return user if user in users else None


def _unanswered(line: bytes, users: Collection[str]) -> str | None:
    data = _as_it_came(line)
    return next((user for user in users if is_about(data, user)), None)


def _as_it_came(line: bytes) -> bytes:
    """The record in a line of ``failed``; the line itself, where another program wrote it."""
    try:
        told = msgspec.json.decode(line, type=_AsItCame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line
    found = told.rawData if told.data is None else told.data
    return line if found is None else found


def _start(user_id: str) -> bytes:
    """What a line of answers to this user begins with."""
    return b'{"userId":' + _encode(user_id) + b","


def replace_file(path: Path, content: bytes) -> None:
    """Whole or not at all; no content: no file. Durable on return.

    Raises Unavailable (disk_full).
    """
    if not content:
        if path.exists():
            path.unlink()
            sync(path.parent)
        return
    new = path.with_name(f".{path.name}.new")
    with telling_full(path.parent):
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            sync(path.parent.parent)
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

"""Segments: the files of a log, each named by the offset at which it begins (20 digits)."""

from __future__ import annotations

import os
from pathlib import Path

SUFFIX = ".log"


class Descriptor:
    """An open file that closes when nobody holds it any more.

    Readers in other threads keep theirs while the log moves on to another segment.
    """

    fd = -1

    def __init__(self, path: Path, flags: int) -> None:
        self.fd = os.open(path, flags | os.O_CLOEXEC, 0o644)

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class Segment(Descriptor):
    """One open file of the log. Offsets are those of the whole log."""

    def __init__(self, folder: Path, start: int, create: bool = False) -> None:
        self.start = start
        self.path = segment_path(folder, start)
        super().__init__(self.path, os.O_RDWR | (os.O_CREAT if create else 0))

    def stop(self) -> int:
        """The offset behind the last byte of the file."""
        return self.start + os.fstat(self.fd).st_size

    def read(self, offset: int, most: int) -> bytes:
        return os.pread(self.fd, most, offset - self.start)

    def write(self, offset: int, data: bytes) -> None:
        """Raises OSError after a part was written: the caller cuts it."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self.fd, rest, offset - self.start)
            rest, offset = rest[written:], offset + written

    def cut(self, offset: int) -> None:
        """Drop every byte from ``offset`` on."""
        os.ftruncate(self.fd, offset - self.start)

    def sync(self) -> None:
        os.fdatasync(self.fd)


def segment_path(folder: Path, start: int) -> Path:
    return folder / f"{start:020d}{SUFFIX}"


def segment_starts(folder: Path) -> list[int]:
    """The offsets at which the segments in ``folder`` begin, in order."""
    files = (path for path in folder.iterdir() if path.suffix == SUFFIX)
    return sorted(int(path.stem) for path in files if path.stem.isdecimal())


def sync_folder(folder: Path) -> None:
    """Make creations, renames and deletions in ``folder`` durable."""
    held = Descriptor(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(held.fd)

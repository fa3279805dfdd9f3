"""Cutting a text file into blocks of whole records, with the line each block begins at."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from endcap.data.chunks import Position
from endcap.data.sources import File, open_bytes

BLOCK_BYTES = 32 * 2**20
LOOK_BACK_BYTES = 2**20  # how far a record may reach over line ends inside quotes
BOM = b"\xef\xbb\xbf"


class Block(Struct, frozen=True):
    """``text``: whole records; empty when one line was too long to hold and was skipped."""

    text: bytes
    start: Position
    end: Position
    bytes_done: int


def read_blocks(
    file: File, start: Position, *, quotes: bool, encoding: str = "utf-8"
) -> Iterator[Block]:
    """Blocks from ``start`` on, as UTF-8 without a byte order mark. ``quotes``: line ends inside
    double quotes do not end a record. Raises InvalidInput (damaged_file, unreadable_file)."""
    recode = codecs.lookup(encoding).name != "utf-8"
    with open_bytes(file) as stream:
        if start.offset:
            stream.seek(start.offset)
        for text, begin, end in _cut(stream, start, quotes):
            clean = text.removeprefix(BOM) if begin.offset == 0 else text
            if recode:
                clean = clean.decode(encoding, "surrogateescape").encode("utf-8", "surrogateescape")
            yield Block(_unix_lines(clean), begin, end, raw_position(stream))


def _cut(
    stream: BinaryIO, start: Position, quotes: bool
) -> Iterator[tuple[bytes, Position, Position]]:
    rest, at = b"", start
    while data := stream.read(BLOCK_BYTES):
        rest += data
        size = record_end(rest, quotes)
        if not size:
            if len(rest) >= BLOCK_BYTES:  # a line too long to hold: an empty block reports it
                after = _skip_line(stream, rest, at)
                yield b"", at, after
                rest, at = b"", after
            continue
        text, rest = rest[:size], rest[size:]
        after = Position(at.offset + size, at.line + text.count(b"\n"))
        yield text, at, after
        at = after
    if rest:
        lines = rest.count(b"\n") + (not rest.endswith(b"\n"))
        yield rest, at, Position(at.offset + len(rest), at.line + lines)


def _skip_line(stream: BinaryIO, rest: bytes, at: Position) -> Position:
    """Read on to the end of the line."""
    size = len(rest)
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(BLOCK_BYTES)
        size += len(rest)
    return Position(at.offset + size, at.line + 1)


def record_end(data: bytes, quotes: bool) -> int:
    """Bytes up to the end of the last whole record; 0 if there is none.

    Quotes before a record's end are even in number. A stray quote inside a field breaks that
    rule; then any line end counts, and the rows there are checked one by one later.
    """
    end = data.rfind(b"\n") + 1
    if not quotes or not end or data.count(b'"', 0, end) % 2 == 0:
        return end
    odd, cut = True, end
    while cut and end - cut < LOOK_BACK_BYTES:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        odd ^= data.count(b'"', before, cut) % 2 == 1
        cut = before
        if not odd and cut:
            return cut
    return end


def _unix_lines(text: bytes) -> bytes:
    """Files whose lines end in a carriage return alone read like any other."""
    return text if b"\n" in text else text.replace(b"\r", b"\n")


def raw_position(stream: BinaryIO) -> int:
    """How far into the file as it lies on disk."""
    raw = getattr(stream, "fileobj", None) or stream
    return int(raw.tell())

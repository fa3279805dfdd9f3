"""JSON values out of a stream of bytes, one after another: an array, or a value on each line.

Memory is bounded by the largest value that is taken. A value that is no JSON, or is too long, is
told with its position, and the rest is read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

MOST_VALUE_BYTES = 2**18
BAD_JSON, TOO_LONG, CUT_OFF = "bad_json", "record_too_long", "file_cut_off"

_decode = msgspec.json.Decoder().decode
_STRUCTURE = re.compile(rb'["\\{}\[\],]')
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class Found(NamedTuple):
    """``position``: of an array's value or of a line, from 1. ``wrong``: "" or what is wrong."""

    position: int
    value: Any
    wrong: str = ""


def read_values(pieces: Iterable[bytes]) -> Iterator[Found]:
    """The values of a file that comes in ``pieces``. Empty lines are passed over."""
    first, rest = _begin(iter(pieces))
    if first.startswith(b"["):
        yield from _array(_chain(first[1:], rest))
    else:
        yield from _lines(_chain(first, rest))


def _begin(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first piece that holds more than white space, without it and without a mark of UTF-8."""
    first = b""
    for piece in pieces:
        first += piece
        found = first.removeprefix(_BOM).lstrip(_SPACE)
        if found and len(first) >= len(_BOM):
            return found, pieces
    return first.removeprefix(_BOM).lstrip(_SPACE), pieces


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _lines(pieces: Iterator[bytes]) -> Iterator[Found]:
    """Positions count lines from the first one that holds something."""
    line, position, long = bytearray(), 1, False
    for piece in pieces:
        head, *more = piece.split(b"\n")
        for part in (head, *more[:-1]) if more else ():
            line += part
            yield from _line(line, position, long)
            line, long = bytearray(), False
            position += 1
        line += more[-1] if more else head
        if len(line) > MOST_VALUE_BYTES:
            line, long = bytearray(), True
    yield from _line(line, position, long)


def _line(line: bytearray, position: int, long: bool) -> Iterator[Found]:
    if long or len(line) > MOST_VALUE_BYTES:
        yield Found(position, None, TOO_LONG)
    elif line.strip(_SPACE):
        yield _value(bytes(line), position)


def _value(text: bytes, position: int) -> Found:
    try:
        return Found(position, _decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Found(position, None, BAD_JSON)


def _array(pieces: Iterator[bytes]) -> Iterator[Found]:
    """The values between commas that stand in no text, object or array."""
    reading = _Reading()
    position = 0
    for piece in pieces:
        for text in reading.values(piece):
            position += 1
            yield Found(position, None, TOO_LONG) if text is None else _value(text, position)
    if reading.problem():
        yield Found(position + 1, None, CUT_OFF)


class _Reading:
    """Where the reading of an array stands. ``kept``: what there is of the value at hand;
    ``behind``: the place up to which characters of the piece are escaped; ``comma``: one stood
    before the value; ``more``: something comes behind the array."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.long = self.in_text = self.escaped = self.closed = self.comma = self.more = False
        self.depth = self.behind = 0

    def values(self, piece: bytes) -> Iterator[bytes | None]:
        """The values that end in this piece; None for one that is too long."""
        start, self.behind = 0, int(self.escaped)
        self.escaped = False
        for found in _STRUCTURE.finditer(piece):
            place, mark = found.start(), found[0]
            if self.closed or place < self.behind or not self._ends(mark, place, len(piece)):
                continue
            self._keep(piece[start:place])
            start = place + 1
            if mark == b"," or self.comma or self.long or self.kept.strip(_SPACE):
                yield None if self.long else bytes(self.kept)
            self.kept, self.long, self.comma = bytearray(), False, mark == b","
        if self.closed:
            self.more |= bool(piece[start:].strip(_SPACE))
        else:
            self._keep(piece[start:])

    def _ends(self, mark: bytes, place: int, length: int) -> bool:
        """Take a structural character; whether a value of the array ends before it."""
        if self.in_text:
            if mark == b"\\":
                self.behind = place + 2
                self.escaped = place + 1 == length
            elif mark == b'"':
                self.in_text = False
            return False
        if mark == b'"':
            self.in_text = True
        elif mark in b"{[":
            self.depth += 1
        elif mark == b"]" and not self.depth:
            self.closed = True
            return True
        elif mark in b"}]":
            self.depth = max(0, self.depth - 1)
        return mark == b"," and not self.depth

    def _keep(self, part: bytes) -> None:
        if not self.long:
            self.kept += part
        if len(self.kept) > MOST_VALUE_BYTES:
            self.kept, self.long = bytearray(), True

    def problem(self) -> bool:
        return not self.closed or self.more

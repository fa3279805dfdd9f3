"""JSON lines and JSON arrays: one object for each row, its values as text with their types."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from functools import reduce
from typing import Any, NoReturn

import msgspec
import pyarrow as pa

from endcap.data.blocks import raw_position, read_blocks
from endcap.data.chunks import LINE, Chunk, Position, Reject
from endcap.data.entities import TEXT, TEXTS, type_of, widen
from endcap.data.sources import JSON_ARRAY, File, open_bytes
from endcap.domain.errors import InvalidInput, shorten

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode
_ARRAY_CHARACTERS = 2**22
_MOST_CHARACTERS = 2**25  # of one object
_ARRAY_ROWS = 100_000
Row = dict[str, Any]


def read_json(
    file: File, start: Position, encoding: str, plain: frozenset[str] = frozenset()
) -> Iterator[Chunk]:
    """All objects from ``start`` on. A line that is no object is rejected; an array that breaks
    off raises InvalidInput (damaged_file). ``plain``: members (lower case) that must hold one
    value, not a list or an object."""
    if file.format == JSON_ARRAY:
        yield from _read_array(file, start, encoding, plain)
        return
    for block in read_blocks(file, start, quotes=False, encoding=encoding):
        rows, lines, rejects = [], [], []
        if not block.text:
            rejects.append(Reject(file.path, block.start.line, "", "line_too_long", ""))
        for line, text in enumerate(block.text.split(b"\n"), block.start.line):
            if not text.strip():
                continue
            found, code = _object(text)
            wrong = "" if code else _not_plain(found, plain)
            if code or wrong:
                shown = shorten(text.decode("utf-8", "replace"), 200)
                rejects.append(Reject(file.path, line, wrong, code or "not_a_string", shown))
            else:
                rows.append(found)
                lines.append(line)
        yield _chunk(rows, lines, rejects, block.end, block.bytes_done)


def _object(text: bytes) -> tuple[Row, str]:
    """(the object, "") or ({}, what is wrong)."""
    try:
        found = _decode(text)
    except UnicodeDecodeError:
        return {}, "bad_encoding"
    except (msgspec.DecodeError, RecursionError):
        return {}, "bad_json"
    return (found, "") if isinstance(found, dict) else ({}, "not_an_object")


def _not_plain(row: Row, plain: frozenset[str]) -> str:
    """The first member that should be one value and is a list or an object."""
    for name, value in row.items():
        if isinstance(value, (list, dict)) and name.lower() in plain:
            return name
    return ""


def read_keys(file: File, encoding: str) -> list[str]:
    """The members of the first objects, as a header. InvalidInput (no_objects)."""
    for chunk in read_json(file, Position(), encoding):
        if names := [name for name in chunk.table.column_names if name != LINE]:
            return names
    raise InvalidInput("no_objects", field=file.path)


def _read_array(
    file: File, start: Position, encoding: str, plain: frozenset[str]
) -> Iterator[Chunk]:
    """Positions in an array count its elements (``offset``); reading on passes over those."""
    rows: list[Row] = []
    lines: list[int] = []
    rejects: list[Reject] = []
    done = 0
    for done, (element, line, bytes_done) in enumerate(_elements(file, encoding), 1):
        if done <= start.offset:
            continue
        code = "" if isinstance(element, dict) else "not_an_object"
        wrong = "" if code else _not_plain(element, plain)
        if code or wrong:
            shown = shorten(json.dumps(element), 200)
            rejects.append(Reject(file.path, line, wrong, code or "not_a_string", shown))
        else:
            rows.append(element)
            lines.append(line)
        if len(lines) + len(rejects) >= _ARRAY_ROWS:
            yield _chunk(rows, lines, rejects, Position(done, line), bytes_done)
            rows, lines, rejects = [], [], []
    yield _chunk(rows, lines, rejects, Position(done, 0), file.size)


def _elements(file: File, encoding: str) -> Iterator[tuple[Any, int, int]]:
    """(element, its line, bytes read) of the outermost array, held one piece at a time."""
    with open_bytes(file) as stream:
        cursor = _Cursor(file, _characters(stream, file, encoding))
        cursor.step("[")
        while cursor.peek() != "]":
            line, element = cursor.line, cursor.element()
            yield element, line, raw_position(stream)
            if cursor.peek() != "]":
                cursor.step(",")


class _Cursor:
    """A place in a text that is read piece by piece."""

    def __init__(self, file: File, pieces: Iterator[str]) -> None:
        self.file, self.pieces = file, pieces
        self.text, self.at, self.line = "", 0, 1
        # NaN and Infinity are no JSON: they stay words, which no number column takes.
        self.scan = json.JSONDecoder(parse_constant=str).raw_decode

    def more(self) -> None:
        piece = next(self.pieces, "")
        if not piece:
            self.broken("it ends before the array is closed")
        self.text, self.at = self.text[self.at :] + piece, 0

    def peek(self) -> str:
        """The next character that is no white space."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
                self.line += self.text[self.at] == "\n"
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            self.more()

    def step(self, wanted: str) -> None:
        if self.peek() != wanted:
            self.broken(f"no valid JSON from line {self.line} on")
        self.at += 1

    def element(self) -> Any:
        while True:
            try:
                element, end = self.scan(self.text, self.at)
                if end < len(self.text):  # else a number may go on
                    self.line += self.text.count("\n", self.at, end)
                    self.at = end
                    return element
            except (ValueError, RecursionError):
                if len(self.text) - self.at > _MOST_CHARACTERS or self.text[self.at] in ",:}":
                    self.broken(f"no valid JSON from line {self.line} on")
            self.more()

    def broken(self, reason: str) -> NoReturn:
        raise InvalidInput("damaged_file", field=self.file.path, reason=reason)


def _characters(stream: Any, file: File, encoding: str) -> Iterator[str]:
    name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    decoder = codecs.getincrementaldecoder(name)()
    try:
        while data := stream.read(_ARRAY_CHARACTERS):
            yield decoder.decode(data)
    except UnicodeDecodeError as error:
        raise InvalidInput("wrong_encoding", field=file.path, value=error.reason) from error


def _chunk(
    rows: list[Row], lines: list[int], rejects: list[Reject], end: Position, bytes_done: int
) -> Chunk:
    spellings = dict.fromkeys(name for row in rows for name in row)
    if len({name.lower() for name in spellings}) < len(spellings):
        rows = [{name.lower(): value for name, value in row.items()} for row in rows]
        spellings = dict.fromkeys(name.lower() for name in spellings)
    kinds: dict[str, str] = {}
    for name in spellings:
        found = {_kind(row.get(name)) for row in rows} - {""}
        if found:
            kinds[name] = reduce(widen, sorted(found))
    arrays = {
        name: pa.array([_text(row.get(name), kinds.get(name)) for row in rows], pa.string())
        for name in spellings
    }
    table = pa.table({**arrays, LINE: pa.array(lines, pa.int64())})
    return Chunk(table, rejects, end, bytes_done, kinds)


def _kind(value: Any) -> str:
    return TEXT if isinstance(value, dict) else type_of(value) or ""


def _text(value: Any, kind: str | None) -> str | None:
    """Text as it is, anything else as JSON; lists of texts, and single values among lists too."""
    if value is None:
        return None
    if kind == TEXTS:
        listed = value if isinstance(value, list) else [value]
        return _encode([v if isinstance(v, str) else _encode(v).decode() for v in listed]).decode()
    return value if isinstance(value, str) else _encode(value).decode()

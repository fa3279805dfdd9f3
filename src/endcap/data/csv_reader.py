"""CSV: a fast reader for regular blocks, and a careful one for the blocks that are not."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from endcap.data.blocks import Block, read_blocks
from endcap.data.chunks import LINE, Chunk, Position, Reject
from endcap.data.sources import File, open_bytes
from endcap.domain.errors import InvalidInput, shorten

DELIMITERS = ",;\t|"
MOST_LINES = 1000  # a quoted field over more lines is taken for a quote that was never closed
_HEADER_BYTES = 2**20
csv.field_size_limit(2**31 - 1)


def read_header(file: File, delimiter: str | None, encoding: str) -> tuple[list[str], str]:
    """(column names, delimiter). Raises InvalidInput (duplicate_column, bad_header)."""
    with open_bytes(file) as stream:
        head = stream.read(_HEADER_BYTES).decode(encoding, "replace").removeprefix("\ufeff")
    head = head.lstrip("\r\n")
    line = head.splitlines()[0]
    chosen = delimiter or max(DELIMITERS, key=line.count)
    names = [name.strip() for name in next(csv.reader(head.splitlines(True), delimiter=chosen))]
    twice = [
        name for index, name in enumerate(names) if name.lower() in map(str.lower, names[:index])
    ]
    if twice:
        raise InvalidInput("duplicate_column", field=twice[0] or '""', file=file.path)
    if not all(name and name.isprintable() for name in names):
        raise InvalidInput("bad_header", field=file.path, value=line)
    return names, chosen


def read_csv(
    file: File, start: Position, names: Sequence[str], delimiter: str, encoding: str
) -> Iterator[Chunk]:
    """All rows after the header from ``start`` on; every value is text, empty when missing."""
    for block in read_blocks(file, start, quotes=True, encoding=encoding):
        text, line = block.text, block.start.line
        if block.start.offset == 0:
            text, line = _without_header(text, delimiter)
        if not block.text:
            reject = Reject(file.path, line, "", "line_too_long", "")
            yield Chunk(_table([], [], names), [reject], block.end, block.bytes_done)
            continue
        yield _parse(file, text, line, block, names=names, delimiter=delimiter)


def _without_header(text: bytes, delimiter: str) -> tuple[bytes, int]:
    """(what follows the header, its line number)."""
    lines = text.split(b"\n", MOST_LINES)
    skip = next((i for i, line in enumerate(lines) if line.strip()), 0)
    decoded = (line.decode("utf-8", "replace") + "\n" for line in lines[skip:])
    reader = csv.reader(decoded, delimiter=delimiter)
    next(reader, None)
    used = skip + reader.line_num
    size = sum(len(line) + 1 for line in lines[:used])
    return text[size:], used + 1


def _parse(
    file: File, text: bytes, line: int, block: Block, *, names: Sequence[str], delimiter: str
) -> Chunk:
    table = _parse_fast(text, names, delimiter) if text else None
    rejects: list[Reject] = []
    lines = text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
    if table is None or table.num_rows != lines:
        table, rejects = _parse_carefully(file, text, line, names, delimiter)
    else:
        table = table.append_column(LINE, pa.array(np.arange(line, line + lines)))
    return Chunk(table, rejects, block.end, block.bytes_done)


def _parse_fast(text: bytes, names: Sequence[str], delimiter: str) -> pa.Table | None:
    """None if the block needs the careful reader."""
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(text),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(text) + 1, column_names=list(names)
            ),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None


def _parse_carefully(
    file: File, text: bytes, line: int, names: Sequence[str], delimiter: str
) -> tuple[pa.Table, list[Reject]]:
    lines = text.decode("utf-8", "surrogateescape").split("\n")
    if not lines[-1]:
        lines.pop()
    rows, numbers, rejects = [], [], []
    for index, row in _records(lines, delimiter):
        code = _fault(row, len(names))
        if code:
            shown = shorten(lines[index].encode("utf-8", "replace").decode(), 200)
            rejects.append(Reject(file.path, line + index, "", code, shown))
        elif row:
            rows.append(row)
            numbers.append(line + index)
    return _table(rows, numbers, names), rejects


def _fault(row: list[str] | None, columns: int) -> str | None:
    if row is None:
        return "unclosed_quote"
    if row and len(row) != columns:
        return "wrong_number_of_columns"
    return "bad_encoding" if any(not field.isascii() and _broken(field) for field in row) else None


def _broken(field: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in field)


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """(index of the first line, fields) of each record; None where a quote does not close.
    After such a line reading goes on with the next one."""
    begin = 0
    while begin < len(lines):
        source = (lines[i].removesuffix("\r") + "\n" for i in range(begin, len(lines)))
        reader, taken = csv.reader(source, delimiter=delimiter), 0
        while True:
            try:
                row = next(reader, None)
            except csv.Error:  # a carriage return in the middle of a line
                yield begin + taken, None
                break
            if row is None:
                return
            if reader.line_num - taken > 1 and _unclosed(
                lines, begin + taken, begin + reader.line_num
            ):
                yield begin + taken, None
                break
            yield begin + taken, row
            taken = reader.line_num
        begin += taken + 1


def _unclosed(lines: list[str], begin: int, end: int) -> bool:
    return end - begin > MOST_LINES or sum(s.count('"') for s in islice(lines, begin, end)) % 2 == 1


def _table(rows: list[list[str]], numbers: list[int], names: Sequence[str]) -> pa.Table:
    columns = [*zip(*rows, strict=True)] if rows else [()] * len(names)
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.table([*arrays, pa.array(numbers, pa.int64())], names=[*names, LINE])

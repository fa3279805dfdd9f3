"""Rows of MySQL's text protocol, from bytes of the network to columns, compiled.

A packet is a length (3 bytes), a number that counts on (1 byte) and a row: for each column a
length (1, 3, 4 or 9 bytes; 0xfb: null), then the text. A driver's object for each packet and
value would cost more than all the rest of an import.
Source: dev.mysql.com/doc/dev/mysql-server, "Text Resultset".
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from endcap.domain.arrays import Int64s, UInt8s
from endcap.features.compiled import jit

MORE, END, ERROR, TOO_LONG, BROKEN, FULL = 0, 1, 2, 3, 4, 5
_HEAD, _MOST = 4, 0xFFFFFF
_NULL = 0xFB


@jit
def split(
    data: UInt8s, filled: int, number: int, starts: Int64s, lengths: Int64s
) -> tuple[int, int, int, int]:
    """Find the values of all whole packets in ``data[:filled]``.

    ``starts`` and ``lengths`` (rows, columns) are filled; a length of -1 is null. ``number``: of
    the next packet. Returns (rows, bytes used, number of the next packet, why it ended).
    """
    most, columns = starts.shape
    row, at, why = 0, 0, MORE
    while filled - at >= _HEAD:
        if row == most:
            why = FULL
            break
        size = int(data[at]) | int(data[at + 1]) << 8 | int(data[at + 2]) << 16
        start, end = at + _HEAD, at + _HEAD + size
        if size == _MOST:
            why = TOO_LONG
            break
        if end > filled:
            break
        if size and data[start] == 0xFF:
            why = ERROR
            break
        if not size or data[at + 3] != number:
            why = BROKEN
            break
        at = end
        if data[start] == 0xFE and size < 9:
            why = END
            break
        if not _values(data, start, end, columns, starts[row], lengths[row]):
            why = BROKEN
            break
        row += 1
        number = (number + 1) & 0xFF
    return row, at, number, why


@jit
def _values(data: UInt8s, at: int, end: int, columns: int, starts: Int64s, lengths: Int64s) -> bool:
    """Where each value of one row stands; False when they do not fill the packet."""
    for column in range(columns):
        if at >= end:
            return False
        size = int(data[at])
        at += 1
        if size == _NULL:
            starts[column], lengths[column] = at, -1
            continue
        wide = 2 if size == 0xFC else 3 if size == 0xFD else 8 if size == 0xFE else 0
        if wide:
            if at + wide > end:
                return False
            size = 0
            for place in range(wide):
                size |= int(data[at + place]) << (8 * place)
            at += wide
        starts[column], lengths[column] = at, size
        if size < 0 or at + size > end:
            return False
        at += size
    return at == end


@jit
def gather(
    data: UInt8s, starts: Int64s, lengths: Int64s, texts: UInt8s, valid: UInt8s, ends: Int64s
) -> int:
    """One column (rows,) side by side: its bytes, a bit for each value that is there, and the
    ends (rows + 1,) of each. Returns how many are null."""
    at, nulls = 0, 0
    for row in range(len(starts)):
        size = lengths[row]
        if size < 0:
            nulls += 1
        else:
            valid[row >> 3] |= 1 << (row & 7)
            start = starts[row]
            for place in range(size):
                texts[at + place] = data[start + place]
            at += size
        ends[row + 1] = at
    return nulls


def column_of(data: UInt8s, starts: Int64s, lengths: Int64s) -> pa.Array:
    """(rows,) texts; checked to be UTF-8. Raises ArrowInvalid."""
    rows = len(starts)
    texts = np.empty(int(np.maximum(lengths, 0).sum()), np.uint8)
    valid = np.zeros((rows + 7) >> 3, np.uint8)
    ends = np.zeros(rows + 1, np.int64)
    nulls = gather(data, starts, lengths, texts, valid, ends)
    buffers = [pa.py_buffer(valid), pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(texts)]
    array = pa.Array.from_buffers(pa.string(), rows, buffers, null_count=nulls)
    array.validate(full=True)
    return array


def table_of(data: UInt8s, starts: Int64s, lengths: Int64s) -> pa.Table:
    """(rows, columns) values as text columns named 0, 1, …"""
    columns = [
        column_of(data, np.ascontiguousarray(starts[:, i]), np.ascontiguousarray(lengths[:, i]))
        for i in range(starts.shape[1])
    ]
    return pa.Table.from_arrays(columns, [str(i) for i in range(len(columns))])

"""A query's rows as they come from the network, in tables of text columns; memory is bounded.

PyMySQL opens the connection, asks, and reads the head of the result; its rows are read from its
stream here (see mysql_packets). What is used of its inside stands in ``_Inside``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pymysql
from pymysql.err import OperationalError, raise_mysql_exception

from endcap.adapters import mysql_packets as packets
from endcap.domain.arrays import UInt8s
from endcap.domain.relations import MOST_BYTES

_BLOCK = 2**20  # bytes read at once
_ROWS = 16_384  # rows split at once
_LOST = (2013, "Lost connection to MySQL server during query")


class _Inside:
    """The parts of a PyMySQL connection that it shows to nobody."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.result = connection._result
        self.columns: int = self.result.field_count
        self.number: int = connection._next_seq_id

    def read(self) -> bytes:
        return bytes(self.connection._rfile.read1(_BLOCK))

    def ended(self) -> None:
        """The result is read; the connection takes the next query."""
        self.result.unbuffered_active = False
        self.result.connection = None

    def drop(self) -> None:
        """Hang up: MySQL cannot be told to stop sending."""
        self.ended()
        self.connection._force_close()


def hang_up(connection: Any) -> None:
    connection._force_close()


def wait_longer(connection: Any, seconds: int) -> None:
    """From now on wait so long for the server, and not as for its greeting."""
    connection._read_timeout = seconds


def stream(connection: pymysql.Connection[Any], query: str, rows: int) -> Iterator[pa.Table]:
    """All rows of ``query`` in tables of about ``rows``. Raises pymysql.MySQLError, OSError;
    ArrowInvalid for text that is not UTF-8."""
    connection.query(query, unbuffered=True)
    inside = _Inside(connection)
    try:
        held: list[pa.Table] = []
        for table in _tables(inside):
            held.append(table)
            enough = sum(one.nbytes for one in held) >= MOST_BYTES
            if enough or sum(one.num_rows for one in held) >= rows:
                yield pa.concat_tables(held).combine_chunks()
                held = []
        if held:
            yield pa.concat_tables(held).combine_chunks()
    finally:
        if inside.result.unbuffered_active:
            inside.drop()


def _tables(inside: _Inside) -> Iterator[pa.Table]:
    starts = np.empty((_ROWS, inside.columns), np.int64)
    lengths = np.empty((_ROWS, inside.columns), np.int64)
    data, filled, number, why = np.empty(2 * _BLOCK, np.uint8), 0, inside.number, packets.MORE
    while True:
        if why == packets.MORE:
            data, filled = _filled(data, filled, inside.read())
        rows, used, number, why = packets.split(data, filled, number, starts, lengths)
        if rows:
            yield packets.table_of(data, starts[:rows], lengths[:rows])
        if why == packets.END:
            inside.ended()
            return
        if why not in (packets.MORE, packets.FULL):
            _fail(data[used:filled], why)
        data[: filled - used] = data[used:filled]
        filled -= used


def _filled(data: UInt8s, filled: int, more: bytes) -> tuple[UInt8s, int]:
    """``data`` with ``more`` behind what it holds, in a larger array where that is needed."""
    if not more:
        raise OperationalError(*_LOST)
    if filled + len(more) > len(data):
        wider = np.empty(2 * (filled + len(more)), np.uint8)
        wider[:filled] = data[:filled]
        data = wider
    data[filled : filled + len(more)] = np.frombuffer(more, np.uint8)
    return data, filled + len(more)


def _fail(rest: UInt8s, why: int) -> None:
    """Raise what the server said, or what is wrong with the packet."""
    if why == packets.ERROR:
        size = int(rest[0]) | int(rest[1]) << 8 | int(rest[2]) << 16
        if rest[3] == 0:  # the server is being stopped
            raise OperationalError(*_LOST)
        raise_mysql_exception(rest[4 : 4 + size].tobytes())
    if why == packets.TOO_LONG:
        raise OperationalError(1153, "a row has more than 16 MB")
    raise OperationalError(2027, "Malformed packet")

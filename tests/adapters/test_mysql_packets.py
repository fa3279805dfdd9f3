"""Packets of MySQL's text protocol, written here by hand, come out as columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.adapters import mysql_packets as packets

ROWS = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.none() | st.text(max_size=300), min_size=columns, max_size=columns), max_size=40
    ).map(lambda rows: (columns, rows))
)


def value(text: str | None) -> bytes:
    if text is None:
        return b"\xfb"
    raw = text.encode()
    if len(raw) < 251:
        return bytes([len(raw)]) + raw
    return b"\xfc" + len(raw).to_bytes(2, "little") + raw


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number % 256]) + body


def stream(rows: list[list[str | None]], first: int) -> bytes:
    made = [packet(first + i, b"".join(map(value, row))) for i, row in enumerate(rows)]
    return b"".join([*made, packet(first + len(rows), b"\xfe\0\0\x02\0")])


def parsed(data: bytes, columns: int, number: int, at_once: int, most: int):
    """All rows of a stream of which ``at_once`` bytes arrive at a time; why it ended."""
    starts, lengths = np.empty((most, columns), np.int64), np.empty((most, columns), np.int64)
    rows: list[list[str | None]] = []
    held, why = b"", packets.MORE
    while why in (packets.MORE, packets.FULL):
        if why == packets.MORE:
            if not data:
                return rows, why
            held, data = held + data[:at_once], data[at_once:]
        array = np.frombuffer(held, np.uint8)
        found, used, number, why = packets.split(array, len(array), number, starts, lengths)
        if found:
            table = packets.table_of(array, starts[:found], lengths[:found])
            rows += [list(row.values()) for row in table.to_pylist()]
        held = held[used:]
    return rows, why


@given(ROWS, st.integers(0, 255), st.integers(1, 700), st.integers(1, 9))
def test_rows_come_out_however_the_bytes_arrive(made, first, at_once, most) -> None:
    columns, rows = made
    found, why = parsed(stream(rows, first), columns, first, at_once, most)
    assert found == rows
    assert why == packets.END


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (packet(5, b"\x01a"), packets.BROKEN),  # another number than is due
        (packet(0, b"\x02a"), packets.BROKEN),  # a value longer than its packet
        (packet(0, b"\x01ab"), packets.BROKEN),  # more than the columns
        (packet(0, b""), packets.BROKEN),
        (packet(0, b"\xfc\x01"), packets.BROKEN),
        (packet(0, b"\xff\x15\x04#28000no"), packets.ERROR),
        (packet(9, b"\xff\x15\x04no"), packets.ERROR),
        (b"\xff\xff\xff\0", packets.TOO_LONG),
        (packet(0, b"\x01a")[:-1], packets.MORE),
    ],
)
def test_what_is_no_row_is_told(data: bytes, why: int) -> None:
    assert parsed(data, 1, 0, 100, 4) == ([], why)


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid):
        parsed(packet(0, b"\x01\xff"), 1, 0, 100, 4)

"""How records lie in a file: length (u32), CRC-32 (u32) over length and payload, payload.

The checksum covers the length, so that zeros, which a file system may leave at the end of a file
after a power loss, never pass for records.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

_LENGTH = struct.Struct("<I")
_HEADER = struct.Struct("<II")
HEADER_BYTES = _HEADER.size
MOST_PAYLOAD_BYTES = 2**31
CHUNK_BYTES = 256 * 1024

ReadAt = Callable[[int, int], bytes]  # (offset, most bytes) -> bytes; empty behind the end


def frame(payloads: Sequence[bytes]) -> bytes:
    """The bytes of all payloads in order, each with its header."""
    parts: list[bytes] = []
    for payload in payloads:
        length = _LENGTH.pack(len(payload))
        parts += (length, _LENGTH.pack(crc32(payload, crc32(length))), payload)
    return b"".join(parts)


def whole_records(read: ReadAt, position: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """(offset just behind the record, payload) from ``position``, in chunks of bounded memory.

    Ends at ``stop``, or silently before the first record that is torn or damaged: the caller
    compares the last offset with what it expected.
    """
    wanted = CHUNK_BYTES
    while position < stop:
        chunk = read(position, min(wanted, stop - position))
        used = 0
        for behind, payload in _in_chunk(chunk):
            yield position + behind, payload
            used = behind
        if used:
            position, wanted = position + used, CHUNK_BYTES
            continue
        needed = record_bytes(chunk)
        if needed <= len(chunk) or needed > stop - position or len(chunk) < min(wanted, needed):
            return
        wanted = needed


def _in_chunk(chunk: bytes) -> Iterator[tuple[int, bytes]]:
    """The whole and valid records at the beginning of ``chunk``."""
    used, size, unpack = 0, len(chunk), _HEADER.unpack_from
    while used + HEADER_BYTES <= size:
        length, checksum = unpack(chunk, used)
        body = used + HEADER_BYTES
        behind = body + length
        if behind > size:
            return
        payload = chunk[body:behind]
        if crc32(payload, crc32(chunk[used : used + 4])) != checksum:
            return
        yield behind, payload
        used = behind


def record_bytes(chunk: bytes) -> int:
    """Bytes of the first record of ``chunk`` with its header, as its length says. Of a part of
    a header: those of the header."""
    if len(chunk) < HEADER_BYTES:
        return HEADER_BYTES
    return HEADER_BYTES + int(_LENGTH.unpack_from(chunk)[0])

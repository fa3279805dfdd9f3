"""What a stream is made of. See ``ports.Stream``."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct


class Shard(Struct, frozen=True):
    """One ordered part of a stream. Records of ``parents``, of which it was made, come first."""

    name: str
    parents: tuple[str, ...] = ()


class StreamRecord(NamedTuple):
    """``position``: of this record in its shard; reading after it goes on with the next."""

    position: str
    key: str
    data: bytes
    arrived_at: int  # µs, by the clock of whoever stored it


class StreamBatch(NamedTuple):
    """``ended``: nothing will ever come behind these records in this shard."""

    records: tuple[StreamRecord, ...]
    ended: bool = False


class _Naming(Struct):
    """Of a record, who it is about. Other types than text are nobody."""

    userId: Any = None  # noqa: N815 - as on the wire
    user_id: Any = None


_decode = msgspec.json.Decoder(_Naming).decode


def is_about(data: bytes, user_id: str) -> bool:
    """Whether a record's data is about this user: in doubt (it cannot be read), where the id
    stands in it."""
    try:
        naming = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the last: nested too deep
        return user_id.encode() in data
    return user_id in (naming.userId, naming.user_id)

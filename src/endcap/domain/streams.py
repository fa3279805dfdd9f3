"""What a stream is made of. See ``ports.Stream``."""

from __future__ import annotations

from typing import NamedTuple

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

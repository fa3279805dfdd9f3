"""What the log of a shop holds: every online change, in order, as MessagePack.

Each record may carry an idempotency ``key`` with the ``body`` it came with (both 16-byte
hashes): a repeat of key and body changes nothing, the same key with another body is refused.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from endcap.domain.values import Event, Item, User


class Record(Struct, frozen=True, array_like=True):
    """Base: ``at`` is the time of arrival in µs."""

    at: int
    key: bytes = b""
    body: bytes = b""


class EventsPosted(Record, frozen=True, array_like=True, tag="e"):
    events: tuple[Event, ...] = ()


class ItemsPut(Record, frozen=True, array_like=True, tag="i"):
    items: tuple[Item, ...] = ()


class UsersPut(Record, frozen=True, array_like=True, tag="u"):
    users: tuple[User, ...] = ()


class UserErased(Record, frozen=True, array_like=True, tag="x"):
    """Forget every event of this user with a time of arrival up to ``at``, and the attributes."""

    user_id: str = ""


class Pointed(Record, frozen=True, array_like=True, tag="p"):
    """A pointer moved: ``name``: ``campaign``, ``snapshot`` or ``keys``; ``value``: to what."""

    name: str = ""
    value: str = ""


class Submitted(Record, frozen=True, array_like=True, tag="s"):
    """A shopper asked for recommendations by ``/submit``: changes no history and no count."""

    user_id: str = ""


AnyRecord = EventsPosted | ItemsPut | UsersPut | UserErased | Pointed | Submitted

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyRecord] = msgspec.msgpack.Decoder(AnyRecord)


def encode(record: AnyRecord) -> bytes:
    return _encoder.encode(record)


def decode(payload: bytes | memoryview) -> AnyRecord:
    """Raises msgspec.DecodeError: the log's checksum makes that a defect, not a bad disk."""
    return _decoder.decode(payload)


def decode_known(payload: bytes | memoryview) -> AnyRecord | None:
    """None for what a later version of Endcap wrote, or no version: whoever reads goes on."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def digest(*parts: str | bytes) -> bytes:
    """A 16-byte hash of the parts in order; parts cannot run into one another."""
    framed: list[bytes] = []
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        framed += (len(raw).to_bytes(8, "little"), raw)
    return hashlib.blake2b(b"".join(framed), digest_size=16).digest()


def content_id(user_id: str, item_id: str, event_type: str, ts: int, value: float | None) -> str:
    """The event id of an event that came without one: 32 hex digits of its content."""
    amount = "" if value is None else repr(float(value))
    return digest(user_id, item_id, event_type, str(ts), amount).hex()

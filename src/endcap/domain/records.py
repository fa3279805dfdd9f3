"""What the log of a shop holds: every online change, in order, as MessagePack.

Each record may carry an idempotency ``key`` with the ``body`` it came with (both 16-byte
hashes): a repeat of key and body changes nothing, the same key with another body is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container

import msgspec
from msgspec import Struct
from msgspec.structs import replace

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


class Linked(Record, frozen=True, array_like=True, tag="l"):
    """Whoever was anonymous is known: all events that are ``session``'s (a user of ``sessions``)
    where this record stands are ``user_id``'s from here on. Later ones are the session's again."""

    session: str = ""
    user_id: str = ""


AnyRecord = EventsPosted | ItemsPut | UsersPut | UserErased | Pointed | Submitted | Linked

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


def users_of(record: AnyRecord | None) -> tuple[str, ...]:
    """Whose data a record holds."""
    if isinstance(record, EventsPosted):
        return tuple(dict.fromkeys(event.user_id for event in record.events))
    if isinstance(record, UsersPut):
        return tuple(user.user_id for user in record.users)
    if isinstance(record, Linked):
        return (record.session, record.user_id)
    return (record.user_id,) if isinstance(record, UserErased | Submitted) else ()


def encode_without(record: AnyRecord, gone: Container[str]) -> bytes:
    """The record without what it holds of these users, as long as it was: offsets of the log
    stay. Its key is kept, so that a repeat of the request is still known as one."""
    size = len(encode(record))
    if isinstance(record, EventsPosted):
        left = tuple(event for event in record.events if event.user_id not in gone)
        record = replace(record, events=left)
    elif isinstance(record, UsersPut):
        record = replace(record, users=tuple(u for u in record.users if u.user_id not in gone))
    elif isinstance(record, UserErased | Submitted) and record.user_id in gone:
        record = replace(record, user_id="")
    elif isinstance(record, Linked):
        session, user_id = ("" if name in gone else name for name in users_of(record))
        record = replace(record, session=session, user_id=user_id)
    return _lengthened(encode(record), size)


def _lengthened(payload: bytes, size: int) -> bytes:
    """``payload`` with one more member of its array, which decoders ignore: nil or zeros."""
    missing = size - len(payload)
    if missing == 0:
        return payload
    head = bytes([payload[0] + 1]) + payload[1:]  # an array of less than 15 members
    if missing == 1:
        return head + b"\xc0"
    if missing < 2 + 2**8:
        return head + b"\xc4" + bytes([missing - 2]) + bytes(missing - 2)
    if missing < 3 + 2**16:
        return head + b"\xc5" + (missing - 3).to_bytes(2, "big") + bytes(missing - 3)
    return head + b"\xc6" + (missing - 5).to_bytes(4, "big") + bytes(missing - 5)


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

"""Answer ids: all that is needed to give an answer again, and nothing is written for it.

URL-safe base64, 68 characters with version v0001, over: format (1 byte), flags (1), log offset,
offset and lake version of the snapshot beneath, time of the query (8 each), hash of group and
query (8), name of the model version, checksum over all of it (4). It holds no word of the query.
Where events were recalled, 8 bytes more before the name tell whether they are the same again.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from typing import NamedTuple

import msgspec

from endcap.domain.errors import InvalidInput
from endcap.domain.filter_text import text
from endcap.domain.records import digest
from endcap.domain.values import Query
from endcap.engine.guarding import COLD, RANK, stages_without
from endcap.engine.moment import Live

FORMAT = 1
# Flags: popular items because a stage failed; without the ranker; nor cold items, as it was late.
FALLEN, UNRANKED, HURRIED = 1, 2, 4
RECALLED = 8  # the history was not in snapshot and log alone
_WITHOUT = {UNRANKED: (RANK,), UNRANKED | HURRIED: (RANK, COLD)}

_HEAD = struct.Struct("<BBQQQq8s")
_SUM, _MARK = struct.Struct("<I"), struct.Struct("<Q")
_PADDING = {0: "", 2: "==", 3: "="}
_encode = msgspec.msgpack.Encoder(order="sorted").encode


class AnswerId(NamedTuple):
    """``base`` is (log offset, lake version) of the snapshot that the state grew from."""

    version: str
    offset: int
    base: tuple[int, int]
    at: int
    query: bytes
    fallen: bool
    without: tuple[str, ...] = ()  # the stages that were left out
    recalled: int = 0  # see ``LiveState.recall_mark``

    @staticmethod
    def of(group: str, now: Live, query: Query, fallback: str) -> AnswerId:
        """``fallback``: that of the answer."""
        meta = now.state.base.meta
        base = (meta.log_offset, meta.lake_version)
        version, asked = now.serving.version, query_hash(group, query)
        without = stages_without(fallback)
        fallen = bool(fallback) and not without
        mark = now.state.recall_mark(query.user_id) if query.user_id else 0
        return AnswerId(version, now.state.offset, base, query.at, asked, fallen, without, mark)

    def encode(self) -> str:
        flags = FALLEN if self.fallen else 0
        flags |= next((bits for bits, stages in _WITHOUT.items() if stages == self.without), 0)
        flags |= RECALLED if self.recalled else 0
        raw = _HEAD.pack(FORMAT, flags, self.offset, *self.base, self.at, self.query)
        raw += _MARK.pack(self.recalled) if self.recalled else b""
        raw += self.version.encode()
        raw += _SUM.pack(zlib.crc32(raw))
        return _text_of(raw)

    @staticmethod
    def decode(text: str) -> AnswerId:
        """Raises InvalidInput (bad_answer_id) for anything that ``encode`` did not make."""
        raw = _bytes_of(text)
        body, checksum = raw[: -_SUM.size], raw[-_SUM.size :]
        sound = len(body) >= _HEAD.size and _SUM.pack(zlib.crc32(body)) == checksum
        if not sound or body[0] != FORMAT:
            raise InvalidInput("bad_answer_id", field="answerId", value=text)
        _, flags, offset, least, lake, at, query = _HEAD.unpack(body[: _HEAD.size])
        rest, mark = body[_HEAD.size :], 0
        if flags & RECALLED and len(rest) >= _MARK.size:
            (mark,) = _MARK.unpack(rest[: _MARK.size])
            rest = rest[_MARK.size :]
        without = _WITHOUT.get(flags & (UNRANKED | HURRIED), ())
        fallen, name = bool(flags & FALLEN), rest.decode(errors="replace")
        return AnswerId(name, offset, (least, lake), at, query, fallen, without, mark)


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def _bytes_of(text: str) -> bytes:
    """What the text encodes; empty when it is not ours."""
    padding = _PADDING.get(len(text) % 4)
    if padding is None or not text.isascii() or "+" in text or "/" in text:
        return b""
    try:
        raw = (text + padding).encode().translate(_FROM_URL)
        found = binascii.a2b_base64(raw, strict_mode=True)
    except binascii.Error:
        return b""
    return found if _text_of(found) == text else b""  # bits that nothing stands in


def _text_of(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL).decode()


def query_hash(group: str, query: Query) -> bytes:
    """8 bytes of everything that is asked but the time."""
    words = (
        group, query.surface, query.k, query.user_id, query.item_id, query.item_ids,
        query.event_type, query.seen, query.context,
    )  # fmt: skip
    told = (*words, query.by) if query.by else words  # ids from before there was a choice hold
    if query.filter is not None:
        asked = query.filter
        told = (*told, "filter", asked.text or text(asked.filter), asked.values)
    return digest(_encode(told))[:8]

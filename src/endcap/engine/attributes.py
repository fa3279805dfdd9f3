"""Attributes by row: MessagePack blobs of the snapshot, and whole dicts that changed since."""

from __future__ import annotations

import msgspec

from endcap.domain.values import Attributes
from endcap.engine.ragged import Blobs

_decoder: msgspec.msgpack.Decoder[Attributes] = msgspec.msgpack.Decoder(Attributes)
_encoder = msgspec.msgpack.Encoder(order="sorted")


def pack(attributes: Attributes) -> bytes:
    """What a snapshot holds for one row; nothing for no attributes."""
    return _encoder.encode(attributes) if attributes else b""


class AttributeTable:
    """``changed``: every row that was put or dropped, in order, for those who keep something of
    the attributes: they remember how far they have read. A new snapshot ends it."""

    def __init__(self, base: Blobs) -> None:
        self.base = base
        self.later: dict[int, Attributes] = {}
        self.changed: list[int] = []
        self.some = len(base.flat) > 0  # whether any row has, or had, attributes

    def get(self, row: int) -> Attributes:
        """Shared with the state: read it, do not write. Empty for an unknown row."""
        found = self.later.get(row)
        return self.of_base(row) if found is None else found

    def of_base(self, row: int) -> Attributes:
        """What the snapshot says of a row, whatever came later."""
        blob = self.base[row] if 0 <= row < len(self.base) else b""
        return _decoder.decode(blob) if blob else {}

    def put(self, row: int, named: Attributes) -> None:
        """Replace the attributes that are named, remove those named with None."""
        merged = {**self.get(row), **named}
        self.some = self.some or bool(merged)
        self.later[row] = {name: value for name, value in merged.items() if value is not None}
        self.changed.append(row)

    def drop(self, row: int) -> None:
        self.later[row] = {}
        self.changed.append(row)

    def packed(self) -> dict[int, bytes]:
        """The blobs of the rows that changed."""
        return {row: pack(attributes) for row, attributes in self.later.items()}

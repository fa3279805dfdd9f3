"""``Stream`` in a folder: one log of segments for each shard, and the positions of consumers.

ROOT/shards/<number>/ is a log as ``adapters/log.py`` keeps it, with the same safety against killed
processes and lost power. ROOT/consumers/<name>.json, replaced whole, holds a consumer's positions:
offsets of 20 digits. ROOT/stream.json says how many shards there are, which never changes.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.adapters.filelock import FileLock
from endcap.adapters.log import FileLog
from endcap.adapters.segments import sync_folder
from endcap.data.manifest import telling_full
from endcap.domain.errors import Damaged, InvalidInput, NotFound
from endcap.domain.streams import Shard, StreamBatch, StreamRecord, is_about

_CONSUMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
ESCAPE = b"\\"  # without one, a record that names somebody holds the bytes of the name
_HOUR_US = 3_600_000_000


class _Kept(Struct, frozen=True, array_like=True):
    """A record as a log holds it."""

    arrived_at: int
    key: str
    data: bytes


class _Layout(Struct, frozen=True):
    shards: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class FolderStream:
    """See ``ports.Stream``. Safe for any number of threads and processes.

    ``shards``: how many a new stream gets. Records of more than ``retention_hours`` are dropped,
    a segment at a time, once every consumer has passed them.
    """

    def __init__(
        self,
        root: Path,
        *,
        shards: int = 4,
        segment_bytes: int = 64 * 2**20,
        retention_hours: float = 24,
    ) -> None:
        """Opens or creates the stream. Raises Damaged (stream_damaged, log_damaged, log_gap)."""
        (root / "consumers").mkdir(parents=True, exist_ok=True)
        self._root = root
        self._retention = int(retention_hours * _HOUR_US)
        self._lock = FileLock(root / "lock")
        with self._lock:
            count = self._layout(shards).shards
        self._logs = {
            f"{n:03d}": FileLog(root / "shards" / f"{n:03d}", segment_bytes) for n in range(count)
        }

    def put(self, records: Sequence[tuple[str, bytes]]) -> None:
        """See the port. Raises Unavailable (disk_full, log_not_written)."""
        at = time.time_ns() // 1000
        sorted_out: dict[str, list[bytes]] = {}
        for key, data in records:
            shard = f"{place(key, len(self._logs)):03d}"
            sorted_out.setdefault(shard, []).append(_encode(_Kept(at, key, data)))
        ends = {shard: self._append(shard, payloads) for shard, payloads in sorted_out.items()}
        for shard, end in ends.items():
            self._logs[shard].sync(end)

    def shards(self) -> list[Shard]:
        """See the port. They never change, and none ever ends."""
        return [Shard(name) for name in self._logs]

    def read(self, shard: str, after: str, most: int) -> StreamBatch:
        """See the port. Raises NotFound (unknown_shard), InvalidInput (bad_position), Damaged."""
        log = self._log(shard)
        start = _offset(after) if after else log.trim(0)
        try:
            found = list(islice(log.read(start), most))
        except NotFound:  # dropped since
            found = list(islice(log.read(log.trim(0)), most))
        return StreamBatch(tuple(_record(end, payload) for end, payload in found))

    def positions(self, consumer: str) -> dict[str, str]:
        """See the port. Raises InvalidInput (bad_consumer), Damaged (stream_damaged)."""
        return self._positions(self._file(consumer))

    def checkpoint(self, consumer: str, positions: Mapping[str, str]) -> None:
        """See the port. Raises InvalidInput (bad_consumer, bad_position)."""
        for position in positions.values():
            _offset(position)
        path = self._file(consumer)
        with self._lock:
            _replace(path, self._positions(path) | dict(positions))
        self._drop_old(positions)

    def erase(self, user_id: str) -> int:
        """Blank out, physically, every record about this user; how many. Consumers drop them."""

        name = user_id.encode()

        def change(_: int, payload: bytes) -> bytes:
            if name not in payload and ESCAPE not in payload:
                return payload
            kept = _decode(payload)
            about = kept.key == user_id or is_about(kept.data, user_id)
            return blank(kept.arrived_at, len(payload)) if about else payload

        return sum(log.rewrite(log.end(), change) for log in self._logs.values())

    def _append(self, shard: str, payloads: list[bytes]) -> int:
        log = self._logs[shard]
        return log.append(lambda _: payloads, log.end())

    def _drop_old(self, shards: Mapping[str, str]) -> None:
        """Segments of these shards that are old and that no consumer will ask for again."""
        consumers = [self._positions(p) for p in (self._root / "consumers").glob("*.json")]
        before = time.time_ns() // 1000 - self._retention
        for shard in shards:
            if passed := min((_offset(c.get(shard, "0")) for c in consumers), default=0):
                self._logs[shard].trim(passed, before)

    def _log(self, shard: str) -> FileLog:
        try:
            return self._logs[shard]
        except KeyError:
            raise NotFound("unknown_shard", field=str(self._root), value=shard) from None

    def _file(self, consumer: str) -> Path:
        if not _CONSUMER.fullmatch(consumer):
            raise InvalidInput("bad_consumer", field="consumer", value=consumer)
        return self._root / "consumers" / f"{consumer}.json"

    def _positions(self, path: Path) -> dict[str, str]:
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise _damaged(path, problem) from problem

    def _layout(self, shards: int) -> _Layout:
        path = self._root / "stream.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=_Layout)
        except FileNotFoundError:
            _replace(path, _Layout(shards))
            return _Layout(shards)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise _damaged(path, problem) from problem


def place(key: str, shards: int) -> int:
    """The shard of a key, as Kinesis finds it: its MD5 in equal ranges of 128 bits."""
    digest = hashlib.md5(key.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest, "big") * shards >> 128


def blank(arrived_at: int, length: int) -> bytes:
    """A record without content of exactly this length: MessagePack's headers have steps, so a
    short key takes up what spaces cannot."""
    for key in ("-" * n for n in range(8)):
        spaces = length - len(_encode(_Kept(arrived_at, key, b"")))
        for n in range(max(0, spaces - 4), spaces + 1):
            if len(made := _encode(_Kept(arrived_at, key, b" " * n))) == length:
                return made
    raise ValueError(f"no record has {length} bytes")


def _record(end: int, payload: bytes) -> StreamRecord:
    kept = _decode(payload)
    return StreamRecord(f"{end:020d}", kept.key, kept.data, kept.arrived_at)


def _offset(position: str) -> int:
    if not (position.isascii() and position.isdigit()):
        raise InvalidInput("bad_position", field="position", value=position)
    return int(position)


def _damaged(path: Path, problem: Exception) -> Damaged:
    return Damaged("stream_damaged", field=str(path), reason=str(problem))


def _replace(path: Path, value: object) -> None:
    """Write ``value`` as JSON, whole or not at all. Under the lock. Raises Unavailable
    (disk_full)."""
    new = path.with_name(path.name + ".new")
    with telling_full(path.parent):
        with new.open("wb") as file:
            file.write(msgspec.json.encode(value))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(path.parent)

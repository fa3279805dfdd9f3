"""Files of a bucket as DuckDB reads them: ranges of bytes, of objects that never change."""

from __future__ import annotations

import io
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple

from fsspec import AbstractFileSystem

from endcap.adapters.s3 import Absent, Bucket

TAIL_BYTES = 2**16  # got with the size: Parquet is read from its end
LEAST_BYTES = 2**20  # of a request in the middle
MOST_TAILS = 1024


class Known(NamedTuple):
    size: int
    tail: bytes


class S3Reading(AbstractFileSystem):  # type: ignore[misc]  # it carries no types
    """Read-only, and never listed: whoever reads knows the names. Safe for threads.

    A file that is missing raises FileNotFoundError, and whatever else fails what ``Bucket`` raises.
    """

    cachable = False
    protocol = "endcap-s3"

    def __init__(self, bucket: Bucket) -> None:
        super().__init__()
        self._bucket = bucket
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._lock = Lock()

    def url(self, key: str) -> str:
        return f"{self.protocol}://{key}"

    def known(self, key: str) -> Known:
        """Size and tail, asked for once."""
        with self._lock:
            found = self._known.get(key)
        if found is None:
            try:
                found = Known(*self._bucket.get_tail(key, TAIL_BYTES))
            except Absent:
                raise FileNotFoundError(key) from None
            with self._lock:
                self._known[key] = found
                if len(self._known) > MOST_TAILS:
                    self._known.popitem(last=False)
        return found

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        key = self._strip_protocol(path)
        return {"name": key, "size": self.known(key).size, "type": "file"}

    def modified(self, path: str) -> datetime:  # noqa: ARG002
        """Objects never change."""
        return datetime.fromtimestamp(0, UTC)

    def glob(self, path: str, **_: Any) -> list[str]:
        return [str(self._strip_protocol(path))]

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        found = self.info(path)
        return [found if detail else found["name"]]

    def open(self, path: str, mode: str = "rb", **_: Any) -> io.RawIOBase:
        if mode != "rb":
            raise PermissionError(path)
        key = self._strip_protocol(path)
        return RangeFile(self._bucket, key, self.known(key))


class RangeFile(io.RawIOBase):
    """One object: its tail is at hand, and so is the range that was read last."""

    def __init__(self, bucket: Bucket, key: str, known: Known) -> None:
        super().__init__()
        self._bucket, self._key, self._size = bucket, key, known.size
        self._tail_start, self._tail = known.size - len(known.tail), known.tail
        self._start, self._held = 0, b""
        self._position = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        stop = self._size if size is None or size < 0 else min(self._position + size, self._size)
        start, self._position = self._position, max(stop, self._position)
        return self._range(start, stop) if stop > start else b""

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def _range(self, start: int, stop: int) -> bytes:
        if start >= self._tail_start:
            return self._tail[start - self._tail_start : stop - self._tail_start]
        if not (self._start <= start and stop <= self._start + len(self._held)):
            wanted = min(max(stop, start + LEAST_BYTES), self._size)
            self._start, self._held = start, self._bucket.get_range(self._key, start, wanted)
        return self._held[start - self._start : stop - self._start]


def own_name(path: str) -> str:
    """The same folder and stem, with a part that only this upload has."""
    stem, _, suffix = path.rpartition(".")
    return f"{stem}-{secrets.token_hex(4)}.{suffix}"

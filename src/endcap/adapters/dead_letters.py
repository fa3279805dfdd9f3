"""``DeadLetters`` in files: one line of JSON for each letter, a file for each day (UTC).

Few are ever written, so every call opens what it needs and nothing is held.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from endcap.domain.times import iso
from endcap.ports import DeadLetter

MOST_BYTES = 64 * 2**20  # of all files together
MOST_PAYLOAD = 2**20  # of a longer record only the beginning is kept

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DeadLetter).decode


class DeadLetterFiles:
    """See ``ports.DeadLetters``. One process writes at a time; others wait."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """``folder`` is made with the first letter."""
        self._folder = folder
        self._most_bytes = most_bytes

    def add(self, letter: DeadLetter) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = msgspec.structs.replace(letter, payload=letter.payload[:MOST_PAYLOAD])
        path = self._folder / f"{iso(letter.at)[:10]}.jsonl"
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # A round that was killed comes to the same record again.
            if any((old.offset, old.payload) == (kept.offset, kept.payload) for old in self.read()):
                return
            file.write(_encode(kept) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._drop_oldest(path)

    def _drop_oldest(self, newest: Path) -> None:
        files = [path for path in self._files() if path != newest]
        size = sum(path.stat().st_size for path in [*files, newest])
        while size > self._most_bytes and files:
            oldest = files.pop(0)
            size -= oldest.stat().st_size
            oldest.unlink()
        if size > self._most_bytes:  # one bad day: its first half goes
            lines = newest.read_bytes().splitlines(keepends=True)
            self._write(newest, lines[(len(lines) + 1) // 2 :])

    def read(self) -> Iterator[DeadLetter]:
        for path in self._files():
            for line in path.read_bytes().splitlines():
                try:
                    yield _decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue  # torn by a crash

    def erase(self, user_id: str) -> int:
        gone, raw = 0, user_id.encode("utf-8", "surrogatepass")
        for path in self._files():
            kept = []
            for line in path.read_bytes().splitlines(keepends=True):
                if _names(line, user_id, raw):
                    gone += 1
                else:
                    kept.append(line)
            self._write(path, kept)
        return gone

    def _write(self, path: Path, lines: list[bytes]) -> None:
        if not lines:
            path.unlink()
            return
        staged = path.with_suffix(".tmp")
        with staged.open("wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl"))


def _names(line: bytes, user_id: str, raw: bytes) -> bool:
    """A line that cannot be read goes as well: nobody can say whose it is."""
    try:
        letter = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    return user_id in letter.users or raw in letter.payload

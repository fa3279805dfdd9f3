"""Taking a secret out of the arguments that other processes can see."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path

_START, _END = 47, 48  # of the arguments in memory, in /proc/self/stat, counted from 0


def hide_argument(secret: str) -> None:
    """Write stars over ``secret`` in the memory that process lists show. Linux only; elsewhere,
    and where it cannot be done, nothing happens."""
    with suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/stat").read_text("ascii", errors="replace")
        fields = [*status[: status.rindex("(")].split(), "", *status.rpartition(")")[2].split()]
        start, end = int(fields[_START]), int(fields[_END])
        if not 0 < start < end:
            return
        memory, word = ctypes.string_at(start, end - start), secret.encode()
        place = memory.find(word)
        while word and place >= 0:
            ctypes.memset(start + place, ord("*"), len(word))
            place = memory.find(word, place + len(word))

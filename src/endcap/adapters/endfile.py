"""The small memory-mapped file in which the processes of one log agree on where it ends."""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

from endcap.adapters.segments import Descriptor

_LAYOUT = struct.Struct("=qqq8s36s4x")  # published, synced, segment, format, boot
_FORMAT = b"ENDCAPL1"
_NO_BOOT = bytes(36)


class EndFile:
    """Three int64 that all processes share; each is read and written by one machine instruction.

    - ``published``: readers may read up to here.
    - ``synced``: everything before is on disk. May lag, never leads.
    - ``segment``: where the newest segment begins; set before that segment is created.

    The file also names the boot of the machine that wrote it: in the same boot, the page cache
    holds all that any process wrote, killed or not, and the words can be trusted.
    """

    PUBLISHED, SYNCED, SEGMENT = 0, 1, 2

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. The caller holds the log's lock."""
        self._file = Descriptor(path, os.O_RDWR | os.O_CREAT)
        found = os.pread(self._file.fd, _LAYOUT.size, 0)
        self.known = len(found) == _LAYOUT.size and _LAYOUT.unpack(found)[3] == _FORMAT
        self._boot = _boot_id()
        if not self.known:  # real bytes, not a hole: a store into a hole dies on a full disk
            os.pwrite(self._file.fd, _LAYOUT.pack(0, 0, 0, _FORMAT, _NO_BOOT), 0)
            os.fsync(self._file.fd)
            found = _LAYOUT.pack(0, 0, 0, _FORMAT, _NO_BOOT)
        self.same_boot = self._boot != _NO_BOOT and _LAYOUT.unpack(found)[4] == self._boot
        self._map = mmap.mmap(self._file.fd, _LAYOUT.size)
        self.words = memoryview(self._map).cast("q")

    def settle(self, published: int, synced: int, segment: int) -> None:
        """State what a recovery found, as of this boot. The caller holds the log's lock."""
        self._map[:] = _LAYOUT.pack(published, synced, segment, _FORMAT, self._boot)
        self._map.flush()


def _boot_id() -> bytes:
    """Names this boot of this machine; zeros where the system does not tell."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        return _NO_BOOT
    return text if len(text) == len(_NO_BOOT) else _NO_BOOT

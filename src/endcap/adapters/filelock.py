"""An exclusive lock between threads and processes, on a file. The kernel frees it on any death."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from threading import Lock

from endcap.adapters.segments import Descriptor


class FileLock:
    """``with lock:``. Not reentrant. Safe to use after a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._threads = Lock()
        self._file = Descriptor(self._path, os.O_RDWR | os.O_CREAT)
        self._process = os.getpid()

    def __enter__(self) -> None:
        if self._process != os.getpid():
            self._open()  # a forked child shares its parent's open file, hence its lock
        self._threads.acquire()
        try:
            fcntl.flock(self._file.fd, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file.fd, fcntl.LOCK_UN)
        self._threads.release()

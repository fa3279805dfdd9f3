"""Segments of the log written anew with some records replaced, of the same length each."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from endcap.adapters.frames import CHUNK_BYTES, frame, whole_records
from endcap.adapters.segments import Segment, sync_folder
from endcap.domain.errors import Damaged

REWRITTEN = ".rewritten"


def rewrite_segment(
    folder: Path,
    start: int,
    stop: int,
    before: int,
    change: Callable[[int, bytes], bytes],
    lock: AbstractContextManager[None],
) -> int:
    """Replace the records of one segment, to which nobody writes any more, that end at or before
    ``before``; returns how many differ. A segment that was trimmed meanwhile stays away.

    The old file goes by one rename: a reader has the one or the other, and so has a crash.
    """
    try:
        segment = Segment(folder, start)
    except FileNotFoundError:
        return 0
    staged = segment.path.with_suffix(REWRITTEN)
    try:
        with staged.open("wb") as file:
            differing = _copy(segment, stop, before, change, file.write)
            if not differing:
                return 0
            file.flush()
            os.fsync(file.fileno())
        written = segment.path.stat()
        os.utime(staged, ns=(written.st_atime_ns, written.st_mtime_ns))  # trim looks at it
        with lock:
            if segment.path.exists():
                staged.replace(segment.path)
        sync_folder(folder)
        return differing
    finally:
        staged.unlink(missing_ok=True)


def _copy(
    segment: Segment,
    stop: int,
    before: int,
    change: Callable[[int, bytes], bytes],
    write: Callable[[bytes], object],
) -> int:
    """Write all records; nothing where none differs, which is known at the end only, so that most
    segments are read alone. Returns how many differ."""
    differing, position = 0, segment.start
    for end, payload in whole_records(segment.read, position, stop):
        changed = change(end, payload) if end <= before else payload
        if len(changed) != len(payload):
            raise ValueError(f"a record of {len(payload)} bytes became one of {len(changed)}")
        if changed != payload:
            if not differing:
                _copy_raw(segment, position, write)
            differing += 1
        if differing:
            write(frame([changed]))
        position = end
    if position != stop:
        raise Damaged("log_damaged", field=str(segment.path), value=position)
    return differing


def _copy_raw(segment: Segment, stop: int, write: Callable[[bytes], object]) -> None:
    """The bytes up to ``stop``, which were read before."""
    position = segment.start
    while position < stop:
        chunk = segment.read(position, min(CHUNK_BYTES, stop - position))
        if not chunk:
            raise Damaged("log_damaged", field=str(segment.path), value=position)
        write(chunk)
        position += len(chunk)

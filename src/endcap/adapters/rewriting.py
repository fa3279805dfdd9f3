"""Segments of the log written anew with some records replaced, of the same length each."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from endcap.adapters.frames import frame, whole_records
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
            file.flush()
            os.fsync(file.fileno())
        if differing:
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
    differing, position = 0, segment.start
    for end, payload in whole_records(segment.read, position, stop):
        changed = change(end, payload) if end <= before else payload
        if len(changed) != len(payload):
            raise ValueError(f"a record of {len(payload)} bytes became one of {len(changed)}")
        differing += changed != payload
        write(frame([changed]))
        position = end
    if position != stop:
        raise Damaged("log_damaged", field=str(segment.path), value=position)
    return differing

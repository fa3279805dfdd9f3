"""``EventLog`` in files: one folder for each shop, shared by all processes of one machine.

Segments named by their first offset, a memory-mapped ``end`` that all processes read, a ``lock``
that writers hold. Syncing happens outside the lock, so commits of several processes share it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from endcap.adapters.endfile import EndFile
from endcap.adapters.filelock import FileLock
from endcap.adapters.frames import MOST_PAYLOAD_BYTES, frame, whole_records
from endcap.adapters.recovery import accept_tail, recover
from endcap.adapters.rewriting import rewrite_segment
from endcap.adapters.segments import Segment, segment_path, segment_starts, sync_folder
from endcap.domain.errors import Damaged, InvalidInput, NotFound, Unavailable
from endcap.ports import Payloads

_PUBLISHED, _SYNCED, _SEGMENT = EndFile.PUBLISHED, EndFile.SYNCED, EndFile.SEGMENT
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileLog:
    """See ``ports.EventLog``. Every method may be called from any thread."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        """Opens or creates the log and recovers it. Raises Damaged (log_damaged, log_gap)."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = FileLock(folder / "lock")
        with self._lock:
            self._ends = EndFile(folder / "end")
            self._newest = recover(folder, self._ends)
        self._words = self._ends.words

    def end(self) -> int:
        return self._words[_PUBLISHED]

    def append(self, choose: Callable[[Iterator[tuple[int, bytes]]], Payloads], since: int) -> int:
        """See the port. ``choose`` must not call the log's ``append`` or ``trim``.

        Raises Unavailable (disk_full, log_not_written): nothing was published.
        """
        with self._lock:
            segment = self._settled()
            payloads = choose(self.read(since))
            if payloads:
                self._write(segment, payloads)
            return self._words[_PUBLISHED]

    def read(self, start: int, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """See the port. Records that do not end at or before ``stop`` are left out.

        Raises at once NotFound (log_trimmed) or Damaged (log_too_short); while it is read,
        Damaged (log_damaged, log_gap).
        """
        end = self._words[_PUBLISHED]
        if start == end:
            return iter(())
        if start > end:
            raise Damaged("log_too_short", field=str(self._folder), value=start, end=end)
        return self._records(self._holding(start), start, end, end if stop is None else stop)

    def sync(self, offset: int) -> None:
        """See the port. Raises Unavailable (log_not_written): what came after the last sync may
        not survive a power loss."""
        synced, target = self._words[_SYNCED], self._words[_PUBLISHED]
        if synced >= offset:
            return
        try:
            self._sync_from(synced)
        except OSError as error:
            raise self._unavailable(error) from error
        self._words[_SYNCED] = max(self._words[_SYNCED], target)

    def trim(self, before: int, unchanged_since: int | None = None) -> int:
        with self._lock:
            self._settled()
            starts = segment_starts(self._folder)
            while len(starts) > 1 and starts[1] <= before:
                oldest = segment_path(self._folder, starts[0])
                written = oldest.stat().st_mtime_ns // 1000
                if unchanged_since is not None and written >= unchanged_since:
                    break
                oldest.unlink()
                del starts[0]
                sync_folder(self._folder)  # one by one: a power loss leaves no gap
            return starts[0]

    def rewrite(self, before: int, change: Callable[[int, bytes], bytes]) -> int:
        """See the port. ``change`` must not call the log."""
        with self._lock:
            newest = self._settled()
            if newest.start < min(
                before, self.end()
            ):  # writers hold it open: they go on in another
                newest.sync()
                self._rotated(self.end())
            starts = segment_starts(self._folder)
        done = 0
        for start, following in pairwise(starts):
            if start < before:
                done += rewrite_segment(self._folder, start, following, before, change, self._lock)
        return done

    def _settled(self) -> Segment:
        """The newest segment, with nothing behind the published end. Under the lock."""
        segment = self._newest
        if segment.start != self._words[_SEGMENT]:
            segment = self._newest = Segment(self._folder, self._words[_SEGMENT], create=True)
        stop, end = segment.stop(), self._words[_PUBLISHED]
        if stop > end:
            accept_tail(segment, self._ends)
        elif stop < end:
            raise Damaged("log_gap", field=str(segment.path), value=stop, resumes=end)
        return segment

    def _write(self, segment: Segment, payloads: Payloads) -> None:
        """Write and publish behind the newest segment's end. Under the lock."""
        if max(map(len, payloads)) > MOST_PAYLOAD_BYTES:
            raise InvalidInput("record_too_large", field="payload", most=MOST_PAYLOAD_BYTES)
        start, data = self._words[_PUBLISHED], frame(payloads)
        try:
            if start - segment.start >= self._segment_bytes:
                segment = self._rotated(start)
            segment.write(start, data)
        except BaseException as error:
            with suppress(OSError):  # else the next writer does it
                segment.cut(min(start, segment.stop()))
            if isinstance(error, OSError):
                raise self._unavailable(error) from error
            raise
        self._words[_PUBLISHED] = start + len(data)

    def _rotated(self, start: int) -> Segment:
        """The segment from ``start`` on. The word goes first: should this process be killed in
        between, the next writer takes the same segment."""
        self._words[_SEGMENT] = start
        self._newest = Segment(self._folder, start, create=True)
        return self._newest

    def _sync_from(self, synced: int) -> None:
        newest = self._tail()
        if newest is not None and newest.start < synced:
            newest.sync()
            return
        starts = segment_starts(self._folder)
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            if following is None or following > synced:
                self._sync_segment(start)
        sync_folder(self._folder)

    def _sync_segment(self, start: int) -> None:
        try:
            Segment(self._folder, start).sync()
        except FileNotFoundError:
            return  # trimmed meanwhile: nobody wants it any more

    def _tail(self) -> Segment | None:
        """The newest segment; None between a rotation and the first record in it."""
        start = self._words[_SEGMENT]
        segment = self._newest
        if segment.start != start:
            try:
                segment = self._newest = Segment(self._folder, start)
            except FileNotFoundError:
                return None
        return segment

    def _holding(self, offset: int) -> Segment:
        """The segment that holds the published ``offset``."""
        newest = self._tail()
        if newest is not None and newest.start <= offset:
            return newest
        starts = segment_starts(self._folder)
        start = max((start for start in starts if start <= offset), default=None)
        try:
            if start is not None:
                return Segment(self._folder, start)
        except FileNotFoundError:
            pass  # trimmed since it was listed
        raise NotFound("log_trimmed", field=str(self._folder), value=offset)

    def _records(
        self, segment: Segment, position: int, end: int, stop: int
    ) -> Iterator[tuple[int, bytes]]:
        while position < end:
            for behind, payload in whole_records(segment.read, position, end):
                if behind > stop:
                    return
                yield behind, payload
                position = behind
            if position < end:
                segment = self._following(segment, position)

    def _following(self, segment: Segment, position: int) -> Segment:
        """The segment that begins where ``segment`` ends, which must be at ``position``."""
        if position < segment.stop() or position == segment.start:
            raise Damaged("log_damaged", field=str(segment.path), value=position)
        try:
            return Segment(self._folder, position)
        except FileNotFoundError:
            oldest = segment_starts(self._folder)[0]
        if oldest > position:
            raise NotFound("log_trimmed", field=str(self._folder), value=position)
        raise Damaged("log_gap", field=str(segment.path), value=position, resumes=self.end())

    def _unavailable(self, error: OSError) -> Unavailable:
        if error.errno in _FULL:
            return Unavailable("disk_full", retry_after_s=10, field=str(self._folder))
        reason = error.strerror or type(error).__name__
        return Unavailable("log_not_written", field=str(self._folder), reason=reason)

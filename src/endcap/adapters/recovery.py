"""What a log does when it is opened: find out where it really ends, and cut a torn tail.

After a killed process the page cache still holds every byte it wrote, so only the bytes behind
the published end are in doubt. After a power loss anything that was not synced may be gone, and
``end`` itself may be older or newer than the data: the newest segments are read again.
"""

from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path

from endcap.adapters.endfile import EndFile
from endcap.adapters.frames import CHUNK_BYTES, HEADER_BYTES, record_bytes, whole_records
from endcap.adapters.segments import Segment, segment_path, segment_starts, sync_folder
from endcap.domain.errors import Damaged

_logger = logging.getLogger(__name__)


def recover(folder: Path, ends: EndFile) -> Segment:
    """Make ``ends`` true and return the newest segment. The caller holds the log's lock.

    Raises Damaged (log_damaged, log_gap) where synced records are lost other than by a file that
    was cut short at its end.
    """
    starts = segment_starts(folder)
    if not starts:
        return _begin(folder, ends)
    if ends.known and ends.same_boot and ends.words[EndFile.SEGMENT] == starts[-1]:
        newest = Segment(folder, starts[-1])
        if newest.stop() >= ends.words[EndFile.PUBLISHED]:
            accept_tail(newest, ends)
            return newest
    synced = ends.words[EndFile.SYNCED] if ends.known else starts[-2:][0]
    published = ends.words[EndFile.PUBLISHED] if ends.known else 0
    newest, end = _verify(folder, starts, synced)
    if end < max(published, synced):
        lost = max(published, synced) - end
        _logger.warning("%s: the last %d bytes were lost, the log ends at %d", folder, lost, end)
    ends.settle(end, min(synced, end), newest.start)
    return newest


def accept_tail(newest: Segment, ends: EndFile) -> None:
    """Publish the whole records that a killed writer left behind the end; cut the torn rest."""
    stop, end = newest.stop(), ends.words[EndFile.PUBLISHED]
    if stop > end:
        end = _valid_end(newest, end, stop)
        newest.cut(end)
        ends.words[EndFile.PUBLISHED] = end


def _begin(folder: Path, ends: EndFile) -> Segment:
    end = ends.words[EndFile.PUBLISHED] if ends.known else 0
    if end:
        raise Damaged("log_gap", field=str(segment_path(folder, 0)), value=0, resumes=end)
    newest = Segment(folder, 0, create=True)
    sync_folder(folder)
    sync_folder(folder.parent)
    ends.settle(0, 0, 0)
    return newest


def _verify(folder: Path, starts: list[int], synced: int) -> tuple[Segment, int]:
    """Read from the segment that holds ``synced`` on; (newest segment, its valid end)."""
    suspect = max((start for start in starts if start <= synced), default=starts[0])
    for start, following in pairwise(starts):
        segment = Segment(folder, start)
        stop = min(segment.stop(), following)
        if start >= suspect:
            stop = _valid_end(segment, start, stop)
        if stop < following and start < suspect:
            raise Damaged("log_gap", field=str(segment.path), value=stop, resumes=following)
        if stop < following and stop < synced:
            raise _damaged(segment, stop)
        if stop < following:
            _drop(folder, [other for other in starts if other > start])
            return _cut(segment, stop)
        if segment.stop() > following:  # bytes of a cut that the power loss undid
            segment.cut(following)
    segment = Segment(folder, starts[-1])
    stop = _valid_end(segment, segment.start, segment.stop())
    if stop < synced and not _is_torn(segment, stop, synced):
        raise _damaged(segment, stop)
    return _cut(segment, stop)


def _cut(segment: Segment, end: int) -> tuple[Segment, int]:
    segment.cut(end)
    segment.sync()
    return segment, end


def _valid_end(segment: Segment, start: int, stop: int) -> int:
    end = start
    for behind, _ in whole_records(segment.read, start, stop):
        end = behind
    return end


def _is_torn(segment: Segment, offset: int, synced: int) -> bool:
    """Whether the file just stops before ``synced``, or holds only zeros from ``offset`` on."""
    stop = segment.stop()
    header = segment.read(offset, HEADER_BYTES)
    if stop < synced and offset + record_bytes(header) > stop:
        return True
    chunks = (segment.read(at, CHUNK_BYTES) for at in range(offset, stop, CHUNK_BYTES))
    return not any(any(chunk) for chunk in chunks)


def _drop(folder: Path, starts: list[int]) -> None:
    for start in reversed(starts):
        segment_path(folder, start).unlink()
    sync_folder(folder)


def _damaged(segment: Segment, offset: int) -> Damaged:
    return Damaged("log_damaged", field=str(segment.path), value=offset)

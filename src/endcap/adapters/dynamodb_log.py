"""``EventLog`` on Amazon DynamoDB: the table ``changes``, for processes that share no disk.

The log is one stream of bytes, framed as in files (``frames.py``), so that offsets mean the same. A
row holds a piece of it; its sort key is the offset of its first byte. Of two writers who would go
on at the same offset DynamoDB takes one; the other reads what came, chooses again and tries again.
Records of one append share a row as far as they fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain, islice

from endcap.adapters.dynamodb_calls import ConditionFailed, DynamoCalls
from endcap.adapters.dynamodb_log_rows import (
    LARGEST_OFFSET,
    MOST_PAYLOAD_BYTES,
    LogTable,
    Row,
    pieces,
    reader_of,
    transactions,
)
from endcap.adapters.dynamodb_tables import CHANGES, Names
from endcap.adapters.frames import frame, record_bytes, whole_records
from endcap.domain.errors import Damaged, InvalidInput, NotFound, Unavailable
from endcap.ports import Payloads

LOOK_EVERY_S = 1.0
MOST_LOST = 50  # writers that may come before this one
LONGEST_WAIT = 3  # as after so many failures
MOST_HOLES = 8  # looks at a place where rows are missing, with growing pauses between them
Change = Callable[[int, bytes], bytes]


class _Hole(Exception):
    """Bytes are missing, or not those that were written (log_damaged)."""

    def __init__(self, at: int, resumes: int) -> None:
        super().__init__()
        self.at, self.resumes = at, resumes
        self.code = "log_gap" if at < resumes else "log_damaged"


class DynamoLog:
    """See ``ports.EventLog``. Safe for threads, and after a fork.

    ``end`` asks DynamoDB once in ``look_every_s`` at most: what others wrote is known that much
    later; what was written here at once. Every method raises as ``DynamoCalls`` does.
    """

    def __init__(
        self,
        calls: DynamoCalls,
        names: Names,
        look_every_s: float = LOOK_EVERY_S,
        clock: Callable[[], float] = time.time,  # goes on while a function is frozen
    ) -> None:
        self._calls, self._name = calls, names.of(CHANGES)
        self._table = LogTable(calls, self._name, names.group)
        self._look_every_s, self._clock = look_every_s, clock
        self._end, self._looked, self._known = 0, 0.0, False

    def end(self) -> int:
        """See the port. While DynamoDB cannot be reached: what was known last."""
        if not (self._known and 0 <= self._clock() - self._looked < self._look_every_s):
            try:
                self._look()
            except Unavailable:
                if not self._known:
                    raise
                self._looked = self._clock()
        return self._end

    def read(self, start: int, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """See the port. Raises at once, and while it is read, NotFound (log_trimmed) and Damaged
        (log_too_short, log_gap)."""
        known = stop is not None and max(start, stop) <= self._end
        end = self._end if known else self._look()
        if start > end:
            raise Damaged("log_too_short", field=self._name, value=start, end=end)
        records = self._records(start, end if stop is None else min(stop, end))
        return chain([*islice(records, 1)], records)

    def append(self, choose: Callable[[Iterator[tuple[int, bytes]]], Payloads], since: int) -> int:
        """See the port. What does not fit one transaction (some 4 MB) is written in several: when
        another comes in between, ``choose`` is also shown what stands already.

        Raises InvalidInput (record_too_large): nothing was written; Unavailable
        (dynamodb_contended, dynamodb_throttled, …): part of it may be.
        """
        shown = since
        for lost in range(MOST_LOST):
            end = self._look() if lost else self.end()
            if since > end:
                end = self._look()
            payloads = choose(self.read(shown, end))
            if not payloads:
                return end
            try:
                return self._write(end, payloads)
            except ConditionFailed:
                shown = end
                self._calls.wait(min(lost, LONGEST_WAIT), "contended")
        raise Unavailable("dynamodb_contended", field=self._name)

    def sync(self, offset: int) -> None:
        """See the port: what DynamoDB has taken is on disk."""

    def trim(self, before: int, unchanged_since: int | None = None) -> int:
        """See the port: by rows; the newest row always stays."""
        first = kept = self._table.first()
        for row in self._table.rows(first, before, columns=("offset", "at", "within")):
            if not row.within:
                kept = row.offset
            if unchanged_since is not None and row.at >= unchanged_since:
                break
        if kept <= first:
            return first
        self._table.note_first(kept)
        self._table.drop(kept)
        return kept

    def rewrite(self, before: int, change: Change) -> int:
        """See the port. ``change`` must not call the log. Backups for point-in-time recovery hold
        what stood there for as long as the account keeps them."""
        done, together = 0, list[Row]()
        for row in self._table.rows(self._table.first(), before - 1):
            if together and not row.within:
                done += self._rewritten(together, before, change)
                together = []
            together.append(row)
        return done + (self._rewritten(together, before, change) if together else 0)

    def _look(self) -> int:
        """Where the log ends now. Nothing new: the cheapest of queries."""
        last = self._table.rows(self._end, LARGEST_OFFSET, newest=True, columns=("offset", "size"))
        for row in last:
            self._note_end(row.offset + row.size)
            break
        else:
            self._note_end(self._end)
        return self._end

    def _note_end(self, end: int) -> None:
        self._end, self._looked, self._known = max(self._end, end), self._clock(), True

    def _write(self, end: int, payloads: Payloads) -> int:
        """Raises ConditionFailed when another wrote there; transactions before are written."""
        if max(map(len, payloads)) > MOST_PAYLOAD_BYTES:
            raise InvalidInput("record_too_large", field="payload", most=MOST_PAYLOAD_BYTES)
        for together in transactions(pieces(payloads)):
            end = self._table.put(end, together, int(self._clock() * 1e6))
            self._note_end(end)
        return end

    def _records(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Whole records that end at or before ``stop``. What one transaction wrote becomes readable
        row by row: where rows are missing it is looked again."""
        position, holes = start, 0
        while True:
            try:
                for behind, payload in self._pass(position, stop):
                    yield behind, payload
                    position, holes = behind, 0
                return
            except _Hole as hole:
                holes += 1
                if position < self._table.first():
                    raise NotFound("log_trimmed", field=self._name, value=position) from None
                if holes == MOST_HOLES:
                    raise Damaged(
                        hole.code, field=self._name, value=hole.at, resumes=hole.resumes
                    ) from None
            self._calls.wait(holes, "hole")

    def _pass(self, position: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """One query. Raises _Hole."""
        data = b""  # from ``position`` on
        for row in self._from(position, stop):
            behind = position + len(data)
            if row.offset > behind:
                raise _Hole(behind, row.offset)
            data += row.data[behind - row.offset :]
            start = position
            for end, payload in whole_records(reader_of(data, start), start, start + len(data)):
                if end > stop:
                    return
                yield end, payload
                position = end
            data = data[position - start :]
            if len(data) >= record_bytes(data):
                raise _Hole(position, position)  # its checksum differs
        if position + len(data) < stop:
            raise _Hole(position + len(data), stop)

    def _from(self, position: int, stop: int) -> Iterator[Row]:
        """The row that holds ``position``, and those behind it that begin before ``stop``."""
        if position >= stop:
            return
        rows = self._table.rows(position, stop - 1)
        following = next(rows, None)
        if following is None or following.offset > position:
            for row in self._table.rows(0, position - 1, newest=True):
                if row.offset + row.size > position:
                    yield row
                break
        if following is not None:
            yield following
        yield from rows

    def _rewritten(self, rows: list[Row], before: int, change: Change) -> int:
        """Replace records of a row, or of the rows of one record; how many differ."""
        start, data = rows[0].offset, b"".join(row.data for row in rows)
        position, made, differing = start, list[bytes](), 0
        for end, payload in whole_records(reader_of(data, start), start, start + len(data)):
            changed = change(end, payload) if end <= before else payload
            if len(changed) != len(payload):
                raise ValueError(f"a record of {len(payload)} bytes became one of {len(changed)}")
            differing += changed != payload
            made.append(changed)
            position = end
        if len(rest := data[position - start :]) >= record_bytes(rest):
            raise Damaged("log_damaged", field=self._name, value=position)
        if differing:
            self._table.replace(rows, frame(made) + rest)
        return differing

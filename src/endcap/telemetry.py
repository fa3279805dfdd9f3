"""Counters, gauges and histograms: one small interface, one registry in each process.

A registry lies in one block of memory. Where the block is a mapped file, other processes read it
as it changes, and what was counted outlives the process, however that ends.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from time import monotonic
from typing import NamedTuple

import msgspec

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
BUCKETS_S = (
    0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
)  # fmt: skip
BLOCK_BYTES = 256 * 1024
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

# Of the request at hand, while somebody traces it: (stage, began, ended), s of ``time.monotonic``.
Spans = list[tuple[str, float, float]]
SPANS: ContextVar[Spans | None] = ContextVar("spans", default=None)


@contextmanager
def traced(stage: str) -> Iterator[None]:
    """Names what happens inside, while somebody traces the request at hand."""
    spans, began = SPANS.get(), monotonic()
    try:
        yield
    finally:
        if spans is not None:
            spans.append((stage, began, monotonic()))


# The block: mark, bytes used, process id, length and text of its name; then
# records: bytes of the whole, of the head, the head (JSON), and float64 cells.
_START = struct.Struct("=8sqqq48s")
_RECORD = struct.Struct("=II")
_MARK = b"ENDCAPT1"
_USED_AT = 8
_CELLS = {COUNTER: 1, GAUGE: 1, HISTOGRAM: len(BUCKETS_S) + 2}  # the last: the sum


class Counter:
    """One counter, found once: for one thread, and several times cheaper than by its name."""

    __slots__ = ("_cells", "_place")

    def __init__(self, cells: memoryview[float], place: int) -> None:
        self._cells, self._place = cells, place

    def add(self, amount: float = 1.0) -> None:
        """Also down, where it stands for a gauge."""
        self._cells[self._place] += amount


class Histogram:
    """One histogram, found once: for one thread, as ``Counter``."""

    __slots__ = ("_cells", "_place", "_sum")

    def __init__(self, cells: memoryview[float], place: int) -> None:
        self._cells, self._place, self._sum = cells, place, place + len(BUCKETS_S) + 1

    def observe(self, seconds: float) -> None:
        """Add one."""
        cells = self._cells
        cells[self._place + bisect_left(BUCKETS_S, seconds)] += 1.0
        cells[self._sum] += seconds


class Reading(NamedTuple):
    """What one registry held at one moment. A histogram is its buckets, count and sum."""

    process: str
    pid: int
    counters: dict[Key, float]
    gauges: dict[Key, float]
    histograms: dict[Key, list[float]]


def _labels(labels: dict[str, str]) -> Labels:
    """The same for the same labels in any order."""
    return tuple(labels.items()) if len(labels) < 2 else tuple(sorted(labels.items()))


class Telemetry:
    """Thread-safe. Names are snake case with the unit at the end (``request_seconds``).

    ``block``: ``BLOCK_BYTES`` of zeros to keep it in, else memory of this process alone.
    """

    def __init__(self, block: memoryview | None = None, process: str = "", pid: int = 0) -> None:
        self._lock = Lock()
        self._block = memoryview(bytearray(BLOCK_BYTES)) if block is None else block
        name = process.encode()[:48]
        _START.pack_into(self._block, 0, _MARK, _START.size, pid, len(name), name)
        self._cells: memoryview[float] = self._block.cast("d")
        self._places: dict[tuple[str, str, Labels], int] = {}
        self._known = _START.size  # up to where the records are in ``_places``

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        place = self._place(COUNTER, name, _labels(labels))
        with self._lock:
            self._cells[place] += amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Not a number: there is no such value any more."""
        self._cells[self._place(GAUGE, name, _labels(labels))] = value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add to a histogram over ``BUCKETS_S``."""
        place = self._place(HISTOGRAM, name, _labels(labels))
        with self._lock:
            Histogram(self._cells, place).observe(seconds)

    def counter(self, name: str, **labels: str) -> Counter:
        """For one thread that counts often."""
        return Counter(self._cells, self._place(COUNTER, name, _labels(labels)))

    def level(self, name: str, **labels: str) -> Counter:
        """A gauge that one thread moves up and down."""
        place = self._place(GAUGE, name, _labels(labels))
        if math.isnan(self._cells[place]):
            self._cells[place] = 0.0
        return Counter(self._cells, place)

    def histogram(self, name: str, **labels: str) -> Histogram:
        """For one thread that observes often."""
        return Histogram(self._cells, self._place(HISTOGRAM, name, _labels(labels)))

    def reading(self) -> Reading:
        """What it holds now."""
        return read_block(self._block)

    @property
    def counters(self) -> dict[Key, float]:
        """By name and labels."""
        return self.reading().counters

    @property
    def gauges(self) -> dict[Key, float]:
        """By name and labels."""
        return self.reading().gauges

    @property
    def histograms(self) -> dict[Key, list[float]]:
        """By name and labels: buckets, count, sum."""
        return self.reading().histograms

    def _place(self, kind: str, name: str, labels: Labels) -> int:
        """The first cell. What finds no room shares one cell that nobody reads."""
        try:
            return self._places[kind, name, labels]
        except KeyError:
            with self._lock:
                found = self._places.get((kind, name, labels))
                if found is None:
                    found = self._places[kind, name, labels] = self._claim(kind, name, labels)
                return found

    def _claim(self, kind: str, name: str, labels: Labels) -> int:
        used: int = _START.unpack_from(self._block)[1]
        for known, place in _records(self._block, used, self._known):  # a forked child's
            self._places.setdefault(known, place)
        self._known = used
        if (kind, name, labels) in self._places:
            return self._places[kind, name, labels]
        head = msgspec.json.encode((kind, name, labels))
        first = used + _RECORD.size + -(-len(head) // 8) * 8
        stop = first + 8 * _CELLS[kind]
        if stop + 8 * max(_CELLS.values()) > len(self._block):  # a histogram may share the rest
            return len(self._block) // 8 - max(_CELLS.values())
        _RECORD.pack_into(self._block, used, stop - used, len(head))
        self._block[used + _RECORD.size : used + _RECORD.size + len(head)] = head
        if kind == GAUGE:
            self._cells[first // 8] = math.nan  # until somebody says
        struct.pack_into("=q", self._block, _USED_AT, stop)  # last: now others may read it
        return first // 8


_decode_head = msgspec.json.Decoder(tuple[str, str, Labels]).decode


def read_block(block: memoryview | bytes) -> Reading:
    """Raises ValueError when the block is no registry of this version."""
    if len(block) < _START.size or bytes(block[:8]) != _MARK:
        raise ValueError("not a registry")
    _, used, pid, length, name = _START.unpack_from(block)
    found = Reading(name[:length].decode("utf-8", "replace"), pid, {}, {}, {})
    for (kind, metric, labels), place in _records(block, used):
        cells = struct.unpack_from(f"={_CELLS[kind]}d", block, place * 8)
        if kind == HISTOGRAM:
            found.histograms[metric, labels] = [*cells[:-1], sum(cells[:-1]), cells[-1]]
        elif kind == COUNTER:
            found.counters[metric, labels] = cells[0]
        elif not math.isnan(cells[0]):
            found.gauges[metric, labels] = cells[0]
    return found


def _records(
    block: memoryview | bytes, used: int, at: int = _START.size
) -> Iterator[tuple[tuple[str, str, Labels], int]]:
    """What each record is of, and its first cell."""
    while at < used:
        size, length = _RECORD.unpack_from(block, at)
        begin = at + _RECORD.size
        head = _decode_head(bytes(block[begin : begin + length]))
        at += size
        yield head, at // 8 - _CELLS[head[0]]

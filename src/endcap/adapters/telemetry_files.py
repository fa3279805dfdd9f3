"""The registries of all processes of a dataset group, each in a small mapped file of its own.

A living process holds a lock on its file. What the files of ended processes hold is added to the
file ``ended`` when another process starts, and only then are they removed: every count is in
exactly one place whenever somebody reads, also after ``kill -9`` or a crash in between.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.adapters.segments import Descriptor
from endcap.telemetry import BLOCK_BYTES, Key, Labels, Reading, Telemetry, read_block

TELEMETRY = "telemetry"  # the folder, in that of the group
SUFFIX = ".cells"
ENDED, RECENT, LOCK = "ended", "recent", "lock"
KEPT_MOMENTS = 16

_Counted = tuple[str, Labels, float]
_Timed = tuple[str, Labels, list[float]]


class Kept(Struct, frozen=True):
    """Counters and histograms on disk. ``files``: whose they are, of those that still lie here."""

    at: float = 0.0  # s since 1970
    files: tuple[str, ...] = ()
    counters: tuple[_Counted, ...] = ()
    histograms: tuple[_Timed, ...] = ()

    def reading(self) -> Reading:
        counters = {(name, labels): value for name, labels, value in self.counters}
        times = {(name, labels): cells for name, labels, cells in self.histograms}
        return Reading("", 0, counters, {}, times)


_encode = msgspec.msgpack.Encoder().encode
_decode_kept = msgspec.msgpack.Decoder(Kept).decode
_decode_moments = msgspec.msgpack.Decoder(tuple[Kept, ...]).decode


class TelemetryFolder:
    """``groups/<group>/telemetry``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self, process: str) -> Telemetry:
        """A registry that others can read, for as long as this process lives; in memory of this
        process alone where the disk has no room for it."""
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with self._locked(fcntl.LOCK_EX):
                self._put_away_ended()
                return Telemetry(self._block(process), process, os.getpid())
        except OSError:
            return Telemetry(None, process, os.getpid())

    def _block(self, process: str) -> memoryview:
        name = f"{process}.{os.getpid()}.{os.urandom(4).hex()}"
        file = Descriptor(self._path / f"{name}{SUFFIX}", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:  # real bytes, not a hole: a store into a hole dies on a full disk
            os.posix_fallocate(file.fd, 0, BLOCK_BYTES)
        except OSError:
            (self._path / f"{name}{SUFFIX}").unlink()
            raise
        fcntl.flock(file.fd, fcntl.LOCK_EX)
        _held.append(file)
        return memoryview(mmap.mmap(file.fd, BLOCK_BYTES))

    def readings(self) -> list[Reading]:
        """Of every process: the living ones with their gauges, and what the others counted."""
        if not self._path.is_dir():
            return []
        with self._locked(fcntl.LOCK_SH):
            ended = self._ended()
            found = [ended.reading()]
            for path in self._files(ended):
                reading, lives = _read(path)
                if reading is not None:
                    gauges = {**reading.gauges, **_of_process(reading.pid)} if lives else {}
                    found.append(reading._replace(pid=reading.pid * lives, gauges=gauges))
        return found

    def _put_away_ended(self) -> None:
        """The caller holds the lock alone."""
        ended = self._ended()
        for name in ended.files:  # left over by a crash after the addition
            (self._path / name).unlink(missing_ok=True)
        gone = {path.name: _read(path) for path in self._files(ended)}
        over = {name: reading for name, (reading, lives) in gone.items() if not lives}
        if not over and not ended.files:
            return
        readings = [ended.reading(), *(r for r in over.values() if r is not None)]
        self._write(ENDED, _encode(kept_of(readings, files=tuple(over))))
        for name in over:
            (self._path / name).unlink()

    def remember(self, at: float, names: Sequence[str]) -> None:
        """Keep what the counters and histograms of these names hold at ``at`` (s since 1970)."""
        try:
            now = kept_of(self.readings(), names, at)
            self._write(RECENT, _encode((*self.moments()[-KEPT_MOMENTS + 1 :], now)))
        except OSError:
            return  # no room: the next time

    def moments(self) -> tuple[Kept, ...]:
        """What was remembered, oldest first."""
        try:
            return _decode_moments((self._path / RECENT).read_bytes())
        except (OSError, msgspec.DecodeError):
            return ()

    def _ended(self) -> Kept:
        try:
            return _decode_kept((self._path / ENDED).read_bytes())
        except (OSError, msgspec.DecodeError):
            return Kept()

    def _files(self, ended: Kept) -> Iterator[Path]:
        paths = sorted(self._path.glob(f"*{SUFFIX}"))
        return (path for path in paths if path.name not in ended.files)

    def _write(self, name: str, raw: bytes) -> None:
        part = self._path / f"{name}.{os.getpid()}.part"
        try:
            part.write_bytes(raw)
            part.replace(self._path / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        file = Descriptor(self._path / LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(file.fd, how)
        yield  # the lock ends with the descriptor
        del file


# Files that this process holds the lock of, until it ends.
_held: list[Descriptor] = []


def kept_of(
    readings: Sequence[Reading],
    names: Sequence[str] = (),
    at: float = 0.0,
    files: tuple[str, ...] = (),
) -> Kept:
    """The sum of ``readings``; with ``names``, of these alone."""
    counters: dict[Key, float] = {}
    histograms: dict[Key, list[float]] = {}
    for reading in readings:
        for key, value in reading.counters.items():
            counters[key] = counters.get(key, 0.0) + value
        for key, cells in reading.histograms.items():
            before = histograms.get(key)
            if before is not None and len(before) == len(cells):
                cells = [a + b for a, b in zip(before, cells, strict=True)]  # noqa: PLW2901
            histograms[key] = cells
    return Kept(
        at,
        files,
        tuple((*key, value) for key, value in counters.items() if not names or key[0] in names),
        tuple((*key, cells) for key, cells in histograms.items() if not names or key[0] in names),
    )


def _read(path: Path) -> tuple[Reading | None, bool]:
    """What the file holds, and whether its process lives. None: it is not of this version."""
    with suppress(OSError):
        file = Descriptor(path, os.O_RDONLY)
        try:
            fcntl.flock(file.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            lives = False
        except BlockingIOError:
            lives = True
        with suppress(ValueError, KeyError, msgspec.DecodeError):
            return read_block(os.pread(file.fd, BLOCK_BYTES, 0)), lives
        return None, lives
    return None, False


_TICKS_PER_S, _PAGE_BYTES = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def _of_process(pid: int) -> dict[Key, float]:
    """What the system says of a process; nothing where there is no /proc."""
    root = Path(f"/proc/{pid}")
    with suppress(OSError):
        fields = (root / "stat").read_text().rpartition(")")[2].split()
        return {
            ("process_cpu_seconds", ()): (int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
            ("process_resident_bytes", ()): float(int(fields[21]) * _PAGE_BYTES),
            ("process_open_files", ()): float(sum(1 for _ in (root / "fd").iterdir())),
        }
    return {}

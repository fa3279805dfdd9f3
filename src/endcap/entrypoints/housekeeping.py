"""Keeping the dataset groups that no keeper was started for: the rounds that a keeper does, each in
a process of its own, which opens the group and ends. A group is looked at from outside first.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from endcap.app.compaction import keeper_round
from endcap.bootstrap import open_shop
from endcap.bootstrap.places import sole
from endcap.control.dataset_groups import folder, groups
from endcap.domain.errors import Conflict
from endcap.entrypoints.forks import CAN_FORK, Forked, fork
from endcap.settings import Settings

log = logging.getLogger("endcap.registrar")

MOVED_S = 60.0  # a group whose log moved is kept so often
IDLE_S = 3600.0  # any other: purges and what is too old come by the clock

Round = Callable[[str], Forked | None]  # of a group, by its shop's name; None: done already


@dataclass
class _Kept:
    """How far the log was when the last round began, and when that was (s, monotonic)."""

    end: int
    at: float


class Housekeeping:
    """``look`` often: it begins at most one round at a time. ``begin`` starts one."""

    def __init__(self, settings: Settings, begin: Round) -> None:
        self._settings = settings
        self._begin = begin
        self._kept: dict[str, _Kept] = {}
        self._running: Forked | None = None
        self._next = 0.0

    def look(self, clock: float, busy: Collection[str]) -> None:
        """``clock``: s, monotonic. ``busy``: shops in which a job is at work; they can wait."""
        if self._running is not None:
            if self._running.poll() is None:
                return
            self._running = None
        if clock < self._next:
            return
        self._next = clock + self._settings.keeper_interval_s
        for name in groups(self._settings.home):
            if name == self._settings.group or name in busy:
                continue
            end = log_end(folder(self._settings.home, name))
            if self._is_due(self._kept.get(name), end, clock):
                self._kept[name] = _Kept(end, clock)
                self._running = self._begin(name)
                return

    def _is_due(self, kept: _Kept | None, end: int, clock: float) -> bool:
        if kept is None:
            return True
        if end - kept.end >= self._settings.snapshot_tail_mb * 2**20:
            return True
        return clock - kept.at >= (MOVED_S if end != kept.end else IDLE_S)


def log_end(root: Path) -> int:
    """Where the log of a group ends, without opening it; 0 where there is none in the home."""
    try:
        with (root / "log" / "end").open("rb") as file:
            return int(struct.unpack("=q", file.read(8))[0])
    except (OSError, struct.error):
        return 0


def begin_round(settings: Settings, now: Callable[[], int]) -> Round:
    """``now``: µs."""

    def begin(name: str) -> Forked | None:
        if CAN_FORK:
            return fork(lambda: keep(settings, name, now()), "endcap-round", dies_with_parent=True)
        keep(settings, name, now())
        return None

    return begin


def keep(settings: Settings, name: str, at: int) -> int:
    """One round, where no keeper holds the group; the exit code."""
    lock = folder(settings.home, name) / "keeper.lock"
    try:
        with sole(lock, name):
            done = keeper_round(open_shop(settings, name), at)
    except (Conflict, FileNotFoundError):  # it has a keeper, or is gone
        return 0
    except Exception:
        log.exception("round failed")
        return 1
    if done.snapshot:
        facts = {"snapshot": done.snapshot, "compacted_bytes": done.compacted_bytes}
        log.info("compacted", extra={"facts": facts})
    return 0

"""A snapshot on disk: a folder of mapped arrays and ``meta.json``. Immutable once published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from endcap.domain.arrays import Float64s, Int64s, UInt64s
from endcap.domain.errors import Damaged
from endcap.domain.values import EVENT_TYPES
from endcap.engine.histories import NO_HISTORY, History
from endcap.engine.ids import EMPTY_TABLE, IdTable
from endcap.engine.ragged import NO_BLOBS, Blobs, open_array

FORMAT = 1
META = "meta.json"


class FadeMeta(Struct, frozen=True):
    """How to read one array of forward-decayed counts."""

    half_life: int  # µs
    landmark: int  # half-lives since 1970


class SnapshotMeta(Struct, frozen=True):
    """``meta.json``. Every count is checked against its array when the snapshot is opened."""

    format: int
    log_offset: int  # the records before this offset are in the snapshot
    lake_version: int
    items: int
    users: int
    events: int  # in the histories
    event_types: tuple[str, ...]
    newest_ts: int
    newest_arrival: int
    slow: FadeMeta
    fast: FadeMeta


@dataclass(frozen=True)
class Snapshot:
    """Everything in it by row of its own vocabulary. ``open`` maps it; nothing is copied."""

    meta: SnapshotMeta
    items: IdTable
    users: IdTable
    starts: Int64s  # (users + 1,) into history
    history: History  # (events,)
    of_items: Blobs  # (items,) MessagePack
    of_users: Blobs  # (users,)
    slow: Float64s  # (event types, items)
    fast: Float64s  # (event types, items)
    id_hashes: UInt64s  # (event ids,) ascending
    id_times: Int64s  # (event ids,)
    key_hashes: UInt64s  # (request keys,) ascending
    key_times: Int64s  # (request keys,)
    key_bodies: Blobs  # (request keys,)

    @property
    def log_offset(self) -> int:
        return self.meta.log_offset

    @staticmethod
    def open(folder: Path) -> Snapshot:
        """Raises Damaged (bad_snapshot) when a file is missing, cut, or of another format."""
        try:
            meta = msgspec.json.decode((folder / META).read_bytes(), type=SnapshotMeta)
            if meta.format != FORMAT:
                raise ValueError(f"format {meta.format}, not {FORMAT}")
            opened = _open(folder, meta)
            opened.check()
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            raise Damaged("bad_snapshot", field=str(folder), value=str(error)) from error
        return opened

    def check(self) -> None:
        """Raises ValueError when arrays and counts do not fit together."""
        meta = self.meta
        found = {
            "items": (len(self.items), meta.items),
            "users": (len(self.users), meta.users),
            "histories": (len(self.starts) - 1, meta.users),
            "events": (int(self.starts[-1]), meta.events),
            "history.items": (len(self.history.items), meta.events),
            "history.types": (len(self.history.types), meta.events),
            "history.ts": (len(self.history.ts), meta.events),
            "item attributes": (len(self.of_items), meta.items),
            "user attributes": (len(self.of_users), meta.users),
            "slow counts": (self.slow.shape, (len(meta.event_types), meta.items)),
            "fast counts": (self.fast.shape, (len(meta.event_types), meta.items)),
            "event ids": (len(self.id_times), len(self.id_hashes)),
            "request keys": (len(self.key_times), len(self.key_hashes)),
            "request bodies": (len(self.key_bodies), len(self.key_hashes)),
        }
        for name, (is_there, expected) in found.items():
            if is_there != expected:
                raise ValueError(f"{name}: {is_there} instead of {expected}")


def _open(folder: Path, meta: SnapshotMeta) -> Snapshot:
    def array(name: str) -> np.ndarray:
        return open_array(folder, name)

    return Snapshot(
        meta=meta,
        items=IdTable.open(folder, "items"),
        users=IdTable.open(folder, "users"),
        starts=array("history.starts"),
        history=History(array("history.items"), array("history.types"), array("history.ts")),
        of_items=Blobs.open(folder, "items.attributes"),
        of_users=Blobs.open(folder, "users.attributes"),
        slow=array("counts.slow"),
        fast=array("counts.fast"),
        id_hashes=array("repeats.ids"),
        id_times=array("repeats.id_times"),
        key_hashes=array("repeats.keys"),
        key_times=array("repeats.key_times"),
        key_bodies=Blobs.open(folder, "repeats.bodies"),
    )


_NO_COUNTS = np.zeros((len(EVENT_TYPES), 0))
_NO_HASHES, _NO_TIMES = np.empty(0, np.uint64), np.empty(0, np.int64)
_NO_FADE = FadeMeta(half_life=1, landmark=0)

# What an empty shop begins with.
EMPTY_SNAPSHOT = Snapshot(
    meta=SnapshotMeta(FORMAT, 0, 0, 0, 0, 0, EVENT_TYPES, 0, 0, _NO_FADE, _NO_FADE),
    items=EMPTY_TABLE,
    users=EMPTY_TABLE,
    starts=np.zeros(1, np.int64),
    history=NO_HISTORY,
    of_items=NO_BLOBS,
    of_users=NO_BLOBS,
    slow=_NO_COUNTS,
    fast=_NO_COUNTS,
    id_hashes=_NO_HASHES,
    id_times=_NO_TIMES,
    key_hashes=_NO_HASHES,
    key_times=_NO_TIMES,
    key_bodies=NO_BLOBS,
)

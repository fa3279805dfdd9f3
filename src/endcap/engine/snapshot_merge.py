"""Write a live state as the next snapshot: the arrays of the old one, merged with the overlay."""

from __future__ import annotations

from pathlib import Path

import msgspec

from endcap.domain.arrays import load_array
from endcap.engine.counts import Counts
from endcap.engine.ragged import splice, write_array
from endcap.engine.snapshot_folder import FORMAT, META, FadeMeta, SnapshotMeta
from endcap.engine.snapshot_repeats import RepeatArrays
from endcap.engine.state import LiveState

HISTORY_FILES = ("history.starts", "history.items", "history.types", "history.ts")


def extend_snapshot(state: LiveState, folder: Path, lake_version: int = 0) -> SnapshotMeta:
    """Write ``state`` into the empty folder; it can be opened by ``Snapshot.open`` then.

    ``lake_version``: the version of the lake that holds the same events (for the record only).
    Rows stay as they are. The state is not changed and goes on; what it holds is written with its
    ``offset``, so the caller keeps from applying records meanwhile.
    """
    items, users = len(state.items), len(state.users)
    state.items.write(folder, "items")
    state.users.write(folder, "users")
    state.of_items.base.write_spliced(folder, "items.attributes", state.of_items.packed(), items)
    state.of_users.base.write_spliced(folder, "users.attributes", state.of_users.packed(), users)
    _write_histories(state, folder, users)
    write_counts(state.counts, folder, (len(state.event_types), items))
    id_hashes, id_times = state.event_ids.merged()
    RepeatArrays(id_hashes, id_times, *state.keys.merged()).write(folder)
    return write_meta(
        folder,
        SnapshotMeta(
            format=FORMAT,
            log_offset=state.offset,
            lake_version=lake_version,
            items=items,
            users=users,
            events=len(load_array(folder / "history.ts.npy")),
            event_types=tuple(state.event_types),
            newest_ts=state.newest_ts,
            newest_arrival=state.event_ids.newest,
            slow=FadeMeta(state.counts.slow.half_life, state.counts.slow.landmark),
            fast=FadeMeta(state.counts.fast.half_life, state.counts.fast.landmark),
        ),
    )


def write_counts(counts: Counts, folder: Path, shape: tuple[int, int]) -> None:
    """``shape``: (event types, items)."""
    counts.make_room(*shape)
    types, items = shape
    write_array(folder, "counts.slow", counts.slow.values[:types, :items])
    write_array(folder, "counts.fast", counts.fast.values[:types, :items])


def write_meta(folder: Path, meta: SnapshotMeta) -> SnapshotMeta:
    """Last of all files: a folder without it is no snapshot."""
    (folder / META).write_bytes(msgspec.json.format(msgspec.json.encode(meta), indent=1))
    return meta


def _write_histories(state: LiveState, folder: Path, users: int) -> None:
    base = state.histories
    touched = dict(base.touched())
    splice(folder, HISTORY_FILES, (base.starts, *base.base), touched, users)

"""Moving the log's tail into the lake, and snapshots of the state.

A snapshot is always the state at the log offset that the lake has reached, so that
state = snapshot + tail, whether the history came by import or live.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.app.intake import write
from endcap.app.reloading import POINTERS, SNAPSHOTS, reload
from endcap.app.shop import SNAPSHOT, Shop
from endcap.control.campaigns import campaign
from endcap.domain.records import EventsPosted, ItemsPut, Pointed, UserErased, UsersPut, decode
from endcap.domain.values import Event, Item, User
from endcap.engine.snapshot import Snapshot, build_snapshot, extend_snapshot

# Snapshots kept: the one in use and the one before it, to fall back on.
KEPT_SNAPSHOTS = 2
# Log bytes that go into the lake in one step: bounds the memory of a compaction.
CHUNK_BYTES = 32 * 2**20


class Standing(Struct, frozen=True):
    """The snapshot in force. ``name`` is "" when there is none."""

    name: str = ""
    offset: int = 0  # of the log
    lake_version: int = 0
    at: int = 0


class Round(Struct, frozen=True):
    """What one round of the keeper did."""

    compacted_bytes: int = 0
    snapshot: str = ""


def keeper_round(shop: Shop, at: int) -> Round:
    """Compact and snapshot when the tail is long enough; take up what others published."""
    shop.refresh()
    if shop.moved:
        reload(shop)
    announce_missed(shop, at)
    tail = shop.now.state.offset - pointer(shop).offset
    shop.telemetry.gauge("log_tail_bytes", tail)
    if tail < shop.settings.snapshot_tail_mb * 2**20:
        return Round()
    return settle(shop, at)


def announce_missed(shop: Shop, at: int) -> None:
    """A command that was killed between moving the campaign and saying so is made good here."""
    if campaign(shop.documents).version != shop.now.serving.version:
        reload(shop)
        if campaign(shop.documents).version == shop.now.serving.version:
            write(shop, Pointed(at=at, name="campaign", value=shop.now.serving.version))


def settle(shop: Shop, at: int) -> Round:
    """Bring lake and snapshot up to the log's end. Nothing to do: nothing is written."""
    with shop.maintenance():
        shop.refresh()
        mend_snapshot(shop, at)
        if not tail_matters(shop):
            return Round()
        before = shop.lake.manifest().log_offset
        compact(shop)
        name = publish_extended(shop, at)
        return Round(shop.lake.manifest().log_offset - before, name)


def mend_snapshot(shop: Shop, at: int) -> None:
    """An import that was killed before its snapshot is made good. The caller holds the lock."""
    manifest, standing = shop.lake.manifest(), pointer(shop)
    if manifest.version != standing.lake_version and manifest.log_offset == standing.offset:
        publish_built(shop, at)


def tail_matters(shop: Shop) -> bool:
    """Whether the log holds anything after the snapshot but pointers."""
    tail = shop.log.read(pointer(shop).offset, shop.now.state.offset)
    return any(not isinstance(decode(payload), Pointed) for _, payload in tail)


def compact(shop: Shop) -> None:
    """Write the log's tail into the lake in bounded steps. The caller holds the lock.

    Ends at the offset that the state has, exactly: the snapshot that follows is taken there.
    """
    shop.refresh()
    stop = shop.now.state.offset
    shop.log.sync(stop)  # nothing may name an offset that a power loss could take back
    start = shop.lake.manifest().log_offset
    while start < stop:
        start = compact_chunk(shop, start, stop)


def compact_chunk(shop: Shop, start: int, stop: int) -> int:
    events: list[Event] = []
    items: list[Item] = []
    users: list[User] = []
    reached = start
    for end, payload in shop.log.read(start, stop):
        record = decode(payload)
        if isinstance(record, UserErased):
            if reached > start:  # what came before an erasure goes into earlier parts
                shop.lake.append(events, items, users, (), reached)
                events, items, users = [], [], []
            shop.lake.append((), (), (), (record.user_id,), end)
            return end
        if isinstance(record, EventsPosted):
            events += record.events
        elif isinstance(record, ItemsPut):
            items += record.items
        elif isinstance(record, UsersPut):
            users += record.users
        reached = end
        if reached - start >= CHUNK_BYTES:
            break
    shop.lake.append(events, items, users, (), reached)
    return reached


def publish_extended(shop: Shop, at: int) -> str:
    """Snapshot = the keeper's own state, written out. The state stands at the lake's offset."""
    folder = shop.artifacts.staging(SNAPSHOTS)
    extend_snapshot(shop.now.state, folder, shop.lake.manifest().version)
    return publish(shop, folder, at)


def publish_built(shop: Shop, at: int) -> str:
    """Snapshot built from the lake, after an import. The caller has settled and holds the lock."""
    folder = shop.artifacts.staging(SNAPSHOTS)
    name = pointer(shop).name
    previous = Snapshot.open(shop.artifacts.open(SNAPSHOTS, name)) if name else None
    build_snapshot(shop.lake, previous, folder, shop.limits, at=at)
    return publish(shop, folder, at)


def publish(shop: Shop, folder: Path, at: int) -> str:
    manifest = shop.lake.manifest()
    name = f"{manifest.log_offset:020d}-{manifest.version:08d}"
    if name not in shop.artifacts.names(SNAPSHOTS):
        shop.artifacts.publish(SNAPSHOTS, name, folder)
    standing = Standing(name, manifest.log_offset, manifest.version, at)
    shop.documents.put(POINTERS, SNAPSHOT, msgspec.to_builtins(standing))
    write(shop, Pointed(at=at, name=SNAPSHOT, value=name))
    drop_old(shop)
    reload(shop)
    return name


def drop_old(shop: Shop) -> None:
    """Delete snapshots and log segments that nothing needs any more."""
    names = shop.artifacts.names(SNAPSHOTS)
    for name in names[:-KEPT_SNAPSHOTS]:
        shop.artifacts.delete(SNAPSHOTS, name)
    kept = names[-KEPT_SNAPSHOTS:]
    if len(kept) == KEPT_SNAPSHOTS:
        shop.log.trim(int(kept[0].split("-")[0]))


def pointer(shop: Shop) -> Standing:
    document = shop.documents.get(POINTERS, SNAPSHOT)
    return Standing() if document is None else msgspec.convert(document.body, Standing)

"""Moving the log's tail into the lake, and snapshots of the state.

A snapshot is always the state at the log offset that the lake has reached, so that
state = snapshot + tail, whether the history came by import or live.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.app.erasure import purged_by
from endcap.app.intake import write
from endcap.app.purging import close_receipts, drop_other_snapshots, forget_physically
from endcap.app.receipts import complete_receipts
from endcap.app.reloading import POINTERS, SNAPSHOTS, reload
from endcap.app.retention import expire_old, expiry_due
from endcap.app.shop import CAMPAIGN, SNAPSHOT, Shop
from endcap.app.storing import (
    UNKNOWN_RECORD,
    Stored,
    bury,
    store,
    without_unfit,
)
from endcap.control.campaigns import campaign
from endcap.domain.errors import Damaged, NotFound
from endcap.domain.records import Pointed, UserErased, decode_known, users_of
from endcap.engine.snapshot import build_snapshot, extend_snapshot
from endcap.engine.snapshot_folder import EMPTY_SNAPSHOT

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
    purged: dict[str, int] = {}  # by place, what a purge removed
    completed: int = 0  # receipts of erasures


Settling = Callable[[Shop, int], Round]


def keeper_round(shop: Shop, at: int, settling: Settling | None = None) -> Round:
    """Compact and snapshot when the tail is long enough; take up what others published; make
    good what a killed command left behind. ``settling`` does what ``settle`` does, elsewhere."""
    shop.refresh()
    if shop.moved:
        reload(shop)
    announce_missed_version(shop, at)
    announce_missed_snapshot(shop, at)
    tail = shop.now.state.offset - pointer(shop).offset
    shop.telemetry.gauge("log_tail_bytes", tail)
    long = tail >= shop.settings.snapshot_tail_mb * 2**20
    if not (long or needs_building(shop) or purge_due(shop, at) or expiry_due(shop, at)):
        return Round(completed=complete_receipts(shop))
    done = (settling or settle)(shop, at)
    shop.refresh()
    if shop.moved:  # it was done elsewhere: stand on it
        reload(shop)
    return msgspec.structs.replace(done, completed=complete_receipts(shop))


def announce_missed_version(shop: Shop, at: int) -> None:
    """A command that was killed between moving the campaign and saying so is made good here."""
    wanted = campaign(shop.documents).version
    if wanted in (shop.now.serving.version, shop.refused):
        return
    reload(shop)
    if shop.now.serving.version == wanted:
        write(shop, Pointed(at=at, name=CAMPAIGN, value=wanted))
    else:
        shop.refused = wanted


def announce_missed_snapshot(shop: Shop, at: int) -> None:
    """The same for a snapshot: a worker without it lacks what was imported."""
    if stands_on_pointer(shop):
        return
    reload(shop)
    if stands_on_pointer(shop):
        write(shop, Pointed(at=at, name=SNAPSHOT, value=pointer(shop).name))


def settle(shop: Shop, at: int, purge_now: bool = False) -> Round:
    """Bring lake and snapshot up to the log's end, purge what is due (``purge_now``: whatever was
    erased), and take out what is too old. Nothing to do: nothing is written."""
    with shop.maintenance():
        take_up_pointer(shop)
        if purge_now:
            complete_receipts(shop)
        purged: dict[str, int] = {}
        name = mend(shop, at) if needs_building(shop) else ""
        before = shop.lake.manifest().log_offset
        if tail_matters(shop):
            compact(shop, at)
            name = publish_extended(shop, at)
        if purge_due(shop, at) or (purge_now and shop.lake.manifest().erasures):
            name, purged = purge(shop, at)
        if expire_old(shop, at):  # the snapshot stands where the lake does: see needs_building
            name = publish_built(shop, at)
        return Round(shop.lake.manifest().log_offset - before, name, purged)


def mend(shop: Shop, at: int) -> str:
    """After a crash: the snapshot of the lake as it is, and nothing else of the lake. It may have
    been a purge that was cut short. The caller holds the lock."""
    name = publish_built(shop, at)
    shop.lake.sweep()
    close_receipts(shop, at, {})
    return name


def purge_due(shop: Shop, at: int) -> bool:
    """Whether an erasure is as old as ``purge_hours``, be it in the lake or still in the log."""
    asked = [erasure.at for erasure in shop.lake.manifest().erasures]
    if shop.now.state.erased_at:
        asked.append(shop.now.state.erased_at)
    return bool(asked) and purged_by(shop, min(asked)) <= at


def purge(shop: Shop, at: int) -> tuple[str, dict[str, int]]:
    """Purge every store, the lake last, then build the snapshot from what is left. The counts held
    more of an erased user than the history from which they were taken back: only the lake knows
    all of it. The caller holds the lock, so that no import is at work, and the snapshot in force
    knows of the erasures. Killed in between, the next round begins again or builds the snapshot
    from the lake."""
    standing = pointer(shop)
    gone = forget_physically(shop, standing.name, standing.offset)
    gone["rows of the lake"] = shop.lake.purge().rows
    shop.telemetry.count("rows_purged_total", gone["rows of the lake"])
    shop.lake.sweep()
    compact(shop, at)
    name = publish_built(shop, at)
    drop_other_snapshots(shop, name)
    close_receipts(shop, at, gone)
    return name, gone


def take_up_pointer(shop: Shop) -> None:
    """Stand on the newest snapshot. While this process waited for the lock, an import may have
    published one: the next must not be made from a state that lacks it."""
    shop.refresh()
    if not stands_on_pointer(shop):
        reload(shop)


def stands_on_pointer(shop: Shop) -> bool:
    """Whether the state grew from the snapshot in force, and not from an earlier one."""
    standing, base = pointer(shop), shop.now.state.base.meta
    return (base.log_offset, base.lake_version) == (standing.offset, standing.lake_version)


def needs_building(shop: Shop) -> bool:
    """Whether an import was killed before its snapshot, or the snapshot in force is damaged."""
    manifest, standing = shop.lake.manifest(), pointer(shop)
    behind = manifest.version != standing.lake_version and manifest.log_offset == standing.offset
    return behind or not stands_on_pointer(shop)


def tail_matters(shop: Shop) -> bool:
    """Whether the log holds anything after the snapshot but pointers."""
    tail = shop.log.read(pointer(shop).offset, shop.now.state.offset)
    return any(not isinstance(decode_known(payload), Pointed) for _, payload in tail)


def compact(shop: Shop, at: int) -> None:
    """Write the log's tail into the lake in bounded steps. The caller holds the lock.

    Ends at the offset that the state has, exactly: the snapshot that follows is taken there.
    """
    shop.refresh()
    stop = shop.now.state.offset
    shop.log.sync(stop)  # nothing may name an offset that a power loss could take back
    start = shop.lake.manifest().log_offset
    while start < stop:
        start = compact_chunk(shop, start, stop, at)


def compact_chunk(shop: Shop, start: int, stop: int, at: int) -> int:
    """Up to CHUNK_BYTES, or up to a record of a user whom the chunk erases: an erasure hides all
    that is stored with it. Returns the offset reached."""
    chunk: list[Stored] = []
    erased: dict[str, int] = {}  # and when it was asked for
    reached = start
    for end, payload in shop.log.read(start, stop):
        record = decode_known(payload)
        if isinstance(record, UserErased):
            erased.setdefault(record.user_id, record.at)
        elif erased and not erased.keys().isdisjoint(users_of(record)):
            break
        if record is None:
            bury(shop, end, payload, UNKNOWN_RECORD, at)
            record = Pointed(0)  # nothing to store, but its end counts
        chunk.append(without_unfit(shop, Stored(end, payload, record), at))
        reached = end
        if end - start >= CHUNK_BYTES:
            break
    for user_id in erased:
        shop.dead.erase(user_id)
    store(shop, chunk, at, erased)
    return reached


def publish_extended(shop: Shop, at: int) -> str:
    """Snapshot = the keeper's own state, written out. The state stands at the lake's offset."""
    folder = shop.artifacts.staging(SNAPSHOTS)
    extend_snapshot(shop.now.state, folder, shop.lake.manifest().version)
    return publish(shop, folder, at)


def publish_built(shop: Shop, at: int, renumber: bool = False) -> str:
    """Snapshot built from the lake; ``renumber`` as ``build_snapshot``. The caller holds the
    lock."""
    take_up_pointer(shop)
    folder = shop.artifacts.staging(SNAPSHOTS)
    base = shop.now.state.base
    previous = None if base is EMPTY_SNAPSHOT else base
    stop = shop.lake.manifest().log_offset
    payloads = (payload for _, payload in shop.log.read(base.log_offset, stop))
    tail = (record for record in map(decode_known, payloads) if record is not None)
    build_snapshot(shop.lake, previous, folder, shop.limits, tail=tail, at=at, renumber=renumber)
    return publish(shop, folder, at)


def publish(shop: Shop, folder: Path, at: int) -> str:
    """Make a staged snapshot the one in force, and tell everybody."""
    manifest = shop.lake.manifest()
    name = f"{manifest.log_offset:020d}-{manifest.version:08d}"
    if not published(shop, name):
        shop.artifacts.publish(SNAPSHOTS, name, folder)
    standing = Standing(name, manifest.log_offset, manifest.version, at)
    shop.documents.put(POINTERS, SNAPSHOT, msgspec.to_builtins(standing))
    write(shop, Pointed(at=at, name=SNAPSHOT, value=name))
    drop_old(shop, at)
    reload(shop)
    return name


def published(shop: Shop, name: str) -> bool:
    """Whether a sound snapshot of that name stands already; a damaged one is removed."""
    try:
        shop.artifacts.open(SNAPSHOTS, name)
    except NotFound:
        return False
    except Damaged:
        shop.artifacts.delete(SNAPSHOTS, name)
        return False
    return True


def drop_old(shop: Shop, at: int) -> None:
    """Delete snapshots and log segments that nothing needs any more. ``at``: now, in µs."""
    names, count = shop.artifacts.names(SNAPSHOTS), shop.settings.keep_snapshots
    for name in names[:-count]:
        shop.artifacts.delete(SNAPSHOTS, name)
    kept = names[-count:]
    if len(kept) == count:
        hours = shop.settings.log_retention_hours
        since = at - int(hours * 3_600_000_000) if hours else None
        shop.log.trim(int(kept[0].split("-")[0]), since)


def pointer(shop: Shop) -> Standing:
    document = shop.documents.get(POINTERS, SNAPSHOT)
    return Standing() if document is None else msgspec.convert(document.body, Standing)

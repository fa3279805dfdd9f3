"""What a purge does beside the lake: no byte of an erased user stays in any store of the shop.

Everything here can be done again after a crash: the lake's erasures, which say who is to go, are
dropped last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from endcap.app.erasure import erase_places
from endcap.app.forgotten import OPEN_RECEIPTS, RECEIPTS
from endcap.app.receipts import PENDING, Receipt, erased_keys
from endcap.app.reloading import SNAPSHOTS
from endcap.app.shop import Shop
from endcap.app.written_files import erase_from_written
from endcap.data.etl.erasing import erase_from_tables
from endcap.domain.records import Linked, UserErased, decode_known, encode_without, users_of
from endcap.ports import Document

FEW = 64  # names that are looked for byte by byte before a record is decoded


def forget_physically(shop: Shop, snapshot: str, offset: int) -> dict[str, int]:
    """Remove the users whom the lake names as erased from all but the lake; what went, by place.

    ``snapshot``: the one in force, without them, at the log's ``offset``; older ones go. The
    caller holds the maintenance lock.
    """
    manifest = shop.lake.manifest()
    erasures = {erasure.user_id: erasure.at for erasure in manifest.erasures}
    former = {erasure.user_id for erasure in manifest.former}
    users = shop.now.state.users
    gone = {"snapshots": drop_other_snapshots(shop, snapshot)}
    gone["log records"] = purge_log(shop, erasures.keys(), offset)
    gone["rows of tables"] = erase_from_tables(shop.tables, erasures)
    gone["written files"] = erase_from_written(shop, erasures)
    away = [name for name in erasures if users.row(name) < 0]  # who came back keeps what came since
    gone.update(erase_places(shop, [*away, *former]))
    shop.documents.scrub()
    return gone


def drop_other_snapshots(shop: Shop, name: str) -> int:
    """Delete every snapshot but one; how many went."""
    others = [other for other in shop.artifacts.names(SNAPSHOTS) if other != name]
    for other in others:
        shop.artifacts.delete(SNAPSHOTS, other)
    return len(others)


def purge_log(shop: Shop, gone: Collection[str], before: int) -> int:
    """Take out of the log what it holds of these users up to the erasure; how many records were
    written anew. Offsets stay."""
    start = shop.log.trim(0)
    if not gone or start >= before:
        return 0
    erased_at: dict[str, int] = {}  # the offset behind the last erasure
    linked: list[tuple[int, Linked]] = []
    for end, payload in shop.log.read(start, before):
        record = decode_known(payload)
        if isinstance(record, UserErased) and record.user_id in gone:
            erased_at[record.user_id] = end
        elif isinstance(record, Linked) and record.user_id in gone:
            linked.append((end, record))
    for end, link in linked:  # what they did before anybody knew them
        if end <= erased_at.get(link.user_id, -1):
            erased_at[link.session] = max(end, erased_at.get(link.session, -1))
    return shop.log.rewrite(before, without(erased_at))


def without(erased_at: dict[str, int]) -> Callable[[int, bytes], bytes]:
    """Records without the users whose erasure comes later, or is the record itself. One that
    cannot be understood and holds such an id becomes zeros."""
    names = {user_id: user_id.encode() for user_id in erased_at}

    def change(end: int, payload: bytes) -> bytes:
        if len(names) <= FEW and not any(name in payload for name in names.values()):
            return payload
        record = decode_known(payload)
        if record is None:
            return bytes(len(payload)) if any(n in payload for n in names.values()) else payload
        named = {user_id for user_id in users_of(record) if erased_at.get(user_id, -1) >= end}
        return encode_without(record, named) if named else payload

    return change


def close_receipts(shop: Shop, at: int, purged: dict[str, int]) -> int:
    """Note in every receipt whose erasure is purged by now when that was; how many there were."""
    standing, after = list[Document](), ""
    while page := shop.documents.query(OPEN_RECEIPTS, "", after):
        after = page[-1].key
        standing += page
    # Only now: an erasure is in the log before its receipt stands, also one that was just asked for
    waiting, closed = erased_keys(shop), 0
    for document in standing:
        if document.key.split("-")[0] in waiting:
            continue
        made = msgspec.convert(document.body, Receipt)
        done = msgspec.structs.replace(
            made, until_purge={}, pending=(), purged_at=at, purged=purged
        )
        shop.documents.put(RECEIPTS, document.key, msgspec.to_builtins(done))
        for kind in (OPEN_RECEIPTS, PENDING):
            shop.documents.delete(kind, document.key)
        closed += 1
    return closed

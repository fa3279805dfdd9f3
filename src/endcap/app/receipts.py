"""Receipts of erasures: what was forgotten at once, and what is looked through a moment later.

Answers written to files, rejected rows and the lake must be read from end to end to know what they
hold of a user, which takes seconds where they are large. A receipt is given without waiting for
that: it names those places as ``pending``, and the keeper's next round completes it, for all
receipts in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import NamedTuple

import msgspec
from msgspec import Struct

from endcap.app.forgotten import OPEN_RECEIPTS, Receipts
from endcap.app.reloading import SNAPSHOTS
from endcap.app.shop import Shop
from endcap.app.stream_parts import erase_answers
from endcap.app.written_files import written_files
from endcap.data.rejects import erase_rejects
from endcap.domain.errors import Conflict
from endcap.domain.records import UserErased, decode_known, users_of

PENDING = "erasurePending"  # by name only: receipts with something pending
MOST_AT_ONCE = 10_000  # receipts that are completed in one pass

_one_at_a_time = Lock()  # SQL over the lake takes memory


class LatePlace(NamedTuple):
    """``erase`` removes what a place holds of these users and tells how many entries each had."""

    name: str
    erase: Callable[[Shop, Collection[str]], Mapping[str, int]]


LATE_PLACES: tuple[LatePlace, ...] = (
    LatePlace("answers to a stream", lambda shop, users: erase_answers(shop.stream_files, users)),
    LatePlace("rejected rows", lambda shop, users: erase_rejects(shop.lake.root, users)),
)
# Counted late: they still lie there until the purge.
LATE_COUNTS = ("events in the lake", "users in the lake", "files of tables")
# Counted at once, unless the lake cannot be reached from where the erasure is asked for.
ON_DISK = ("log records not in the lake", "snapshots", "written files")
LATE = (*(place.name for place in LATE_PLACES), *LATE_COUNTS)


class Receipt(Struct, frozen=True):
    """Proof of an erasure; it does not name the user. Times in µs.

    ``forgotten``: by place, what was removed at once or is used by no answer any more.
    ``until_purge``: by place, what still lies on disk until ``purge_at``. ``pending``: places that
    are looked through, and counted, within the next round of the keeper. ``purged_at``: when it
    was physically gone (0: not yet), and ``purged`` what that purge removed of all users.
    """

    receipt: str
    at: int
    purge_at: int
    forgotten: dict[str, int] = {}
    until_purge: dict[str, int] = {}
    purged_at: int = 0
    purged: dict[str, int] = {}
    pending: tuple[str, ...] = ()


def receipts_in(shop: Shop) -> Receipts:
    return Receipts(shop.documents, lambda: shop.lake.pepper)


def receipts_of(shop: Shop, user_id: str) -> list[Receipt]:
    """Who has the id can ask for what became of its erasures, oldest first."""
    return [msgspec.convert(document.body, Receipt) for document in receipts_in(shop).of(user_id)]


def key_of(shop: Shop, user_id: str) -> str:
    """What the names of a user's receipts begin with."""
    return receipts_in(shop).key(user_id)


def erased_keys(shop: Shop) -> dict[str, str]:
    """Users whose erasure stands in the lake or in the log behind it, by what their receipts begin
    with."""
    manifest = shop.lake.manifest()
    names = {erasure.user_id for erasure in manifest.erasures}
    for _, payload in shop.log.read(manifest.log_offset):
        record = decode_known(payload)
        if isinstance(record, UserErased):
            names.add(record.user_id)
    return {key_of(shop, name): name for name in names}


def keep(shop: Shop, receipt: Receipt) -> None:
    """An open receipt, to be completed."""
    shop.documents.put(PENDING, receipt.receipt, {})
    shop.documents.put(OPEN_RECEIPTS, receipt.receipt, msgspec.to_builtins(receipt))


def complete_receipts(shop: Shop) -> int:
    """Look through what open receipts name as pending; how many are complete now. One that is
    purged meanwhile is left to the purge."""
    names = [document.key for document in shop.documents.query(PENDING, limit=MOST_AT_ONCE)]
    if not names:
        return 0
    keys = erased_keys(shop)
    owners = {name: keys.get(name.split("-")[0], "") for name in names}
    users = {user for user in owners.values() if user}
    gone = {place.name: place.erase(shop, users) for place in LATE_PLACES} if users else {}
    left = held_in_lake(shop, users) if users else {}
    done = 0
    for name, user in owners.items():
        forgotten = {place: of.get(user, 0) for place, of in gone.items()}
        until_purge = {place: of.get(user, 0) for place, of in left.items()}
        done += bool(user) and _completed(shop, name, user, forgotten, until_purge)
        shop.documents.delete(PENDING, name)
    return done


def _completed(
    shop: Shop, name: str, user: str, forgotten: dict[str, int], until_purge: dict[str, int]
) -> bool:
    """False: there is no open receipt of that name (any more)."""
    document = shop.documents.get(OPEN_RECEIPTS, name)
    if document is None:
        return False
    made = msgspec.convert(document.body, Receipt)
    if not set(ON_DISK).isdisjoint(made.pending):
        until_purge = {**on_disk(shop, user), **until_purge}
    completed = msgspec.structs.replace(
        made,
        forgotten={**made.forgotten, **forgotten},
        until_purge={**made.until_purge, **until_purge},
        pending=(),
    )
    try:
        body = msgspec.to_builtins(completed)
        shop.documents.put(OPEN_RECEIPTS, name, body, document.version)
    except Conflict:  # the purge was quicker
        return False
    return True


def on_disk(shop: Shop, user_id: str) -> dict[str, int]:
    """By place, what holds the user's data until the purge, as far as it is known at once. Of the
    log only what is not in the lake yet is counted; snapshots and written files are counted
    whether they name the user or not."""
    base, name = shop.lake.manifest(), user_id.encode()
    tail = shop.log.read(base.log_offset) if base.log_offset <= shop.log.end() else ()
    return {
        ON_DISK[0]: sum(
            name in payload and user_id in users_of(decode_known(payload)) for _, payload in tail
        ),
        ON_DISK[1]: len(shop.artifacts.names(SNAPSHOTS)),
        ON_DISK[2]: len(written_files(shop)),
    }


def held_in_lake(shop: Shop, users: Collection[str]) -> dict[str, dict[str, int]]:
    """By place of LATE_COUNTS and user, what the files of the lake hold, erased or not. Tables are
    counted whether they name the user or not."""
    whole = msgspec.structs.replace(shop.lake.manifest(), erasures=())
    names = sorted(users)
    with _one_at_a_time, shop.lake.connect(whole) as connection:
        events, people = (
            dict(
                connection.execute(
                    f"FROM {table} SELECT user_id, count(*) "
                    "WHERE user_id IN (SELECT unnest($users)) GROUP BY ALL",
                    {"users": names},
                ).fetchall()
            )
            for table in ("events", "users")
        )
    files = len(shop.tables.others(set()))
    counts = (events, people, dict.fromkeys(names, files))
    return {
        place: {name: int(of.get(name, 0)) for name in names}
        for place, of in zip(LATE_COUNTS, counts, strict=True)
    }

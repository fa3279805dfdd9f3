"""Forgetting a user: at once for every answer, then physically at the next purge.

The log's record makes every process forget. What lies elsewhere stands in ``PLACES``: a new
place is one more line there, or in ``Shop.erasers`` where only the bootstrap knows of it.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import msgspec
from msgspec import Struct

from endcap.app.batch import STORED
from endcap.app.intake import write
from endcap.app.reloading import SNAPSHOTS
from endcap.app.shop import Shop
from endcap.app.stream_parts import erase_answers
from endcap.app.written_files import written_files
from endcap.data.forgetting import hash_of
from endcap.data.rejects import erase_rejects
from endcap.domain.errors import EndcapError
from endcap.domain.records import UserErased, decode_known, users_of
from endcap.engagement.interests import forget

# Receipts by the hash of the id and the time: those that wait for the purge, and the others.
OPEN_RECEIPTS, RECEIPTS = "erasureOpen", "erasure"


_one_at_a_time = Lock()  # SQL over the lake takes memory, and many may ask to be erased at once


class Place(NamedTuple):
    """``erase`` removes what a place holds of one user and tells how many entries that were."""

    name: str
    erase: Callable[[Shop, str], int]


PLACES: tuple[Place, ...] = (
    Place("stored recommendations", lambda shop, user: int(shop.documents.delete(STORED, user))),
    Place("interests and preferences", lambda shop, user: forget(shop.documents, user)),
    Place("dead letters", lambda shop, user: shop.dead.erase(user)),
    Place("answers to a stream", lambda shop, user: erase_answers(shop.stream_files, user)),
    Place("rejected rows", lambda shop, user: erase_rejects(shop.lake.root, user)),
)


# Their deleted bytes lie in the store's free pages and write-ahead log until it is scrubbed.
IN_DOCUMENTS = ("stored recommendations", "interests and preferences")


class Receipt(Struct, frozen=True):
    """Proof of an erasure; it does not name the user. Times in µs.

    ``forgotten``: by place, what was removed at once or is used by no answer any more.
    ``until_purge``: by place, what still lies on disk until ``purge_at``. ``purged_at``: when it
    was physically gone (0: not yet), and ``purged`` what that purge removed of all users.
    """

    receipt: str
    at: int
    purge_at: int
    forgotten: dict[str, int] = {}
    until_purge: dict[str, int] = {}
    purged_at: int = 0
    purged: dict[str, int] = {}


def erasure(user_id: str, at: int, key: bytes = b"", body: bytes = b"") -> UserErased:
    """The record that makes every process forget this user's events up to now."""
    return UserErased(at=at, key=key, body=body, user_id=user_id)


def erase_user(shop: Shop, user_id: str, at: int) -> Receipt:
    """Forget the user, durably, and say where what was."""
    shop.refresh()
    events = events_known(shop, user_id)
    write(shop, erasure(user_id, at))
    return forget_stored(shop, user_id, at, events)


def events_known(shop: Shop, user_id: str) -> int:
    """How many events of the live history an answer could use now."""
    return len(shop.now.state.history(user_id).items)


def forget_stored(shop: Shop, user_id: str, at: int, events: int = 0) -> Receipt:
    """Drop what is kept of the user outside log and lake; the receipt. Waits for the disk.

    ``at`` (µs): when the erasure was asked for; ``events``: of the history, before it.
    """
    gone, later = erase_elsewhere(shop, user_id)
    forgotten = {"events of the history": events} | erase_here(shop, user_id) | gone
    deleted = sum(forgotten[name] for name in IN_DOCUMENTS)
    made = Receipt(
        receipt=f"{hash_of(shop.lake.pepper, user_id)[:32]}-{at:017d}",
        at=at,
        purge_at=purged_by(shop, at),
        forgotten=forgotten,
        until_purge={**on_disk(shop, user_id), "deleted documents": deleted, **later},
    )
    shop.documents.put(OPEN_RECEIPTS, made.receipt, msgspec.to_builtins(made))
    return made


def erase_places(shop: Shop, user_id: str) -> dict[str, int]:
    """What went, by place. Raises what a place raises that cannot be reached."""
    elsewhere = {name: erase(user_id) for name, erase in shop.erasers.items()}
    return erase_here(shop, user_id) | elsewhere


def erase_here(shop: Shop, user_id: str) -> dict[str, int]:
    return {place.name: place.erase(shop, user_id) for place in PLACES}


def erase_elsewhere(shop: Shop, user_id: str) -> tuple[dict[str, int], dict[str, int]]:
    """What went, by place, and the places that cannot be reached: the purge asks them again, and
    is not done before they answer."""
    gone, later = {}, {}
    for name, erase in shop.erasers.items():
        try:
            gone[name] = erase(user_id)
        except EndcapError as error:
            shop.telemetry.count("erasures_deferred_total", place=name, code=error.code)
            later[name] = 1
    return gone, later


def on_disk(shop: Shop, user_id: str) -> dict[str, int]:
    """By place, what holds the user's data until the purge. Of the log only what is not in the
    lake yet is counted; snapshots, tables and written files are counted whether they name the
    user or not."""
    base = shop.lake.manifest()
    sql = "SELECT (SELECT count(*) FROM events WHERE user_id = $u), count(*) FROM users WHERE "
    whole = msgspec.structs.replace(base, erasures=())
    with _one_at_a_time, shop.lake.connect(whole) as connection:
        found = connection.execute(sql + "user_id = $u", {"u": user_id}).fetchone()
    tail = shop.log.read(base.log_offset) if base.log_offset <= shop.log.end() else ()
    return {
        "log records not in the lake": sum(
            user_id in users_of(decode_known(payload)) for _, payload in tail
        ),
        "events in the lake": int(found[0]) if found else 0,
        "users in the lake": int(found[1]) if found else 0,
        "snapshots": len(shop.artifacts.names(SNAPSHOTS)),
        "files of tables": len(shop.tables.others(set())),
        "written files": len(written_files(shop)),
    }


def purged_by(shop: Shop, asked: int) -> int:
    """When the keeper purges after an erasure that was asked for then, in µs."""
    return asked + int(shop.settings.purge_hours * 3_600_000_000)


def receipts_of(shop: Shop, user_id: str) -> list[Receipt]:
    """Who has the id can ask for what became of its erasures, oldest first."""
    prefix = hash_of(shop.lake.pepper, user_id)[:32]
    documents = [
        d for kind in (RECEIPTS, OPEN_RECEIPTS) for d in shop.documents.query(kind, prefix)
    ]
    return [msgspec.convert(document.body, Receipt) for document in documents]

"""Forgetting a user: at once for every answer, then physically at the next purge.

The log's record makes every process forget. What lies elsewhere stands in ``PLACES``: a new
place is one more line there, in ``receipts.LATE_PLACES`` where it takes long to look through, or in
``Shop.erasers`` where only the bootstrap knows of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from endcap.app.batch import STORED
from endcap.app.intake import write
from endcap.app.receipts import (
    LATE,
    LATE_PLACES,
    ON_DISK,
    Receipt,
    complete_receipts,
    keep,
    key_of,
    on_disk,
    receipts_of,
)
from endcap.app.shop import Shop
from endcap.domain.errors import EndcapError, Unavailable
from endcap.domain.records import UserErased
from endcap.engagement.interests import forget


class Place(NamedTuple):
    """``erase`` removes what a place holds of one user and tells how many entries that were."""

    name: str
    erase: Callable[[Shop, str], int]


PLACES: tuple[Place, ...] = (
    Place("stored recommendations", lambda shop, user: int(shop.documents.delete(STORED, user))),
    Place("interests and preferences", lambda shop, user: forget(shop.documents, user)),
    Place("dead letters", lambda shop, user: shop.dead.erase(user)),
)


# Their deleted bytes lie in the store's free pages and write-ahead log until it is scrubbed.
IN_DOCUMENTS = ("stored recommendations", "interests and preferences")


def erasure(user_id: str, at: int, key: bytes = b"", body: bytes = b"") -> UserErased:
    """The record that makes every process forget this user's events up to now."""
    return UserErased(at=at, key=key, body=body, user_id=user_id)


def erase_user(shop: Shop, user_id: str, at: int) -> Receipt:
    """Forget the user, durably, and say where what was."""
    (receipt,) = erase_users(shop, [user_id], at)
    return receipt


def erase_users(shop: Shop, users: Sequence[str], at: int) -> list[Receipt]:
    """As ``erase_user``, of several: what takes long is looked through once."""
    made = []
    for user_id in users:
        shop.refresh()
        events = events_known(shop, user_id)
        write(shop, erasure(user_id, at))
        made.append((user_id, forget_stored(shop, user_id, at, events)))
    complete_receipts(shop)
    return [_newest(shop, user_id, receipt) for user_id, receipt in made]


def _newest(shop: Shop, user_id: str, receipt: Receipt) -> Receipt:
    found = {known.receipt: known for known in receipts_of(shop, user_id)}
    return found.get(receipt.receipt, receipt)


def events_known(shop: Shop, user_id: str) -> int:
    """How many events of the live history an answer could use now."""
    return len(shop.now.state.history(user_id).items)


def forget_stored(shop: Shop, user_id: str, at: int, events: int = 0) -> Receipt:
    """Drop what is kept of the user outside log and lake; the receipt, of which some is pending.
    Waits for the disk, and reads neither the lake nor what lies beside it.

    ``at`` (µs): when the erasure was asked for; ``events``: of the history, before it.
    """
    gone, later = erase_elsewhere(shop, user_id)
    forgotten = {"events of the history": events} | erase_here(shop, user_id) | gone
    deleted = sum(forgotten[name] for name in IN_DOCUMENTS)
    try:
        standing, pending = on_disk(shop, user_id), LATE
    except Unavailable:  # the lake, or what lies beside it, is elsewhere or cannot be reached
        standing, pending = {}, (*LATE, *ON_DISK)
    made = Receipt(
        receipt=f"{key_of(shop, user_id)}-{at:017d}",
        at=at,
        purge_at=purged_by(shop, at),
        forgotten=forgotten,
        until_purge={**standing, "deleted documents": deleted, **later},
        pending=pending,
    )
    keep(shop, made)
    return made


def erase_places(shop: Shop, users: Collection[str]) -> dict[str, int]:
    """What went, by place. Raises what a place raises that cannot be reached."""
    gone: Counter[str] = Counter()
    for user_id in users:
        gone.update({name: erase(user_id) for name, erase in shop.erasers.items()})
        gone.update(erase_here(shop, user_id))
    for place in LATE_PLACES if users else ():
        gone[place.name] += sum(place.erase(shop, users).values())
    return dict(gone)


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


def purged_by(shop: Shop, asked: int) -> int:
    """When the keeper purges after an erasure that was asked for then, in µs."""
    return asked + int(shop.settings.purge_hours * 3_600_000_000)

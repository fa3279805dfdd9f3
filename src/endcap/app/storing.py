"""Writing records of the log into the lake, around those that it cannot take.

Every record of the log ends in the lake or among the dead letters. What the disk or another
process causes is no fault of a record: it is raised, and the round is tried again later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from endcap.app.shop import Shop
from endcap.data.lake import UNFIT
from endcap.domain.records import (
    AnyRecord,
    EventsPosted,
    ItemsPut,
    Linked,
    UsersPut,
    encode,
    users_of,
)
from endcap.domain.values import LEAST_TS, MOST_TS, Event
from endcap.ports import DeadLetter

BAD_TIME = "the time of an event lies outside the years 1 to 9999"
UNKNOWN_RECORD = "not a record of this version of Endcap"


@dataclass(frozen=True)
class Stored:
    """One record as it is to be stored. ``end``: the offset behind it."""

    end: int
    payload: bytes
    record: AnyRecord


def store(shop: Shop, chunk: Sequence[Stored], at: int, erased: Mapping[str, int]) -> None:
    """Append the chunk to the lake; where that fails for what a record holds, halve it until the
    record is found, and set it aside.

    ``erased``: when those asked (µs) whose erasure comes after all that the chunk holds of them. It
    goes with each half, so that no offset is published without the erasures before it.
    """
    records = [stored.record for stored in chunk]
    events, linked = by_owner(records)
    items = [item for r in records if isinstance(r, ItemsPut) for item in r.items]
    users = [user for r in records if isinstance(r, UsersPut) for user in r.users]
    try:
        shop.lake.append(events, items, users, erased, chunk[-1].end, linked)
    except UNFIT as error:
        if len(chunk) > 1:
            middle = len(chunk) // 2
            store(shop, chunk[:middle], at, erased)
            store(shop, chunk[middle:], at, erased)
            return
        (one,) = chunk
        bury(shop, one.end, one.payload, f"{type(error).__name__}: {error}", at, one.record)
        for user_id in set(users_of(one.record)).intersection(erased):
            shop.dead.erase(user_id)
        shop.lake.append((), (), (), erased, one.end)


def by_owner(records: Sequence[AnyRecord]) -> tuple[list[Event], dict[str, str]]:
    """The events of the records, each with the user whose it is behind the last of them; and by
    session, whose all is that came before the first."""
    events: list[Event] = []
    linked: dict[str, str] = {}
    begun = 0  # where a session's events can begin that no link has taken yet
    sessions = {record.session for record in records if isinstance(record, Linked)}
    anonymous: dict[str, list[int]] = {session: [] for session in sessions}
    for record in records:
        if isinstance(record, EventsPosted):
            events += record.events
            for place in range(begun, len(events)) if sessions else ():
                if events[place].user_id in anonymous:
                    anonymous[events[place].user_id].append(place)
            begun = len(events)
        elif isinstance(record, Linked) and record.session and record.user_id:
            for place in anonymous[record.session]:
                events[place] = replace(events[place], user_id=record.user_id)
            anonymous[record.session] = []
            linked.setdefault(record.session, record.user_id)
    return events, linked


def without_unfit(shop: Shop, stored: Stored, at: int) -> Stored:
    """The record without the events that the state ignores as well."""
    record = stored.record
    if not isinstance(record, EventsPosted):
        return stored
    bad = tuple(event for event in record.events if not LEAST_TS <= event.ts <= MOST_TS)
    if not bad:
        return stored
    aside = replace(record, events=bad)
    bury(shop, stored.end, encode(aside), BAD_TIME, at, aside)
    fit = tuple(event for event in record.events if LEAST_TS <= event.ts <= MOST_TS)
    return Stored(stored.end, stored.payload, replace(record, events=fit))


def bury(
    shop: Shop, end: int, payload: bytes, reason: str, at: int, record: AnyRecord | None = None
) -> None:
    """Set a record aside as a dead letter, durably."""
    shop.dead.add(DeadLetter(at, end, reason, payload, users_of(record)))
    shop.telemetry.count("dead_letters_total")

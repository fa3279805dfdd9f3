"""What shoppers did, from a batch of a stream's records into the table of events.

Each record is one row, known by its shopper, its time and its id: a record that is delivered again,
or late, or was written already by whoever took the event in, changes nothing. A record that can
never be kept is set aside, as it came, and holds nobody up; one that cannot be kept now is named,
to be delivered again with all behind it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from endcap.app.signals import read_signal
from endcap.domain.errors import EndcapError, InvalidInput
from endcap.domain.streams import StreamRecord
from endcap.domain.values import Event
from endcap.ports import EventHistory

# What becomes of a record.
KEPT, NOTHING, ERASED, ASIDE, AGAIN = (
    "recordsKept", "recordsWithoutEvent", "recordsErased", "recordsSetAside", "recordsAgain",
)  # fmt: skip
RESULTS = (KEPT, NOTHING, ERASED, ASIDE, AGAIN)
CLOCKS_DIFFER_US = 60_000_000  # a time of the client's beyond this was not its arrival's
LOOK_UPS = 8  # at once: they wait for the network

SetAside = Callable[[StreamRecord, str], None]  # (record, the code of why); durable on return


class Forgotten(Protocol):
    """Who was erased. Raises what the store of the receipts raises."""

    def any(self) -> bool:
        """Whether anybody ever was."""

    def at(self, user_id: str) -> int:
        """When the user was erased last, in µs; 0: never."""


@dataclass
class Batch:
    """What became of one batch. ``again``: by position, why a record must come once more."""

    results: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    again: dict[str, EndcapError] = field(default_factory=dict)

    def later(self, record: StreamRecord, error: EndcapError) -> None:
        self._note(AGAIN, error.code)
        self.again[record.position] = error

    def gone(self, record: StreamRecord, reason: str, aside: SetAside) -> None:
        """It can never be kept. What cannot be set aside now comes again."""
        try:
            aside(record, reason)
        except EndcapError as error:
            self.later(record, error)
        else:
            self._note(ASIDE, reason)

    def _note(self, result: str, reason: str) -> None:
        self.results[result] += 1
        self.reasons[reason] += 1


def keep_events(
    records: Sequence[StreamRecord], history: EventHistory, forgotten: Forgotten, aside: SetAside
) -> Batch:
    """Never raises for what a record holds, or for a store that fails."""
    batch = Batch()
    found: list[tuple[StreamRecord, Event]] = []
    for record in records:
        try:
            event = event_of(record)
        except Exception as error:  # whatever it is, the records behind this one go on
            batch.gone(record, getattr(error, "code", type(error).__name__), aside)
            continue
        if event is None:
            batch.results[NOTHING] += 1
        else:
            found.append((record, event))
    wanted = without_erased(batch, found, forgotten)
    failed = history.put_many([event for _, event in wanted])
    for position, (record, _) in enumerate(wanted):
        why = failed.get(position)
        if why is None:
            batch.results[KEPT] += 1
        elif isinstance(why, InvalidInput) and why.code != "aws_not_configured":
            batch.gone(record, why.code, aside)
        else:
            batch.later(record, why)
    return batch


def event_of(record: StreamRecord) -> Event | None:
    """What the shopper did; None for a record without a byte, or that only names the shopper.
    Raises InvalidInput as ``read_signal``."""
    if not record.data.strip():
        return None
    event = read_signal(record.data, record.arrived_at).event
    if event is not None and event.ts > record.arrived_at + CLOCKS_DIFFER_US:
        return replace(event, ts=record.arrived_at)  # a clock that runs ahead
    return event


def without_erased(
    batch: Batch, found: Sequence[tuple[StreamRecord, Event]], forgotten: Forgotten
) -> list[tuple[StreamRecord, Event]]:
    """Those whose shopper was not erased since they arrived: a stream cannot be changed."""
    known = erasures({event.user_id for _, event in found}, forgotten)
    kept = []
    for record, event in found:
        at = known[event.user_id]
        if isinstance(at, EndcapError):
            batch.later(record, at)
        elif record.arrived_at <= at:
            batch.results[ERASED] += 1
        else:
            kept.append((record, event))
    return kept


def erasures(users: Collection[str], forgotten: Forgotten) -> dict[str, int | EndcapError]:
    """By user, when it was erased last, or why that cannot be known now."""

    def ask(user_id: str) -> int | EndcapError:
        try:
            return forgotten.at(user_id)
        except EndcapError as error:
            return error

    try:
        if not users or not forgotten.any():
            return dict.fromkeys(users, 0)
    except EndcapError as error:
        return dict.fromkeys(users, error)
    with ThreadPoolExecutor(LOOK_UPS) as pool:
        return dict(zip(users, pool.map(ask, users), strict=True))

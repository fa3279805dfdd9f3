"""The local stream runner: records of a stream in, recommendations in the lake out, each once.

For each batch, in this order: what the shoppers did goes into the shop's log (a repeat changes
nothing there), the answers are made, their file is written, the newest answer of each shopper is
stored for ``GET /v1/users/{userId}/recommendations``, and only then the position moves. Killed
anywhere in between, the batch is done again, and its file replaces the one from before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from endcap.app import batch as stored_answers
from endcap.app.answers import note
from endcap.app.intake import commit
from endcap.app.receipts import receipts_in
from endcap.app.reloading import reload
from endcap.app.shop import Shop
from endcap.app.signals import Signal
from endcap.app.stream_answers import OK, Incoming, Outgoing, Terms, infer, understood
from endcap.app.stream_parts import StreamParts, Unanswered, of_one_day
from endcap.domain.records import EventsPosted
from endcap.domain.streams import Shard, StreamRecord
from endcap.domain.values import Answer
from endcap.ports import Stream, VectorIndex

ENDED = "ended"  # in place of a position: everything of the shard was read
LISTED_EVERY_US = 60_000_000
MOST_UNREAD = 10_000


@dataclass
class Consumer:
    """One named consumer of a stream. ``clock`` gives µs; ``most``: records of one batch."""

    shop: Shop
    stream: Stream
    parts: StreamParts
    name: str
    clock: Callable[[], int]
    most: int = 1000
    k: int = 20
    store: bool = True
    vectors: VectorIndex | None = None
    positions: dict[str, str] = field(init=False)
    listed: list[Shard] = field(default_factory=list)
    listed_at: int = 0
    results: dict[str, int] = field(default_factory=dict)  # how many records came to what

    def __post_init__(self) -> None:
        self.positions = self.stream.positions(self.name)

    def round(self) -> int:
        """A batch from each shard that has one; how many records."""
        at = self.clock()
        if not self.listed or at - self.listed_at >= LISTED_EVERY_US:
            self.listed, self.listed_at = self.stream.shards(), at
        return sum(self._from(shard) for shard in ready(self.listed, self.positions))

    def _from(self, shard: Shard) -> int:
        found = self.stream.read(shard.name, self.positions.get(shard.name, ""), self.most)
        records = of_one_day(found.records)
        if records:
            self._answer(shard.name, records)
        ended = found.ended and len(records) == len(found.records)
        if records or ended:
            position = ENDED if ended else records[-1].position
            self.stream.checkpoint(self.name, {shard.name: position})
            self.positions[shard.name] = position
        if ended:
            self.listed = []
        if records:
            late = (self.clock() - records[0].arrived_at) / 1e6
            self.shop.telemetry.observe("stream_latency_seconds", max(late, 0.0))
        return len(records)

    def _answer(self, shard: str, records: Sequence[StreamRecord]) -> None:
        """Everything that is to last of these records, but the position behind them."""
        shop, at = self.shop, self.clock()
        arrived = [Incoming(f"{shard}:{r.position}", r.data, r.arrived_at) for r in records]
        arrived = without_erased(shop, arrived)
        remember(shop, arrived, at)
        if shop.moved:
            reload(shop)
        terms = Terms(at, self.k, vectors=self.vectors, failed=lambda *what: note(shop, *what))
        done = infer(shop.now, arrived, terms)
        lines = [outgoing.data for outgoing in done if outgoing.result == OK]
        self.parts.write(shard, records[0], lines, unanswered(arrived, done))
        if self.store:
            stored_answers.store(shop, newest(done).items(), at)
        for outgoing in done:
            self.results[outgoing.result] = self.results.get(outgoing.result, 0) + 1
            shop.telemetry.count("stream_records_total", result=outgoing.result)


def without_erased(shop: Shop, records: list[Incoming]) -> list[Incoming]:
    """Records that were waiting when their shopper was erased, emptied: some streams cannot be
    changed."""
    receipts = receipts_in(shop)
    if not receipts.any():
        return records
    known: dict[str, int] = {}
    kept = []
    for record in records:
        signal = understood(record)
        user_id = signal.user_id if isinstance(signal, Signal) else ""
        if user_id and user_id not in known:
            known[user_id] = receipts.at(user_id)
        gone = record.arrived_at <= known.get(user_id, 0)
        kept.append(record._replace(data=b"") if gone else record)
    return kept


def remember(shop: Shop, records: Sequence[Incoming], at: int) -> None:
    """Put what the shoppers did into the shop's log, durably; what it holds already changes
    nothing. What the log refuses (a type of event too many) is answered without.

    Raises Unavailable: the log cannot be written.
    """
    signals = (understood(record) for record in records)
    events = tuple(s.event for s in signals if isinstance(s, Signal) and s.event is not None)
    if not events:
        shop.refresh()
        return
    _, end = commit(shop, [EventsPosted(at, events=events)])
    shop.log.sync(end)


def unanswered(records: Sequence[Incoming], done: Sequence[Outgoing]) -> list[Unanswered]:
    return [
        Unanswered(record.record_id, outgoing.reason, record.data)
        for record, outgoing in zip(records, done, strict=True)
        if outgoing.result != OK and record.data
    ]


def newest(done: Sequence[Outgoing]) -> dict[str, Answer]:
    """The last answer to each shopper."""
    return {o.user_id: o.answer for o in done if o.answer is not None}


def ready(shards: Sequence[Shard], positions: Mapping[str, str]) -> list[Shard]:
    """Those to read now: not those that were read to their end, nor those whose parents were
    not: a shopper's records keep their order when shards split."""
    listed = {shard.name for shard in shards}
    return [
        shard
        for shard in shards
        if positions.get(shard.name) != ENDED
        and all(positions.get(p) == ENDED for p in shard.parents if p in listed)
    ]


class Lag(Struct, frozen=True):
    """How far a consumer is behind in one shard. ``unread`` counts up to MOST_UNREAD;
    ``oldest_s``: the age of the oldest unread record, None: there is none."""

    shard: str
    position: str
    unread: int
    oldest_s: float | None


def lags(stream: Stream, consumer: str, at: int) -> list[Lag]:
    """By shard."""
    positions = stream.positions(consumer)
    found = []
    for shard in stream.shards():
        position = positions.get(shard.name, "")
        unread: tuple[StreamRecord, ...] = ()
        if position != ENDED:
            unread = stream.read(shard.name, position, MOST_UNREAD).records
        oldest = max(at - unread[0].arrived_at, 0) / 1e6 if unread else None
        found.append(Lag(shard.name, position, len(unread), oldest))
    return found

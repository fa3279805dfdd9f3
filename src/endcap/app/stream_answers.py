"""From a batch of stream records to records with recommendations: one pure function.

The local stream runner and the Firehose transformation both call ``infer``. It never raises for
what a record holds: each record comes back once, in its place, as Ok, Dropped (there is nothing
in it) or ProcessingFailed (it cannot be used, or there was neither time nor room for its answer).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from endcap.app.signals import Signal, read_signal
from endcap.domain.errors import InvalidInput
from endcap.domain.times import iso
from endcap.domain.values import PERSONAL, RERANK, Answer, Query, ScoredItem
from endcap.engine.answer import compose
from endcap.engine.fallback import Failed, fall_back, told
from endcap.engine.guarding import Deadline, Watch, reason_of
from endcap.engine.history import History, newest_of
from endcap.engine.moment import Live, Moment
from endcap.engine.state import LiveState
from endcap.models.embeddings import Embeddings
from endcap.models.queries import batch as batch_of
from endcap.ports import VectorIndex

OK, DROPPED, FAILED = "Ok", "Dropped", "ProcessingFailed"
SPARE_NEIGHBOURS = 20  # asked for beyond k, for those that may not be recommended
MOST_NEIGHBOURS = 500


class Incoming(NamedTuple):
    record_id: str
    data: bytes
    arrived_at: int  # µs


class Outgoing(NamedTuple):
    """``data``: a line of JSON (Ok only). ``reason``: the code of why not. ``partition``: where
    in the lake it belongs."""

    record_id: str
    result: str
    data: bytes = b""
    partition: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    user_id: str = ""
    answer: Answer | None = None


class Line(Struct, frozen=True, omit_defaults=True):
    """What a front end reads: one answer."""

    userId: str  # noqa: N815 - as on the wire
    items: tuple[ScoredItem, ...]
    strategy: str
    modelVersion: str  # noqa: N815
    at: str
    recordId: str  # noqa: N815
    fallback: str = ""


class Terms(NamedTuple):
    """How a batch is to be answered.

    ``late``: from then on popular items are answered; ``last``: from then on nothing is.
    ``vectors``: where neighbours of a shopper's vector come from; None: from the model itself.
    """

    at: int  # µs
    k: int = 20
    late: Deadline | None = None
    last: Deadline | None = None
    vectors: VectorIndex | None = None
    failed: Failed = lambda _stage, _reason, _error: None


_encode = msgspec.json.Encoder().encode


def infer(now: Live, records: Sequence[Incoming], terms: Terms) -> list[Outgoing]:
    """An answer for each record, in order."""
    signals = [understood(record) for record in records]
    moments = moments_of(now, signals, terms)
    near = neighbours(now, [m for m in moments if m is not None], terms)
    known: dict[tuple[str | None, int, int], Answer] = {}
    done: list[Outgoing] = []
    for record, signal, moment in zip(records, signals, moments, strict=True):
        if moment is None or isinstance(signal, Outgoing):
            assert isinstance(signal, Outgoing)  # noqa: S101
            done.append(signal)
        elif terms.last is not None and terms.last.passed():
            done.append(Outgoing(record.record_id, FAILED, reason="deadline"))
        else:
            done.append(answered(record, moment, answer_of(now, moment, near, terms, known)))
    return done


def understood(record: Incoming) -> Signal | Outgoing:
    """The record's signal, or what becomes of a record without one."""
    if not record.data.strip():
        return Outgoing(record.record_id, DROPPED, reason="empty_record")
    try:
        return read_signal(record.data, record.arrived_at)
    except InvalidInput as error:
        return Outgoing(record.record_id, FAILED, reason=error.code)


def moments_of(
    now: Live, signals: Iterable[Signal | Outgoing], terms: Terms
) -> list[Moment | None]:
    """What is known of each shopper; None where there is no signal. A shopper's later records
    know the earlier ones of the batch."""
    histories: dict[str, History] = {}
    found: list[Moment | None] = []
    for signal in signals:
        if isinstance(signal, Outgoing):
            found.append(None)
            continue
        before = histories.get(signal.user_id)
        history = histories[signal.user_id] = history_of(now.state, signal, terms.at, before)
        query = Query(PERSONAL, at=terms.at, k=signal.k or terms.k, user_id=signal.user_id)
        found.append(Moment(query, now, history, watch=Watch(terms.late)))
    return found


def history_of(state: LiveState, signal: Signal, at: int, before: History | None) -> History:
    """The shopper's history with what the record adds to it. ``before``: as an earlier record of
    the batch left it. Items that the shop does not know are left out."""
    known = state.history(signal.user_id) if before is None else before
    event = signal.event
    added: list[tuple[int, int, int]] = []  # row, code, ts
    if not len(known.items):
        first = (event.ts if event else at) - len(signal.past)
        added += [(state.items.row(i), 0, first + place) for place, i in enumerate(signal.past)]
    if event is not None and not state.has_event(event.event_id):
        code = state.event_codes.get(event.event_type, 0)
        added.append((state.items.row(event.item_id), code, event.ts))
    added = [entry for entry in added if entry[0] >= 0]
    return extended(known, added, state.limits.history_events) if added else known


def extended(known: History, added: list[tuple[int, int, int]], limit: int) -> History:
    """``known`` (n entries) and m more, by time."""
    items, types, ts = (np.array(column) for column in zip(*added, strict=True))
    ts = np.concatenate((known.ts, ts.astype(np.int64)))  # (n + m,)
    order = np.argsort(ts, kind="stable")
    return newest_of(
        np.concatenate((known.items, items.astype(np.int32)))[order],
        np.concatenate((known.types, types.astype(np.uint8)))[order],
        ts[order],
        limit,
    )


class Near(NamedTuple):
    """Ids of neighbours by the moment they were asked for (its ``id``). ``lacking``: why there
    are none."""

    by_moment: dict[int, tuple[str, ...]]
    lacking: str = ""


def neighbours(now: Live, moments: Sequence[Moment], terms: Terms) -> Near:
    """The items nearest to each shopper's vector, asked for once for the whole batch."""
    if terms.vectors is None or now.serving.embeddings is None or not moments:
        return Near({})
    try:
        return nearest(now, now.serving.embeddings, terms.vectors, moments)
    except Exception as error:
        terms.failed("vectors", reason_of(error), error)
        return Near({}, f"vectors:{reason_of(error)}")


def nearest(
    now: Live, embeddings: Embeddings, index: VectorIndex, moments: Sequence[Moment]
) -> Near:
    """Raises what the index raises, and Late."""
    vectors = embeddings.user_vectors(batch_of([moment.known for moment in moments]))  # (m, d)
    placed = np.flatnonzero(vectors.any(axis=1))
    if not len(placed):
        return Near({})
    most = max(moments[m].query.k + len(moments[m].left_out) for m in placed.tolist())
    found = index.nearest(vectors[placed], min(most + SPARE_NEIGHBOURS, MOST_NEIGHBOURS))
    if found.version != now.serving.version:  # another space: its neighbours mean nothing here
        return Near({}, "vectors:version")
    ids = (near.ids for near in found.lists)
    return Near({id(moments[m]): near for m, near in zip(placed.tolist(), ids, strict=True)})


def answer_of(
    now: Live,
    moment: Moment,
    near: Near,
    terms: Terms,
    known: dict[tuple[str | None, int, int], Answer],
) -> Answer:
    """Of ``known``, where the batch asked the same of the same history before."""
    asked = (moment.query.user_id, moment.query.k, id(moment.history))
    found = known.get(asked)
    if found is None:
        found = recommended(now, moment, near.by_moment.get(id(moment), ()), terms.failed)
        if near.lacking:
            told = ", ".join(filter(None, (near.lacking, found.fallback)))
            found = replace(found, fallback=told)
        known[asked] = found
    return found


def answered(record: Incoming, moment: Moment, found: Answer) -> Outgoing:
    if not found.items and not found.model_version:
        return Outgoing(record.record_id, FAILED, reason="no_model")
    user_id = moment.query.user_id or ""
    line = Line(
        user_id, found.items, found.strategy, found.model_version, iso(moment.query.at),
        record.record_id, found.fallback,
    )  # fmt: skip
    partition = (("date", iso(record.arrived_at)[:10]),)
    data = _encode(line) + b"\n"
    return Outgoing(record.record_id, OK, data, partition, "", user_id, found)


def recommended(now: Live, moment: Moment, near: Sequence[str], failed: Failed) -> Answer:
    """Never raises: what fails or comes too late is answered with popular items, and says so."""
    try:
        found = among(now, moment, near) if near else None
        return told(found or compose(moment), moment.watch, failed)
    except Exception as error:
        stage, reason = moment.watch.stage, reason_of(error)
        failed(stage, reason, error)
        return fall_back(now, moment.query, f"{stage}:{reason}")


def among(now: Live, moment: Moment, near: Sequence[str]) -> Answer | None:
    """The neighbours in the model's order; None where too few of them may be recommended."""
    mask, rows = now.sellable.mask(), now.state.items.locate(near)
    sold = [
        item_id
        for item_id, row in zip(near, rows.tolist(), strict=True)
        if row >= 0 and (mask is None or mask[row])
    ]
    query = replace(moment.query, surface=RERANK, item_ids=tuple(sold), seen=moment.policy)
    found = compose(Moment(query, now, moment.history, None, moment.known, moment.watch))
    if len(found.items) < moment.query.k:
        return None
    return replace(found, strategy="embedding")


def within(records: Sequence[Outgoing], most_bytes: int, around: int) -> list[Outgoing]:
    """The same records, where ``most_bytes`` hold their data in base64 and ``around`` bytes beside
    the id for each. Answers that find no room come back as failed (``no_room``): whoever sent
    them keeps or sends them again."""
    left = most_bytes - sum(around + len(record.record_id) for record in records)
    kept: list[Outgoing] = []
    for record in records:
        size = -(-len(record.data) // 3) * 4
        if size <= left:
            left -= size
            kept.append(record)
        else:
            kept.append(Outgoing(record.record_id, FAILED, reason="no_room"))
    return kept

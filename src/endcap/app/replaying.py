"""Giving an answer again, from the log and the model version that its id names."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from msgspec.structs import replace

from endcap.app.answer_ids import AnswerId, query_hash
from endcap.app.reloading import SNAPSHOTS, load_version
from endcap.app.shop import SNAPSHOT, Shop
from endcap.domain.errors import Damaged, InvalidInput, NotFound
from endcap.domain.records import Pointed, UserErased, decode, decode_known
from endcap.domain.times import iso
from endcap.domain.values import Answer, Query
from endcap.engine.answer import answer
from endcap.engine.fallback import fall_back
from endcap.engine.moment import Live, live
from endcap.engine.serving import UNTRAINED, Serving
from endcap.engine.snapshot_folder import Snapshot
from endcap.engine.state import LiveState

LATER_EVENTS = 4  # times a history: how much further an answer is looked for in the table


class Replayed(NamedTuple):
    """The answer of then, and what it was made from."""

    answer: Answer
    made: AnswerId
    query: Query  # with its time
    now: Live  # as it was


def replay(shop: Shop, answer_id: str, query: Query) -> Replayed:
    """The same items and scores as then. ``query`` is what was asked; its ``at`` is ignored.

    Builds a state of its own and touches nothing that serves: safe in another thread. The
    settings that shape the state (``history_events``, half-lives) must be those of then.

    Raises InvalidInput (bad_answer_id, answer_query_differs), NotFound (answer_trimmed,
    answer_version_gone, answer_forgotten, answer_events_differ).
    """
    made = AnswerId.decode(answer_id)
    query = replace(query, at=made.at)
    if query_hash(shop.group, query) != made.query:
        raise InvalidInput("answer_query_differs", field="answerId", value=answer_id)
    try:
        check_not_erased(shop, made, query.user_id)
        state = state_at(shop, made)
    except NotFound as error:
        if error.code == "answer_forgotten":
            raise
        facts = {"value": made.base[0], "since": oldest_repeatable(shop)}
        raise NotFound("answer_trimmed", field="answerId", **facts) from error
    recall_as_then(shop, made, query.user_id or "", state)
    now = live(state, serving_of(shop, made.version, state))
    fallen = made.fallen
    found = fall_back(now, query, "") if fallen else answer(now, query, made.without)
    return Replayed(replace(found, answer_id=answer_id), made, query, now)


def oldest_repeatable(shop: Shop) -> str:
    """Since when (ISO 8601) answers can be given again: when the oldest snapshot that is kept was
    announced. ``now`` where there is none."""
    kept = shop.artifacts.names(SNAPSHOTS)
    with suppress(NotFound):  # the log is trimmed to the oldest snapshot, not to a lost one
        for _, payload in shop.log.read(int(kept[0].split("-")[0])) if kept else ():
            record = decode_known(payload)
            if isinstance(record, Pointed) and (record.name, record.value) == (SNAPSHOT, kept[0]):
                return iso(record.at)
    return "now"


def check_not_erased(shop: Shop, made: AnswerId, user_id: str | None) -> None:
    """No way back in time to an erased user. Raises NotFound (answer_forgotten, log_trimmed)."""
    if made.offset > shop.log.end():  # another log stands here now
        raise NotFound("log_trimmed", field="answerId", value=made.offset)
    if user_id is None:
        return
    name = user_id.encode()
    for _, payload in shop.log.read(made.offset):
        if name in payload:
            record = decode(payload)
            if isinstance(record, UserErased) and record.user_id == user_id:
                raise NotFound("answer_forgotten", field="userId")


def state_at(shop: Shop, made: AnswerId) -> LiveState:
    """The snapshot that the answering state grew from, and the log up to the answer. No other
    snapshot will do: an import between two of them is not in the log.

    Raises NotFound (log_trimmed, unknown_artifact).
    """
    snapshot = None
    if made.base != (0, 0):
        name = f"{made.base[0]:020d}-{made.base[1]:08d}"
        try:
            snapshot = Snapshot.open(shop.artifacts.open(SNAPSHOTS, name))
        except Damaged as error:
            raise NotFound("unknown_artifact", field="snapshots", value=name) from error
    state = LiveState(snapshot, shop.limits)
    for end, payload in shop.log.read(state.offset, made.offset):
        state.apply(decode(payload), end)
    return state


def recall_as_then(shop: Shop, made: AnswerId, user_id: str, state: LiveState) -> None:
    """What stood in the table of events by then. Raises NotFound (answer_events_differ): it is no
    longer, or was never, what the answer was made of; and what the table raises."""
    if not made.recalled:
        return
    if shop.history is not None:
        most = LATER_EVENTS * shop.limits.history_events
        state.recall(shop.history.newest(user_id, most, state.recall_after), made.at)
    if state.recall_mark(user_id) != made.recalled:
        raise NotFound("answer_events_differ", field="answerId")


def serving_of(shop: Shop, version: str, state: LiveState) -> Serving:
    """Raises NotFound (answer_version_gone)."""
    if not version:
        return UNTRAINED
    try:
        return load_version(shop.artifacts, version, state)
    except (Damaged, NotFound, InvalidInput) as error:
        raise NotFound(
            "answer_version_gone", field="version", value=version, reason=error.code
        ) from error

"""The online use case: answer a query from the live state, whatever fails."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from endcap.app.answer_ids import AnswerId
from endcap.app.shop import Shop
from endcap.domain.values import Answer, Query
from endcap.engine import fallback as engine
from endcap.engine.guarding import Deadline, TimedWatch, Watch, reason_of
from endcap.engine.moment import Judged
from endcap.models.queries import Scored
from endcap.telemetry import SPANS

log = logging.getLogger("endcap.answers")

TIMED_EVERY = 64


class Asked(NamedTuple):
    """What came of asking an endpoint. ``failed``: why there is no ``judged``, as a fallback is
    told; "" also where there was nothing to ask."""

    judged: Judged | None = None
    failed: str = ""


NOT_ASKED = Asked()


def answer(
    shop: Shop,
    query: Query,
    deadline: Deadline | None = None,
    near: Scored | None = None,
    asked: Asked = NOT_ASKED,
) -> Answer:
    """Apply what the log holds by now, then answer. Sees every event any worker acknowledged.

    Never raises: ``fallback`` of the answer says what failed, and what was done instead. ``near``:
    what ``nearby`` found in a vector database; ``asked``: what an endpoint said of the candidates.
    """
    lacking = catch_up(shop, query.user_id)
    if shop.lacking:
        shop.telemetry.count("fallbacks_total", stage="model", reason=shop.lacking)
        lacking.append(f"model:{shop.lacking}")
    if asked.failed:
        lacking.append(asked.failed)
    watch = watch_of(shop, deadline)
    result = engine.guarded(
        shop.now, query, watch, lambda *what: note(shop, *what), near, asked.judged
    )
    if isinstance(watch, TimedWatch):
        note_stages(shop, watch)
    told = result.fallback
    whole = AnswerId.of(shop.group, shop.now, query, told).encode()
    if lacking:
        told = ", ".join([*lacking, told] if told else lacking)
    result = replace(result, fallback=told, answer_id=whole)
    count_answer(shop, query.surface, result.strategy)
    return result


def watch_of(shop: Shop, deadline: Deadline | None) -> Watch:
    """One answer in ``TIMED_EVERY`` is timed, and each that somebody traces."""
    shop.asked += 1
    if shop.asked % TIMED_EVERY == 1 or SPANS.get() is not None:
        return TimedWatch(deadline)
    return Watch(deadline)


def note_stages(shop: Shop, watch: TimedWatch) -> None:
    spans = watch.spans()
    for stage, began, ended in spans:
        shop.telemetry.observe("stage_seconds", ended - began, stage=stage)
    traced = SPANS.get()
    if traced is not None:
        traced += spans


def count_answer(shop: Shop, surface: str, strategy: str) -> None:
    counter = shop.answered.get((surface, strategy))
    if counter is None:
        counter = shop.telemetry.counter("answers_total", surface=surface, strategy=strategy)
        shop.answered[surface, strategy] = counter
    counter.add()


def catch_up(shop: Shop, user_id: str | None = None) -> list[str]:
    """Apply the log, and recall what the user did where that is kept elsewhere. When it cannot be
    read, the state at hand answers, and this says why."""
    lacking = []
    try:
        shop.refresh()
    except Exception as error:
        lacking.append(_lacks(shop, "log", error))
    if shop.history is not None and user_id:
        try:
            shop.recall(user_id)
        except Exception as error:
            lacking.append(_lacks(shop, "history", error))
    return lacking


def _lacks(shop: Shop, stage: str, error: Exception) -> str:
    reason = reason_of(error)
    note(shop, stage, reason, error)
    return f"{stage}:{reason}"


def note(shop: Shop, stage: str, reason: str, error: Exception) -> None:
    """Count a failure and log its kind and place: messages may hold personal data."""
    shop.telemetry.count("fallbacks_total", stage=stage, reason=reason)
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    facts = {"stage": stage, "reason": reason, "kind": type(error).__name__, "where": where}
    log.error("answered with less", extra={"facts": facts})

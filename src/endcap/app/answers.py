"""The online use case: answer a query from the live state, whatever fails."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from msgspec.structs import replace

from endcap.app.answer_ids import AnswerId
from endcap.app.shop import Shop
from endcap.domain.values import Answer, Query
from endcap.engine import fallback as engine
from endcap.engine.guarding import Deadline, reason_of

log = logging.getLogger("endcap.answers")


def answer(shop: Shop, query: Query, deadline: Deadline | None = None) -> Answer:
    """Apply what the log holds by now, then answer. Sees every event any worker acknowledged.

    Never raises: ``fallback`` of the answer says what failed, and what was done instead.
    """
    lacking = catch_up(shop)
    if shop.lacking:
        shop.telemetry.count("fallbacks_total", stage="model", reason=shop.lacking)
        lacking.append(f"model:{shop.lacking}")
    result = engine.guarded(shop.now, query, deadline, lambda *what: note(shop, *what))
    whole = AnswerId.of(shop.group, shop.now, query, fallen=bool(result.fallback)).encode()
    if lacking or result.fallback:
        told = ", ".join([*lacking, *filter(None, [result.fallback])])
        result = replace(result, fallback=told, answer_id=whole)
    else:
        result = replace(result, answer_id=whole)
    shop.telemetry.count("answers_total", surface=query.surface, strategy=result.strategy)
    return result


def catch_up(shop: Shop) -> list[str]:
    """Apply the log. When it cannot be read, the state at hand answers, and this says why."""
    try:
        shop.refresh()
    except Exception as error:
        reason = reason_of(error)
        note(shop, "log", reason, error)
        return [f"log:{reason}"]
    return []


def note(shop: Shop, stage: str, reason: str, error: Exception) -> None:
    """Count a failure and log its kind and place: messages may hold personal data."""
    shop.telemetry.count("fallbacks_total", stage=stage, reason=reason)
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    facts = {"stage": stage, "reason": reason, "kind": type(error).__name__, "where": where}
    log.error("answered with less", extra={"facts": facts})

"""``FetchRecommendations``: one user's recommendations, of the shop's own model, or of the Amazon
Personalize campaign that ENDCAP_CAMPAIGN or PERSONALIZE_CAMPAIGN_ARN names. A campaign that fails
is stood in for by the model; the answer and a metric say so. One in the shadow is only compared.

Handler: ``endcap.entrypoints.lambdas.fetch_recommendations.handler``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from endcap.domain.values import PERSONAL
from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import (
    fell_back,
    now_us,
    published,
    settings,
    telemetry,
    tell,
)

if TYPE_CHECKING:
    from endcap.app.user_answers import Backend, Fetched

LATE = 0.7  # share of the call's time: popular items from here on


@observed
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    from endcap.app.user_answers import fetch

    began, left_s = time.monotonic(), context.get_remaining_time_in_millis() / 1000

    def own() -> Backend:
        from endcap.app.user_answers import engine_of
        from endcap.engine.guarding import Deadline

        late = Deadline(time.monotonic, began + left_s * LATE)
        return engine_of(published().look(), PERSONAL, late, fell_back)

    def ask_own(user_id: str, k: int, at: int) -> Fetched:
        return own()(user_id, k, at)

    backend = backend_of(ask_own, own)

    def counted(user_id: str, k: int, at: int) -> Fetched:
        found = backend(user_id, k, at)
        telemetry().count("answers_total", surface=PERSONAL, strategy=found.strategy)
        return found

    return fetch(event, counted, now_us())


def backend_of(own: Backend, opened: Callable[[], Backend]) -> Backend:
    """``own``, or what ENDCAP_CAMPAIGN puts before it or in its shadow."""
    from endcap.app.user_answers import compared, falling_back
    from endcap.settings import SHADOW

    named = settings().campaign
    if not named:
        return own
    if named.startswith(SHADOW):
        return compared(own, campaign(named.removeprefix(SHADOW)), in_shadow)
    return falling_back(campaign(named), opened, failed)


def failed(code: str) -> None:
    tell("campaign failed", {"fallbacks": 1}, code=code)


def in_shadow(ours: Fetched, theirs: Fetched | str) -> None:
    from endcap.app.campaign_answers import ANSWERED, count_shared

    outcome = theirs if isinstance(theirs, str) else ANSWERED
    telemetry().count("campaign_calls_total", outcome=outcome)
    if not isinstance(theirs, str):
        count_shared(telemetry().count, ours.ids, theirs.ids)


@cache
def campaign(arn: str) -> Backend:
    """Opened once, so that it is known when it fails again and again. Its time is counted."""
    from endcap.adapters.personalize import Campaign
    from endcap.app.user_answers import Fetched

    opened = Campaign(arn)

    def ask(user_id: str, k: int, _: int) -> Fetched:
        began = time.monotonic()
        try:
            found = opened.recommend(user_id, k)
        finally:
            telemetry().observe("campaign_call_seconds", time.monotonic() - began)
        return Fetched(found.ids, found.scores, "campaign", arn.rpartition("/")[2])

    return ask

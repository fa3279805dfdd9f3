"""``FetchRecommendations``: one user's recommendations, of the shop's own model, or of the Amazon
Personalize campaign that PERSONALIZE_CAMPAIGN_ARN names. A campaign that fails is stood in for by
the model; the answer and a metric say so.

Handler: ``endcap.entrypoints.lambdas.fetch_recommendations.handler``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from endcap.domain.values import PERSONAL
from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import fell_back, now_us, published, telemetry, tell

if TYPE_CHECKING:
    from endcap.app.user_answers import Backend, Fetched

CAMPAIGN = "PERSONALIZE_CAMPAIGN_ARN"
LATE = 0.7  # share of the call's time: popular items from here on


@observed
def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    from endcap.app.user_answers import falling_back, fetch

    began, left_s = time.monotonic(), context.get_remaining_time_in_millis() / 1000

    def own() -> Backend:
        from endcap.app.user_answers import engine_of
        from endcap.engine.guarding import Deadline

        late = Deadline(time.monotonic, began + left_s * LATE)
        return engine_of(published().look(), PERSONAL, late, fell_back)

    def ask_own(user_id: str, k: int, at: int) -> Fetched:
        return own()(user_id, k, at)

    def counted(user_id: str, k: int, at: int) -> Fetched:
        found = backend(user_id, k, at)
        telemetry().count("answers_total", surface=PERSONAL, strategy=found.strategy)
        return found

    backend: Backend = ask_own
    if arn := os.environ.get(CAMPAIGN):
        backend = falling_back(
            campaign(arn), own, lambda code: tell("campaign failed", {"fallbacks": 1}, code=code)
        )
    return fetch(event, counted, now_us())


@cache
def campaign(arn: str) -> Backend:
    """Opened once, so that it is known when it fails again and again."""
    from endcap.adapters.personalize import Campaign
    from endcap.app.user_answers import Fetched

    opened = Campaign(arn)

    def ask(user_id: str, k: int, _: int) -> Fetched:
        found = opened.recommend(user_id, k)
        return Fetched(found.ids, found.scores, "campaign", arn.rpartition("/")[2])

    return ask

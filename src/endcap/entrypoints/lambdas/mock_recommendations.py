"""``MockRecommendations``: with a model or campaign the event passes as it came; without one, or in
a dry run, popular items are answered, marked ``mock``.

Handler: ``endcap.entrypoints.lambdas.mock_recommendations.handler``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import (
    fell_back,
    now_us,
    published,
    settings,
    tell,
)


@observed
def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    from endcap.app.user_answers import mock, popular_of
    from endcap.settings import SHADOW

    campaign = bool(settings().campaign) and not settings().campaign.startswith(SHADOW)
    if campaign and not event.get("dryRun"):
        return mock(event, True, _nobody, now_us())
    now = published().look()
    done = mock(event, campaign or bool(now.serving.version), popular_of(now, fell_back), now_us())
    if done.get("mock"):
        tell("answered without a model", {"mocked": 1})
    return done


def _nobody(*_: Any) -> Any:
    raise AssertionError("unreachable: a campaign is ready")

"""``Submit``: ``POST /submit`` behind an API gateway: products from what is published and what the
shopper did last; the submission goes to the stream.

Handler: ``endcap.entrypoints.lambdas.submit.handler``. Whatever store or model cannot be reached,
there is an answer: popular items, or none where nothing is known of any. ``Endcap-Fallback`` says
what was done without.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from endcap.domain.errors import EndcapError, InvalidInput
from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.one_route import behind_gateway, gateway_of
from endcap.entrypoints.lambdas.surroundings import (
    fell_back,
    now_us,
    settings,
    telemetry,
    tell,
)

if TYPE_CHECKING:
    from endcap.app.following import Follower
    from endcap.app.shop import Shop
    from endcap.entrypoints.lambdas.gateway import Gateway


@observed
def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    try:
        gateway, follower = opened()
    except InvalidInput:
        raise  # of the settings: nobody is served by hiding that
    except EndcapError as error:
        missed("shop", error.code, error)
        return unopened(error.code)(event)
    try:
        follower.look()
    except EndcapError as error:  # what serves goes on
        missed("model", error.code, error)
    return gateway(event)


def missed(stage: str, code: str, error: Exception) -> None:
    """An answer had to do without: counted, and told in the log."""
    fell_back(stage, code, error)
    tell("answered with less", {}, stage=stage, code=code)


@cache
def opened() -> tuple[Gateway, Follower]:
    """Raises InvalidInput (not_behind_gateway, function_variable_missing, aws_…) and what the
    stores raise."""
    from endcap.app.following import Follower
    from endcap.bootstrap import prepare_kernels

    prepare_kernels(behind_gateway(settings()))
    from endcap.app.warmth import warm
    from endcap.bootstrap.functions import open_function_shop

    shop, _, names = open_function_shop(settings(), telemetry())
    warm(shop.now, now_us())
    follower = Follower(shop, names, time.time, lambda live: warm(live, now_us()))
    return answering(shop), follower


@cache
def unopened(code: str) -> Gateway:
    """What answers while the shop cannot be opened; each call tries to open it first."""
    from endcap.bootstrap.bare import bare_shop

    return answering(bare_shop(settings(), telemetry(), lacking=code))


def answering(shop: Shop) -> Gateway:
    """Raises InvalidInput (function_variable_missing)."""
    from endcap.app.submissions import Submissions
    from endcap.bootstrap.functions import event_places
    from endcap.serving.submit import submit_anyway

    places = event_places(settings(), shop.group, shop.documents, telemetry())
    if places is None:
        raise InvalidInput("function_variable_missing", field="ENDCAP_STREAM")
    _, stream = places
    taken = Submissions(shop.documents, stream, shop.limits.repeat_horizon, missed)
    return gateway_of(shop, taken, "submit", submit_anyway(taken))

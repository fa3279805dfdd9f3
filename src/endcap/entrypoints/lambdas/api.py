"""``api``: the routes of the HTTP API, and the Personalize API, behind API Gateway or a function
URL.

Handler: ``app.handler``. Shop and model are opened by the first call and kept; what is published
later is taken up while the function lives. Importing this loads neither boto3 nor numpy.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from endcap.domain.errors import Unavailable
from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import now_us, settings, telemetry

if TYPE_CHECKING:
    from endcap.entrypoints.lambdas.gateway import Gateway
    from endcap.entrypoints.lambdas.personalize import Groups
    from endcap.settings import Settings
    from endcap.telemetry import Telemetry

# Counts of one function among many say nothing: metrics go to CloudWatch.
LEFT_OUT = ("metrics",)
PREFIX = "PathPrefix"  # a path before ours, as a domain of one's own may map it


@observed
def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    """The answer, in the form that whoever handed the request on takes."""
    try:
        gateway, groups = opened()
    except Unavailable as error:
        return refused(error, event)
    groups.look()
    return gateway(event)


@cache
def opened() -> tuple[Gateway, Groups]:
    from endcap.bootstrap import prepare_kernels

    prepare_kernels(settings())
    return built(settings(), telemetry())


def built(shop_settings: Settings, registry: Telemetry) -> tuple[Gateway, Groups]:
    """What answers, and what is to look before each call. Raises as ``open_function_shop``."""
    from endcap.app.following import Follower
    from endcap.app.shops import Opened
    from endcap.app.warmth import warm
    from endcap.bootstrap.functions import open_function_shop
    from endcap.entrypoints.lambdas.gateway import Gateway, patterns_of
    from endcap.entrypoints.lambdas.personalize import Groups
    from endcap.serving.api import Api
    from endcap.serving.personalize.api import Personalize
    from endcap.serving.routes import ROUTES

    shop, intake, names = open_function_shop(shop_settings, registry)
    warm(shop.now, now_us())
    routes = [route for route in ROUTES if route.name not in LEFT_OUT]
    follower = Follower(shop, names, time.time, lambda live: warm(live, now_us()))
    groups = Groups(Opened(shop, intake), follower)
    personalize = Personalize(groups.desk, shop_settings, now_us, shop.rates)
    prefix = os.environ.get(PREFIX, "").rstrip("/")
    api = Api(shop, intake, now_us, prefix, routes, personalize)
    gateway = Gateway(api, patterns_of((route.method, route.path) for route in routes))
    return gateway, groups


def refused(error: Unavailable, event: Mapping[str, Any]) -> dict[str, Any]:
    """A store cannot be reached: the next call tries again."""
    from endcap.entrypoints.lambdas.gateway import is_second, packed
    from endcap.serving.requests import error_reply

    reply = error_reply(error)
    headers = [(b"content-type", reply.content_type), *reply.headers]
    return packed(reply.status, headers, reply.body, is_second(event))

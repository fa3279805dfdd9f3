"""Functions that answer one route of the HTTP API, with the rights of that route alone.

Importing this loads nothing heavy.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from endcap.domain.errors import InvalidInput
from endcap.entrypoints.lambdas.api import PREFIX
from endcap.entrypoints.lambdas.surroundings import now_us

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.entrypoints.lambdas.gateway import Gateway
    from endcap.serving.requests import Taker
    from endcap.serving.routes import Write
    from endcap.settings import Settings

BEHIND = "gateway"


def behind_gateway(settings: Settings) -> Settings:
    """Raises InvalidInput (not_behind_gateway): such a function has no right to read keys."""
    if settings.auth != BEHIND:
        raise InvalidInput(
            "not_behind_gateway", field="ENDCAP_AUTH", value=settings.auth, permitted=BEHIND
        )
    return settings


def gateway_of(shop: Shop, intake: Taker, name: str, write: Write) -> Gateway:
    """The route of this name and its twin without /v1, answered by ``write``."""
    from msgspec.structs import replace

    from endcap.entrypoints.lambdas.gateway import Gateway
    from endcap.serving.api import Api
    from endcap.serving.routes import ROUTES

    routes = [replace(route, write=write) for route in ROUTES if route.name == name]
    return Gateway(Api(shop, intake, now_us, os.environ.get(PREFIX, "").rstrip("/"), routes))

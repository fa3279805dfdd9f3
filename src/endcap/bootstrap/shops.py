"""The groups that a process opens as they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path

from endcap.app.shop import Shop
from endcap.app.shops import Opened, Shops, unattended
from endcap.app.warmth import warm
from endcap.bootstrap import open_shop
from endcap.control.dataset_groups import folder
from endcap.control.registry.store import Registry
from endcap.domain.errors import InvalidInput
from endcap.settings import Settings


def shops_of(
    settings: Settings,
    registry: Registry,
    own: Opened | None = None,
    attend: Callable[[Shop], None] = unattended,
) -> Shops:
    """``own``: the group that the process was started for; all count where it does."""
    telemetry = own.shop.telemetry if own is not None else None

    def opener(name: str) -> Shop:
        shop = open_shop(settings, name, telemetry=telemetry)
        warm(shop.now, time.time_ns() // 1000)
        return shop

    def standing(name: str) -> Hashable:
        return standing_of(settings.home, name)

    return Shops(registry, opener, standing, settings.open_shops, own, attend)


def standing_of(home: Path, name: str) -> Hashable:
    """What tells a group's folder from another of the same name; None: there is none."""
    with suppress(InvalidInput, OSError):
        at = folder(home, name).stat()
        return at.st_dev, at.st_ino
    return None

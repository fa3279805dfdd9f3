"""What answers the Personalize API in one process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from endcap.app.shop import Shop
from endcap.app.shops import Opened, unattended
from endcap.bootstrap.control import open_control
from endcap.bootstrap.shops import shops_of
from endcap.serving.personalize.desk import Desk

THREADS = 4  # of operations that wait for the registry's disk or table


def desk_of(
    own: Opened, now: Callable[[], int], attend: Callable[[Shop], None] = unattended
) -> Desk:
    """``own``: the group that the process was started for; ``attend`` as in ``Shops``. Raises as
    ``open_control``."""
    settings = own.shop.settings
    control = open_control(settings)
    return Desk(
        control,
        shops_of(settings, control.registry, own, attend),
        now,
        ThreadPoolExecutor(THREADS, "control"),
        settings.describe_wait_s,
    )

"""What the supervisor holds for its children before it forks them: modules, kernels, the shop's
mapped state and models.

Each child opens its own log, documents and other files; only what never changes, or is copied
when it does, comes from here.
"""

from __future__ import annotations

import gc
import logging
import time
from pathlib import Path

from endcap.app.reloading import Loaded, load
from endcap.app.warmth import warm
from endcap.bootstrap import prepare_kernels, stores_of
from endcap.engine.limits import limits_of
from endcap.settings import Settings

log = logging.getLogger("endcap.server")

THREADS = Path("/proc/self/task")


class Preloaded:
    """State and models for the next children. A child takes them out of its own copy, so that
    nothing there holds them when a later version has come."""

    def __init__(self, loaded: Loaded | None) -> None:
        self._loaded = loaded

    def __bool__(self) -> bool:
        return self._loaded is not None

    def take(self) -> Loaded | None:
        """What was loaded; from then on there is nothing."""
        loaded, self._loaded = self._loaded, None
        return loaded


def preload(settings: Settings) -> Preloaded:
    """The newest state and models, warmed up. Nothing: the children have to see for themselves,
    and say what is wrong."""
    prepare_kernels(settings)
    import uvloop  # noqa: F401 - the children find it imported

    import endcap.entrypoints.keeper
    import endcap.entrypoints.registrar
    import endcap.entrypoints.worker  # noqa: F401

    loaded: Loaded | None = None
    try:
        loaded = _load(settings)
    except Exception as error:
        log.info("nothing preloaded", extra={"facts": {"kind": type(error).__name__}})
    gc.collect()
    gc.freeze()  # a collection in a child would copy the pages of all that it looks at
    return Preloaded(loaded)


def _load(settings: Settings) -> Loaded:
    stores = stores_of(settings, settings.group)
    loaded = load(stores.log(), stores.documents(), stores.artifacts(), limits_of(settings))
    warm(loaded.live, time.time_ns() // 1000)
    return loaded


def has_one_thread() -> bool:
    """Whether this process may be forked: another thread could hold a lock that nobody frees."""
    return len(list(THREADS.iterdir())) == 1

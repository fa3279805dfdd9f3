"""Takes up a new snapshot or model version in a worker while it goes on answering."""

from __future__ import annotations

import asyncio
import logging
import time

from endcap.app.reloading import Loaded, prepare, take_up
from endcap.app.shop import Shop
from endcap.app.warmth import warm
from endcap.entrypoints.heap import give_back

log = logging.getLogger("endcap.worker")


class Reloader:
    """One for each worker. The next ``Live`` is built in a thread, and swapped on the loop."""

    def __init__(self, shop: Shop, loop: asyncio.AbstractEventLoop) -> None:
        self._shop = shop
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        shop.on_pointer = self._notice
        if shop.moved:
            self._notice()

    def _notice(self) -> None:
        """Called on the loop's thread, in the middle of applying the log."""
        if self._task is None:
            self._task = self._loop.create_task(self._reload())

    def _prepare(self) -> Loaded:
        """In a thread."""
        loaded = prepare(self._shop)
        if loaded.live is not self._shop.now:
            warm(loaded.live, time.time_ns() // 1000)
        return loaded

    async def _take_up_next(self) -> None:
        loaded = await asyncio.to_thread(self._prepare)
        take_up(self._shop, loaded)
        facts = {
            "version": loaded.live.serving.version,
            "damaged": [failure.code for failure in loaded.failures],
        }
        log.info("took up", extra={"facts": facts})

    async def _reload(self) -> None:
        try:
            while self._shop.moved:
                self._shop.moved.clear()
                await self._take_up_next()
                await asyncio.to_thread(give_back)
        except Exception:
            self._shop.telemetry.count("load_failures_total", code="unexpected")
            log.exception("could not take up a new version; the old one goes on serving")
        finally:
            self._task = None

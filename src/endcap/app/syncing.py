"""The thread that waits for the disk, so that the event loop does not."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

# Told on the loop when a sync is over: None, or why it failed.
Tell = Callable[[Exception | None], None]
_Asked = tuple[int, asyncio.AbstractEventLoop, Tell]


class SyncThread:
    """One thread and one queue: half the time of a general executor for each sync. The thread
    begins with the first sync and ends when nobody holds this object any more."""

    def __init__(self, sync: Callable[[int], None]) -> None:
        self._sync = sync
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._running = False

    def ask(self, offset: int, loop: asyncio.AbstractEventLoop, tell: Tell) -> None:
        """Sync everything before ``offset``; ``tell`` is called on the loop after it."""
        if not self._running:
            self._running = True
            Thread(target=_serve, args=(self._sync, self._asked), name="sync", daemon=True).start()
            weakref.finalize(self, self._asked.put, None)
        self._asked.put((offset, loop, tell))


def _serve(sync: Callable[[int], None], asked: SimpleQueue[_Asked | None]) -> None:
    while (wanted := asked.get()) is not None:
        offset, loop, tell = wanted
        failure: Exception | None = None
        try:
            sync(offset)
        except Exception as error:  # the askers are told
            failure = error
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(tell, failure)
        del wanted, tell  # they hold the asker, whose end is this thread's end

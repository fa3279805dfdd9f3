"""The thread that syncs: it tells on the loop, tells failures, and ends with its owner."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable

from endcap.app.syncing import SyncThread


def ask(thread: SyncThread, offset: int) -> tuple[Exception | None, bool]:
    """(what was told, whether on the loop's own thread)"""

    async def run() -> tuple[Exception | None, bool]:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[tuple[Exception | None, bool]] = loop.create_future()
        own = threading.get_ident()
        thread.ask(offset, loop, lambda e: told.set_result((e, threading.get_ident() == own)))
        return await asyncio.wait_for(told, 5)

    return asyncio.run(run())


def failing(error: Exception) -> Callable[[int], None]:
    def sync(offset: int) -> None:
        raise error

    return sync


def test_it_syncs_to_the_offset_in_another_thread_and_tells_on_the_loop() -> None:
    seen: list[tuple[int, bool]] = []
    main = threading.get_ident()
    thread = SyncThread(lambda offset: seen.append((offset, threading.get_ident() == main)))
    assert ask(thread, 7) == (None, True)
    assert ask(thread, 9) == (None, True)
    assert seen == [(7, False), (9, False)]


def test_a_failure_is_told_and_the_thread_goes_on() -> None:
    error = OSError("no space")
    thread = SyncThread(failing(error))
    assert ask(thread, 1) == (error, True)
    assert ask(thread, 2) == (error, True)


def test_the_thread_ends_with_its_owner() -> None:
    thread = SyncThread(lambda offset: None)
    before = {t for t in threading.enumerate() if t.name == "sync"}
    ask(thread, 1)
    (own,) = {t for t in threading.enumerate() if t.name == "sync"} - before
    del thread
    gc.collect()
    own.join(5)
    assert not own.is_alive()


def test_a_loop_that_was_closed_meanwhile_does_not_end_the_thread() -> None:
    go = threading.Event()
    thread = SyncThread(lambda offset: None if offset else go.wait(5) and None)

    async def leave() -> None:
        thread.ask(0, asyncio.get_running_loop(), lambda error: None)

    asyncio.run(leave())
    go.set()
    assert ask(thread, 1) == (None, True)

"""A disk that cannot follow: waiting is bounded, who is refused is told at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from endcap.adapters.log import FileLog
from endcap.app.intake import Intake, Outcome
from endcap.domain.errors import Unavailable
from endcap.domain.records import EventsPosted
from endcap.domain.values import Event


class SlowLog(FileLog):
    """A log on a disk that syncs when the test says so."""

    def __init__(self, *where: Any) -> None:
        super().__init__(*where)
        self.go = threading.Event()

    def sync(self, offset: int) -> None:
        assert self.go.wait(20)
        super().sync(offset)


def slowed(board: Any, **settings: Any) -> Any:
    shop = board.shop
    shop.settings = replace(shop.settings, **settings)
    shop.log = SlowLog(board.home / "groups" / "default" / "log", 2**20)
    return shop


def record(n: int) -> EventsPosted:
    return EventsPosted(n + 1, events=(Event(f"u{n}", "x", "view", n + 1, f"e{n}"),))


async def told_to_wait(task: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        await asyncio.wait_for(task, 5)
    error = caught.value
    assert (error.code, error.status, error.retry_after_s) == ("too_busy", 503, 1)


def ask(shop: Any, rounds: list[int], size: int = 0) -> tuple[int, list[Outcome]]:
    """Submit in rounds while the disk hangs. (how many were refused, what the others were told)"""

    async def run() -> tuple[int, list[Outcome]]:
        intake, tasks, n = Intake(shop), [], 0

        async def submit(number: int) -> Outcome:
            return await intake.submit(record(number), size)

        for count in rounds:
            tasks += [asyncio.create_task(submit(n + i)) for i in range(count)]
            n += count
            await asyncio.sleep(0.01)
        turned = [task for task in tasks if task.done()]
        for task in turned:
            await told_to_wait(task)
        shop.log.go.set()
        taken = await asyncio.gather(*(task for task in tasks if task not in turned))
        again = await intake.submit(record(10_000), size)  # there is room again
        assert again == Outcome(1, 0)
        return len(turned), taken

    return asyncio.run(run())


def test_requests_that_wait_for_a_slow_disk_are_bounded(empty_board: Any) -> None:
    shop = slowed(empty_board, max_waiting=20)
    turned, taken = ask(shop, [15, 15, 15])
    assert turned == 25
    assert taken == [Outcome(1, 0)] * 20
    assert shop.telemetry.counters["intake_refused_total", ()] == 25
    assert len(shop.now.state.users) == 21  # what was refused left nothing


def test_bytes_that_wait_for_a_slow_disk_are_bounded(empty_board: Any) -> None:
    shop = slowed(empty_board, max_waiting_mb=1.0)
    turned, taken = ask(shop, [3, 3], size=300_000)
    assert (turned, taken) == (3, [Outcome(1, 0)] * 3)


def test_one_body_larger_than_the_bound_still_passes(empty_board: Any) -> None:
    shop = slowed(empty_board, max_waiting_mb=0.5)
    assert ask(shop, [1, 1], size=2**20)[0] == 1

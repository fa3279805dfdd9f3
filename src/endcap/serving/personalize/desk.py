"""Where the operations stand that requests ask for, and how they are asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from endcap.app.putting import put_events, put_items, put_users
from endcap.app.recommending import recommend, rerank
from endcap.app.shops import Shops
from endcap.control.registry.arns import Place
from endcap.control.registry.control import Control, Operation
from endcap.control.registry.operations import OPERATIONS
from endcap.control.registry.statuses import UNDER_WAY
from endcap.control.registry.store import Registry
from endcap.domain.errors import InvalidInput
from endcap.serving.personalize.refused import REFUSED
from endcap.serving.personalize.shapes import Operation as Asked

Given = Mapping[str, Any]
Answer = dict[str, Any] | None
# The wire's members in, those of the answer out; the last is now, µs.
Runtime = Callable[[Shops, Registry, Given, int], Awaitable[Answer]]

FIRST_LOOK_S, LONGEST_LOOK_S = 0.05, 0.25  # between two looks at what is in the making
DESCRIBE = "Describe"

# Recommendations and events, by the wire's name.
RUNTIME: Mapping[str, Runtime] = {
    "GetPersonalizedRanking": partial(rerank, clock=time.monotonic),
    "GetRecommendations": partial(recommend, clock=time.monotonic),
    "PutEvents": put_events,
    "PutItems": put_items,
    "PutUsers": put_users,
}


@dataclass
class Desk:
    """``operations``, of the control plane, run in ``threads``; ``runtime`` in the loop. ``now``
    gives µs since 1970. ``wait_s``: how long a describe call waits for the end of what is under
    way; once ``closing``, none does."""

    control: Control
    shops: Shops
    now: Callable[[], int]
    threads: Executor
    wait_s: float
    operations: Mapping[str, Operation] = field(default_factory=lambda: OPERATIONS)
    runtime: Mapping[str, Runtime] = field(default_factory=lambda: RUNTIME)
    closing: bool = False

    async def ask(self, operation: Asked, given: Given, place: Place) -> Answer:
        """Raises what the operation raises, and InvalidInput (operation_refused)."""
        name = operation.name
        if name in self.runtime:
            registry = self.control.registry.elsewhere(place)
            return await self.runtime[name](self.shops, registry, given, self.now())
        if name not in self.operations:
            reason = REFUSED.get(name, "it is not built")
            raise InvalidInput("operation_refused", field="operation", value=name, reason=reason)
        answer = await self._control(name, given, place)
        if name.startswith(DESCRIBE):
            return await self._settled(name, given, place, answer)
        return answer

    async def _control(self, name: str, given: Given, place: Place) -> Answer:
        run = partial(self.operations[name], self.control.elsewhere(place), given, self.now())
        return await asyncio.get_running_loop().run_in_executor(self.threads, run)

    async def _settled(self, name: str, given: Given, place: Place, answer: Answer) -> Answer:
        """The answer once nothing more happens by itself, or the newest when time is up."""
        loop = asyncio.get_running_loop()
        until, look = loop.time() + self.wait_s, FIRST_LOOK_S
        while is_under_way(answer) and not self.closing and loop.time() + look <= until:
            await asyncio.sleep(look)
            look = min(look * 1.5, LONGEST_LOOK_S)
            answer = await self._control(name, given, place)
        return answer


def is_under_way(answer: Answer) -> bool:
    """Whether what a describe call tells of is in the making or going away."""
    told = [one for one in (answer or {}).values() if isinstance(one, dict)]
    return any(one.get("status") in UNDER_WAY for one in told)

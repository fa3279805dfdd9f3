"""An Amazon Personalize campaign that answers before the engine, or in its shadow.

Before: the campaign is asked within a time; where it fails or is late the engine answers, and the
answer names why. In the shadow: the engine answers, and what the campaign says of the same question
is counted: how many items the two lists share, and how long it took.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from endcap.app.answers import count_answer
from endcap.app.shop import Shop
from endcap.domain.values import Answer, Query, ScoredItem
from endcap.engine.guarding import Deadline, reason_of

STAGE = STRATEGY = "campaign"
AT_ONCE = 16  # calls under way; what comes beyond is not asked
ANSWERED, LATE, BUSY = "answered", "late", "busy"


class Recommended(Protocol):
    """Item ids, best first, and their scores."""

    @property
    def ids(self) -> Sequence[str]: ...

    @property
    def scores(self) -> Sequence[float]: ...


Recommend = Callable[[str, int], Recommended]  # user id, k; waits, raises what the campaign raises
Count = Callable[..., None]  # as ``Telemetry.count``


class Campaign(NamedTuple):
    """``patient``: a comparison is waited for, because nothing goes on once the answer is given."""

    name: str
    recommend: Recommend
    in_shadow: bool
    patient: bool = False


class Told(NamedTuple):
    """``failed``: why there is no answer, as a fallback is told."""

    answer: Answer | None = None
    failed: str = ""


class CampaignAnswers:
    """For one event loop. ``clock`` gives seconds that only grow."""

    def __init__(self, shop: Shop, campaign: Campaign, clock: Callable[[], float]) -> None:
        self._shop, self._campaign, self._clock = shop, campaign, clock
        self._threads = ThreadPoolExecutor(AT_ONCE, STAGE)
        self._under_way = 0
        self.in_shadow = campaign.in_shadow

    async def ask(self, query: Query, deadline: Deadline) -> Told:
        """The campaign's answer. Never raises. Half of the time until ``deadline`` is left for the
        engine."""
        limit_s = min(self._most_s, max(deadline.ends_s - self._clock(), 0.0) / 2)
        found, outcome = await self._call(query, limit_s)
        if found is None:
            self._shop.telemetry.count("fallbacks_total", stage=STAGE, reason=outcome)
            return Told(None, f"{STAGE}:{outcome}")
        count_answer(self._shop, query.surface, STRATEGY)
        pairs = zip(found.ids, found.scores, strict=True)
        items = tuple(ScoredItem(item_id, score) for item_id, score in pairs)
        return Told(Answer(items, STRATEGY, self._campaign.name, None))

    async def compare(self, query: Query, answer: Answer) -> None:
        """Ask the campaign the same and count what comes of it. Never raises."""
        work = self._compared(query, answer)
        if self._campaign.patient:
            await work
        else:
            self._kept = asyncio.ensure_future(work)

    async def _compared(self, query: Query, answer: Answer) -> None:
        found, _ = await self._call(query, self._most_s)
        if found is not None:
            count_shared(self._shop.telemetry.count, [i.id for i in answer.items], found.ids)

    @property
    def _most_s(self) -> float:
        return self._shop.settings.campaign_ms / 1000

    async def _call(self, query: Query, limit_s: float) -> tuple[Recommended | None, str]:
        """What the campaign says within the time; else why not."""
        began, outcome = self._clock(), BUSY
        found: Recommended | None = None
        if self._under_way < AT_ONCE:
            self._under_way += 1
            loop, user_id = asyncio.get_running_loop(), query.user_id or ""
            call = loop.run_in_executor(self._threads, self._campaign.recommend, user_id, query.k)
            call.add_done_callback(self._done)
            try:
                found, outcome = await asyncio.wait_for(asyncio.shield(call), limit_s), ANSWERED
            except TimeoutError:
                outcome = LATE
            except Exception as error:
                outcome = reason_of(error)
        telemetry = self._shop.telemetry
        telemetry.count("campaign_calls_total", outcome=outcome)
        telemetry.observe("campaign_call_seconds", self._clock() - began)
        return found, outcome

    def _done(self, call: asyncio.Future[Recommended]) -> None:
        self._under_way -= 1
        if not call.cancelled():
            call.exception()  # looked at, also where nobody waits any longer


def count_shared(count: Count, ours: Sequence[str], theirs: Sequence[str]) -> None:
    """Of two lists of one question: how many items each could share, and how many they do."""
    count("campaign_items_total", max(len(ours), len(theirs)))
    count("campaign_items_shared_total", len(set(ours) & set(theirs)))

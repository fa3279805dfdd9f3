"""Asking an endpoint for what the ranker says, ahead of an answer, within a time.

The engine itself waits for nobody. What it will ask the ranker is worked out first, asked of the
endpoint, and handed to the answer. Where the endpoint fails, is late, or answers from other trees
than those of the version that serves, the trees in this process say the same; the answer names why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from endcap.app.answers import NOT_ASKED, Asked
from endcap.app.shop import Shop
from endcap.domain.arrays import Float32s
from endcap.domain.errors import EndcapError
from endcap.domain.values import Query
from endcap.engine.guarding import Deadline, reason_of
from endcap.engine.moment import Judged
from endcap.engine.surfaces import ranker_question
from endcap.models.ranker import Ranker

AT_ONCE = 32  # calls under way; what comes beyond is scored here
STAGE = "endpoint"
ANSWERED, LATE, BUSY, REPLACED = "answered", "late", "busy", "replaced"


class RemoteRanker:
    """``clock`` gives seconds that only grow. ``ask`` is for one event loop, ``ask_now`` for
    programs that answer one request at a time."""

    def __init__(self, shop: Shop, clock: Callable[[], float]) -> None:
        self._shop, self._clock = shop, clock
        self._threads = ThreadPoolExecutor(AT_ONCE, "ranker")
        self._under_way = 0

    async def ask(self, query: Query, deadline: Deadline | None = None) -> Asked:
        """What the endpoint says of the candidates of ``query``. Never raises. Half of the time
        until ``deadline`` is left for the answer itself."""
        ranker, rows = self._question(query)
        if ranker is None or rows is None:
            return NOT_ASKED
        began = self._clock()
        if self._under_way >= AT_ONCE:
            return self._told(BUSY, None, began)
        self._under_way += 1
        call = asyncio.get_running_loop().run_in_executor(
            self._threads, self._margins, rows, ranker
        )
        call.add_done_callback(self._done)
        try:
            margins = await asyncio.wait_for(asyncio.shield(call), self._limit_s(began, deadline))
        except TimeoutError:
            return self._told(LATE, None, began)
        except Exception as error:
            return self._told(reason_of(error), None, began)
        if self._shop.now.serving.ranker is not ranker:  # a model was taken up meanwhile
            return self._told(REPLACED, None, began)
        return self._told(ANSWERED, Judged(rows, margins), began)

    def ask_now(self, query: Query) -> Asked:
        """As ``ask``; waits here."""
        ranker, rows = self._question(query)
        if ranker is None or rows is None:
            return NOT_ASKED
        began = self._clock()
        try:
            judged = Judged(rows, self._margins(rows, ranker))
        except EndcapError as error:
            return self._told(error.code, None, began)
        return self._told(ANSWERED, judged, began)

    def _limit_s(self, began: float, deadline: Deadline | None) -> float:
        most = self._shop.settings.ranker_ms / 1000
        return most if deadline is None else min(most, max(deadline.ends_s - began, 0.0) / 2)

    def _question(self, query: Query) -> tuple[Ranker | None, Float32s | None]:
        """What fails here fails in the answer again, and is told there."""
        try:
            self._shop.refresh(query.user_id or "")
            now = self._shop.now
            return now.serving.ranker, ranker_question(now, query)
        except Exception:
            return None, None

    def _margins(self, rows: Float32s, ranker: Ranker) -> Float32s:
        """In a thread. Raises what the endpoint raises."""
        assert self._shop.ranker is not None  # noqa: S101 - nobody makes one of these without
        return self._shop.ranker(rows, ranker.trees.fingerprint)

    def _told(self, outcome: str, judged: Judged | None, began: float) -> Asked:
        self._shop.telemetry.count("ranker_calls_total", outcome=outcome)
        self._shop.telemetry.observe("ranker_call_seconds", self._clock() - began)
        if judged is not None:
            return Asked(judged)
        self._shop.telemetry.count("fallbacks_total", stage=STAGE, reason=outcome)
        return Asked(None, f"{STAGE}:{outcome}")

    def _done(self, call: asyncio.Future[Float32s]) -> None:
        self._under_way -= 1
        if not call.cancelled():
            call.exception()  # looked at, also where nobody waits any longer

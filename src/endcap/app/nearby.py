"""Asking a vector database for what lies near an item, within a time, or doing without it.

The model's own index answers wherever the database does not: it is late, gone, has no vectors, or
answers from another version than the one that serves. Then it is left alone for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from endcap.app.shop import Shop
from endcap.domain.arrays import Float32s
from endcap.domain.errors import EndcapError
from endcap.domain.values import Query
from endcap.domain.vectors import ITEMS, Neighbours
from endcap.domain.vectors import Nearby as Nearest
from endcap.models.embeddings import Embeddings
from endcap.models.item_ids import ItemIds
from endcap.models.queries import ModelQuery, Scored
from endcap.ports import VectorIndex

ANSWERED = "answered"
AT_ONCE = 4  # searches, as many as a process has connections
HOLD_OFF_S = 1.0  # after a failure
SPARE = 20  # more than are wanted, and as many again: some of them may not be sold now


class Nearby:
    """``clock`` gives seconds that only grow. One event loop uses it; the searches themselves run
    in threads, which touch no array of the model. Opens the index with the first question."""

    def __init__(self, shop: Shop, clock: Callable[[], float]) -> None:
        self._shop, self._clock = shop, clock
        self._threads = ThreadPoolExecutor(AT_ONCE, "vectors")
        self._index: VectorIndex | None = None
        self._quiet_until = 0.0
        self._under_way = 0

    async def ask(self, query: Query) -> Scored | None:
        """Items near the query's in rows of the model that serves, best first and without itself;
        None: let the model's own index answer."""
        serving = self._shop.now.serving
        row = serving.embedded_row(self._shop.now.state.items.row(query.item_id or ""))
        if row < 0 or serving.embeddings is None:
            return None
        began = self._clock()
        if began < self._quiet_until or self._under_way >= AT_ONCE:
            self._shop.telemetry.count("vector_lookups_total", outcome="spared")
            return None
        asked = asked_with(serving.embeddings, row)
        outcome, found = await self._answered(asked, 2 * query.k + SPARE)
        if found is not None and not found.version == serving.version == self._serves():
            outcome, found = "version", None
        if outcome != ANSWERED:
            self._quiet_until = self._clock() + HOLD_OFF_S
        self._shop.telemetry.count("vector_lookups_total", outcome=outcome)
        self._shop.telemetry.observe("vector_lookup_seconds", self._clock() - began)
        return None if found is None else in_rows(serving.embeddings, found.lists[0], row)

    def _serves(self) -> str:
        """By now: a model may be replaced while a search is under way."""
        return self._shop.now.serving.version

    async def _answered(self, asked: Float32s, n: int) -> tuple[str, Nearest | None]:
        self._under_way += 1
        search = asyncio.get_running_loop().run_in_executor(self._threads, self._search, asked, n)
        search.add_done_callback(self._done)
        try:
            limit_s = self._shop.settings.vectors_ms / 1000
            return ANSWERED, await asyncio.wait_for(asyncio.shield(search), limit_s)
        except TimeoutError:
            return "late", None
        except EndcapError as error:
            return error.code, None
        except Exception:  # a search may fail as it likes: the model answers
            return "error", None

    def _done(self, search: asyncio.Future[Nearest]) -> None:
        self._under_way -= 1
        if not search.cancelled():
            search.exception()  # looked at, also where nobody waits any longer

    def _search(self, asked: Float32s, n: int) -> Nearest:
        """In a thread. Raises what opening and searching raise."""
        if self._index is None:
            self._index = self._shop.vectors(ITEMS)
        return self._index.nearest(asked, n)


def asked_with(embeddings: Embeddings, row: int) -> Float32s:
    """The vector (1, d) of a shopper who had this item alone."""
    one = np.array([row], np.int32)
    alone = ModelQuery(one, np.zeros(1, np.uint8), np.zeros(1, np.float32))
    return embeddings.user_vector(alone)[None, :]


def in_rows(embeddings: Embeddings, found: Neighbours, row: int) -> Scored:
    """In model rows, without ``row`` and what the model does not know."""
    ids = embeddings.item_ids
    assert isinstance(ids, ItemIds)  # noqa: S101 - as every saved model has them
    rows = np.fromiter((ids.row(name) for name in found.ids), np.int32, len(found.ids))
    kept = (rows >= 0) & (rows != row)
    return Scored(rows[kept], np.array(found.scores, np.float32)[kept])

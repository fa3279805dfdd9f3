"""The ranker asked elsewhere: the same answers, and what happens when nobody answers there."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from endcap.app.answers import NOT_ASKED, Asked, answer
from endcap.app.remote_ranker import AT_ONCE, RemoteRanker
from endcap.app.submit import query_of, submission
from endcap.domain.errors import NotFound, Unavailable
from endcap.domain.values import Query
from endcap.engine import rank
from endcap.engine.guarding import Deadline
from endcap.models.ranker import BY_RANKER, BY_RECIPE
from endcap.models.trees import Trees


class Elsewhere:
    """An endpoint in this process. ``sign`` −1: it says the opposite, to see who ranked."""

    def __init__(self, board: Any) -> None:
        self.trees = board.shop.now.serving.ranker.trees
        self.calls, self.error, self.sign = 0, None, 1.0
        self.open = threading.Event()
        self.open.set()

    def __call__(self, rows: Any, fingerprint: str) -> Any:
        self.calls += 1
        assert fingerprint == self.trees.fingerprint
        self.open.wait(20)
        if self.error is not None:
            raise self.error
        return self.sign * self.trees.margins(rows)


@pytest.fixture
def remote(ranked: Any) -> Iterator[tuple[Any, Elsewhere]]:
    """(a shop whose ranker is asked elsewhere, that place)."""
    board = ranked("pair_views", BY_RANKER)
    shopper(board)
    elsewhere = board.shop.ranker = Elsewhere(board)
    yield board, elsewhere
    elsewhere.open.set()


def shopper(board: Any) -> None:
    board.post(*[("fan", f"black-{i}", "view") for i in (1, 2)])
    board.post(*[("fan", "black-7", "view")] * 6)
    board.at += 1


def of_fan(board: Any) -> Query:
    return Query("personal", at=board.at, user_id="fan", k=5)


def run(act: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(act())  # type: ignore[arg-type]


def counted(board: Any, name: str) -> dict[str, float]:
    found = board.shop.telemetry.counters.items()
    return {
        "/".join(value for _, value in labels): n for (known, labels), n in found if known == name
    }


def test_the_answer_is_the_one_of_this_process(remote: tuple[Any, Elsewhere]) -> None:
    board, elsewhere = remote
    here = answer(board.shop, of_fan(board))
    asked = run(lambda: RemoteRanker(board.shop, time.monotonic).ask(of_fan(board)))
    told = answer(board.shop, of_fan(board), asked=asked)
    assert replace(told, answer_id="") == replace(here, answer_id="")
    assert elsewhere.calls == 1
    assert counted(board, "ranker_calls_total") == {"answered": 1}


def test_the_order_is_what_was_said_elsewhere(
    remote: tuple[Any, Elsewhere], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, elsewhere = remote
    here = [item.id for item in answer(board.shop, of_fan(board)).items]
    elsewhere.sign = -1.0
    asked = RemoteRanker(board.shop, time.monotonic).ask_now(of_fan(board))
    monkeypatch.setattr(Trees, "margins", None)  # nothing is ranked here
    there = answer(board.shop, of_fan(board), asked=asked)
    assert there.fallback == ""
    assert [item.id for item in there.items] != here


@pytest.mark.parametrize(
    "error",
    [
        NotFound("unknown_endpoint", field="x", value="y"),
        Unavailable("endpoint_late", field="x", reason="y"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_where_it_fails_this_process_ranks_and_says_so(
    remote: tuple[Any, Elsewhere], error: Any, at_once: bool
) -> None:
    board, elsewhere = remote
    here = answer(board.shop, of_fan(board))
    elsewhere.error = error
    asking = RemoteRanker(board.shop, time.monotonic)
    query = of_fan(board)
    asked = asking.ask_now(query) if at_once else run(lambda: asking.ask(query))
    told = answer(board.shop, query, asked=asked)
    assert told.items == here.items
    assert told.fallback == f"endpoint:{error.code}"
    assert counted(board, "ranker_calls_total") == {error.code: 1}
    assert counted(board, "fallbacks_total") == {f"{error.code}/endpoint": 1}


def test_nobody_waits_longer_than_was_said(remote: tuple[Any, Elsewhere]) -> None:
    board, elsewhere = remote
    board.shop.settings = replace(board.shop.settings, ranker_ms=20)
    elsewhere.open.clear()

    async def ask() -> Asked:
        found = await RemoteRanker(board.shop, time.monotonic).ask(of_fan(board))
        elsewhere.open.set()
        return found

    assert run(ask) == Asked(None, "endpoint:late")


def test_half_of_the_time_is_left_for_the_answer(remote: tuple[Any, Elsewhere]) -> None:
    board, elsewhere = remote
    board.shop.settings = replace(board.shop.settings, ranker_ms=60_000)
    elsewhere.open.clear()
    began = time.monotonic()

    async def ask() -> Asked:
        deadline = Deadline(time.monotonic, began + 0.2)
        found = await RemoteRanker(board.shop, time.monotonic).ask(of_fan(board), deadline)
        elsewhere.open.set()
        return found

    assert run(ask) == Asked(None, "endpoint:late")


def test_what_comes_beyond_the_limit_is_ranked_here(remote: tuple[Any, Elsewhere]) -> None:
    board, elsewhere = remote
    elsewhere.open.clear()

    async def ask() -> list[Asked]:
        asking = RemoteRanker(board.shop, time.monotonic)
        board.shop.settings = replace(board.shop.settings, ranker_ms=20_000)
        waiting = [asyncio.create_task(asking.ask(of_fan(board))) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        beyond = await asking.ask(of_fan(board))
        elsewhere.open.set()
        return [beyond, *await asyncio.gather(*waiting)]

    beyond, *others = run(ask)
    assert beyond == Asked(None, "endpoint:busy")
    assert {asked.failed for asked in others} == {""}


def test_a_click_meanwhile_counts(remote: tuple[Any, Elsewhere]) -> None:
    """What was said of the shopper's moment before the click is not used after it."""
    board, elsewhere = remote
    elsewhere.sign = -1.0
    query = of_fan(board)
    asked = RemoteRanker(board.shop, time.monotonic).ask_now(query)
    assert asked.judged is not None
    board.post(*[("fan", "black-9", "view")] * 9)
    later = replace(query, at=board.at + 1)
    assert answer(board.shop, later, asked=asked).items == answer(board.shop, later).items


def test_a_model_taken_up_meanwhile_is_not_ranked_by_the_old_one(
    remote: tuple[Any, Elsewhere],
) -> None:
    board, elsewhere = remote
    elsewhere.open.clear()

    async def ask() -> Asked:
        waiting = asyncio.create_task(RemoteRanker(board.shop, time.monotonic).ask(of_fan(board)))
        while not elsewhere.calls:
            await asyncio.sleep(0.001)
        board.reopen()
        asking_shop.now = board.shop.now
        elsewhere.open.set()
        return await waiting

    asking_shop = board.shop
    asking_shop.settings = replace(asking_shop.settings, ranker_ms=20_000)
    assert run(ask) == Asked(None, "endpoint:replaced")


QUIET = {
    "a newcomer": lambda board: Query("personal", at=board.at, user_id="nobody", k=5),
    "popular items": lambda board: Query("popular", at=board.at, k=5),
    "related items": lambda board: Query("related", at=board.at, item_id="black-1", k=5),
}


@pytest.mark.parametrize("name", QUIET)
def test_where_the_ranker_says_nothing_nobody_is_asked(
    remote: tuple[Any, Elsewhere], name: str
) -> None:
    board, elsewhere = remote
    assert RemoteRanker(board.shop, time.monotonic).ask_now(QUIET[name](board)) == NOT_ASKED
    assert elsewhere.calls == 0


def test_a_ranker_that_did_not_win_is_asked_for_probabilities_alone(ranked: Any) -> None:
    board = ranked("pair_views", BY_RECIPE)
    shopper(board)
    board.shop.ranker = Elsewhere(board)
    asking = RemoteRanker(board.shop, time.monotonic)
    assert asking.ask_now(of_fan(board)) == NOT_ASKED
    here = submission(board.shop, "fan", 5, board.at)
    asked = asking.ask_now(query_of("fan", 5, board.at))
    assert asked.judged is not None
    there = submission(board.shop, "fan", 5, board.at, asked=asked)
    assert (there.products, there.source) == (here.products, here.source)
    assert there.source == "ranker"


def test_a_question_that_cannot_be_made_is_told_by_the_answer(
    remote: tuple[Any, Elsewhere], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, elsewhere = remote

    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(rank, "feature_rows", broken)
    asked = RemoteRanker(board.shop, time.monotonic).ask_now(of_fan(board))
    assert (asked, elsewhere.calls) == (NOT_ASKED, 0)
    assert answer(board.shop, of_fan(board), asked=asked).fallback == "rank:error"


def test_an_endpoint_that_says_no_number_costs_the_order(remote: tuple[Any, Elsewhere]) -> None:
    board, elsewhere = remote
    elsewhere.sign = np.nan
    asked = RemoteRanker(board.shop, time.monotonic).ask_now(of_fan(board))
    assert answer(board.shop, of_fan(board), asked=asked).fallback == "rank:error"

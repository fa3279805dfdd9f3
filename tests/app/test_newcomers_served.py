"""Shoppers without a history are answered by who they are, until their first click."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from endcap.app.answers import answer
from endcap.app.compaction import settle
from endcap.app.explanations import explained, why_not
from endcap.app.intake import write
from endcap.app.reloading import MODELS, NEWCOMERS, reload
from endcap.app.replaying import replay
from endcap.data.training import load_people
from endcap.domain.explanations import NEWCOMER, OUTRANKED
from endcap.domain.records import EventsPosted, UsersPut
from endcap.domain.values import Event, Query, User
from endcap.models.newcomer_fields import Field
from endcap.models.newcomers import Newcomers


@pytest.fixture
def known(board: Any) -> Any:
    """The checkerboard shop with a map of who likes which colour, and a shopper who does."""
    ids = board.shop.now.serving.recipe.item_ids
    white = np.array([ids[row].startswith("white") for row in range(len(ids))])
    lifts = np.stack((np.where(white, 2.0, -2.0), np.where(white, -2.0, 2.0))).astype(np.float32)
    found = Newcomers(
        [Field("taste", ("light", "dark"))], np.arange(len(ids), dtype=np.int32), lifts, {}
    )
    folder = board.shop.artifacts.open(MODELS, "v0001") / NEWCOMERS
    folder.mkdir()
    found.save(folder)
    board.reopen()
    put(board, "fresh", taste="light")
    return board


def put(board: Any, user_id: str, **attributes: Any) -> None:
    board.at += 1_000_000
    write(board.shop, UsersPut(board.at, users=(User(user_id, attributes),)))


def colours(found: Any) -> set[str]:
    return {item.id.split("-")[0] for item in found.items}


def test_who_has_no_history_is_answered_by_attributes(known: Any) -> None:
    found = known.answer(user_id="fresh", k=8)
    assert (found.strategy, colours(found)) == ("newcomer", {"white"})
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)
    put(known, "fresh", taste="dark")
    assert colours(known.answer(user_id="fresh", k=8)) == {"black"}


def test_the_first_click_makes_it_personal(known: Any) -> None:
    known.post(("fresh", "black-3", "view"))
    found = known.answer(user_id="fresh", k=5)
    assert (found.strategy, colours(found)) == ("personal", {"black"})


@pytest.mark.parametrize("user", [None, "stranger", "fresh"])
def test_the_context_of_the_query_counts_as_known(known: Any, user: str | None) -> None:
    found = known.answer(user_id=user, k=8, context={"taste": "dark"})
    assert (found.strategy, colours(found)) == ("newcomer", {"black"})


@pytest.mark.parametrize("user", [None, "stranger"])
def test_whoever_nothing_is_known_of_gets_what_is_popular(known: Any, user: str | None) -> None:
    assert known.answer(user_id=user, k=8) == known.answer("popular", k=8)
    put(known, "odd", taste="none of these")
    assert known.answer(user_id="odd").strategy == "popular"


def test_events_tell_of_the_visitor_as_a_query_does(board: Any) -> None:
    put(board, "both", country="DE", age=30)
    told: list[tuple[str, int, dict[str, Any] | None]] = [
        ("both", 2, {"country": "FR", "device": "tablet", "list": "home"}),
        ("both", 1, {"country": "GB", "position": 3}),
        ("plain", 1, None),
        ("only", 1, {"device": "mobile"}),
    ]
    board.at += 1_000_000
    events = tuple(
        Event(user, "black-1", "view", at, f"{user} {at}", attributes=said)
        for user, at, said in told
    )
    write(board.shop, EventsPosted(board.at, b"", b"", events))
    settle(board.shop, board.at)
    assert load_people(board.shop.lake, ["only", "plain", "stranger", "both"]) == [
        {"device": "mobile"}, {}, {}, {"country": "GB", "age": 30},
    ]  # fmt: skip


def test_what_is_said_of_the_visitor_hides_no_page(known: Any) -> None:
    page = {"department": "black"}
    whole = {**page, "device": "mobile", "country": "DE"}
    for surface in ("popular", "personal"):
        asked = {"k": 12, "user_id": "fresh"} if surface == "personal" else {"k": 12}
        assert known.ids(surface, context=whole, **asked) == known.ids(
            surface, context=page, **asked
        )


def test_the_page_comes_first(known: Any) -> None:
    found = known.answer(user_id="fresh", k=16, context={"department": "black"})
    assert [item.id.split("-")[0] for item in found.items[:12]] == ["black"] * 12


def test_only_what_can_be_sold_and_never_too_few(known: Any) -> None:
    best = known.ids(user_id="fresh", k=1)[0]
    known.put(best, available=False)
    known.put("nobody-had-it", department="white", name="white thing 9")
    every = known.ids(user_id="fresh", k=100)
    assert best not in every
    assert len(every) == len(set(every)) == 24
    assert "nobody-had-it" in every  # behind what has a count


def test_what_comes_up_comes_up_for_newcomers_at_once(known: Any) -> None:
    last = known.ids(user_id="fresh", k=12)[-1]
    for buyer in range(200):
        known.post((f"b{buyer}", last, "purchase"))
    assert known.ids(user_id="fresh", k=1) == [last]


def test_explanations_name_what_is_known_and_add_up(known: Any) -> None:
    for item in explained(known.shop, Query("personal", known.at, user_id="fresh", k=8)).items:
        told = item.explanation
        assert told is not None
        assert (told.source, told.because) == (NEWCOMER, ())
        assert told.components == {"taste=light": pytest.approx(2.0)}
        assert told.prior + told.others == pytest.approx(told.score, abs=1e-5)
        assert told.score == pytest.approx(item.score, abs=1e-5)


def test_why_not_compares_with_the_list(known: Any) -> None:
    asked = Query("personal", known.at, user_id="fresh", k=5)
    listed = known.ids(user_id="fresh", k=24)
    for place, item_id in enumerate(listed, start=1):
        told = why_not(known.shop, asked, item_id)
        assert told.rank == place or told.score == pytest.approx(told.last_score)
    last = why_not(known.shop, asked, listed[-1])
    assert last.verdict == OUTRANKED
    assert last.explanation is not None
    assert last.explanation.source == NEWCOMER
    assert last.lacks == "a greater score"


def test_the_answer_can_be_given_again(known: Any) -> None:
    asked = Query("personal", known.at, user_id="fresh", k=8)
    found = answer(known.shop, asked)
    known.post(("fresh", "black-3", "view"))
    put(known, "fresh", taste="dark")
    assert answer(known.shop, asked).items != found.items
    again = replay(known.shop, found.answer_id, asked).answer
    assert (again.items, again.strategy) == (found.items, "newcomer")


def test_an_erased_shopper_is_not_known_any_more(known: Any) -> None:
    known.erase("fresh")
    assert known.answer(user_id="fresh").strategy == "popular"


def test_a_failure_is_answered_by_what_is_popular(known: Any) -> None:
    lifts = known.shop.now.serving.newcomers.lifts
    known.shop.now.serving.newcomers.lifts = lifts[:0]
    found = known.answer(user_id="fresh", k=8)
    assert (found.strategy, found.fallback) == ("popular", "candidates:error")
    assert [item.id for item in found.items] == known.ids("popular", k=8)


def test_a_damaged_map_refuses_the_version(known: Any) -> None:
    folder = known.shop.artifacts.open(MODELS, "v0001") / NEWCOMERS
    (folder / "lifts.npy").write_bytes(b"no")
    loaded = reload(known.open())
    assert loaded.lacking == "newcomers_unreadable"

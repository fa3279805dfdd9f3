"""Answers of the checkerboard shop, where the right one is visible."""

from typing import Any

import pytest
from msgspec.structs import replace

from endcap.app.answers import answer
from endcap.app.compaction import settle
from endcap.app.reloading import reload
from endcap.domain.values import Query
from endcap.engine.answer import STRATEGIES


def colours(ids: list[str]) -> list[str]:
    return [item.split("-")[0] for item in ids]


@pytest.mark.parametrize("colour", ["black", "white"])
def test_a_new_shopper_gets_their_own_colour_after_one_click(board: Any, colour: str) -> None:
    board.post(("newcomer", f"{colour}-3", "view"))
    told = board.answer(user_id="newcomer", k=5)
    assert colours([item.id for item in told.items]) == [colour] * 5
    assert (told.strategy, told.model_version) == ("personal", "v0001")
    assert told.newest_event_age_s == 0.0


def test_a_visitor_gets_what_is_popular(board: Any) -> None:
    told = board.answer(user_id="nobody", k=6)
    assert told.strategy == "popular"
    assert [i.id for i in told.items] == board.ids("popular", k=6) == board.ids(k=6)


def test_popular_counts_what_is_bought_of_late(board: Any) -> None:
    for buyer in range(30):
        board.post((f"b{buyer}", "white-11", "purchase"))
    assert board.ids("popular", k=1) == ["white-11"]
    assert board.ids("popular", k=1, event_type="purchase") == ["white-11"]
    assert board.answer("trending", k=3).strategy == "trending"
    assert board.ids("trending", k=1) == ["white-11"]


def test_the_context_comes_first_and_scores_still_fall(board: Any) -> None:
    told = board.answer("popular", k=20, context={"department": "white"})
    names = colours([item.id for item in told.items])
    assert names == ["white"] * 12 + ["black"] * 8
    scores = [item.score for item in told.items]
    assert scores == sorted(scores, reverse=True)


def test_an_unknown_context_changes_nothing(board: Any) -> None:
    assert board.ids("popular", k=9, context={"department": "none"}) == board.ids("popular", k=9)


def test_related_items_share_the_colour_and_never_the_item_itself(board: Any) -> None:
    told = board.answer("related", item_id="black-0", k=5)
    assert (told.strategy, colours([i.id for i in told.items])) == ("related", ["black"] * 5)
    every = board.ids("related", item_id="black-0", k=100)
    assert len(every) == 23
    assert "black-0" not in every


def test_related_of_an_unknown_item_is_popular(board: Any) -> None:
    assert board.answer("related", item_id="never seen", k=3).strategy == "popular"
    assert board.ids("related", item_id="never seen", k=3) == board.ids("popular", k=3)


def test_rerank_puts_the_own_colour_first(board: Any) -> None:
    given = ("white-1", "strange", "black-1", "white-2", "black-2", "black-1", "odd")
    board.post(("newcomer", "black-5", "view"))
    told = board.answer("rerank", user_id="newcomer", item_ids=given, k=len(given))
    ids = [item.id for item in told.items]
    assert colours(ids[:2]) == ["black"] * 2
    assert colours(ids[2:4]) == ["white"] * 2
    assert ids[4:] == ["strange", "odd"]
    assert told.strategy == "personal"


def test_rerank_for_a_visitor_is_by_popularity(board: Any) -> None:
    given = ("black-11", "white-0", "black-0")
    told = board.answer("rerank", user_id="nobody", item_ids=given, k=3)
    best = [item for item in board.ids("popular", k=24) if item in given]
    assert ([item.id for item in told.items], told.strategy) == (best, "popular")


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        ("exclude_purchased", {"black-0"}),
        ("exclude_seen", {"black-0", "black-1"}),
        ("none", set()),
    ],
)
def test_seen_policies(board: Any, policy: str, gone: set[str]) -> None:
    board.post(("buyer", "black-1", "view"), ("buyer", "black-0", "purchase"))
    every = {f"{colour}-{n}" for colour in ("black", "white") for n in range(12)}
    assert set(board.ids(user_id="buyer", k=100, seen=policy)) == every - gone
    given = tuple(sorted(every))
    kept = board.ids("rerank", user_id="buyer", item_ids=given, k=24, seen=policy)
    assert set(kept) == every - gone
    assert len(board.ids("rerank", user_id="buyer", item_ids=given, k=24)) == 24


def test_withdrawn_items_are_in_no_list_until_they_are_back(board: Any) -> None:
    board.post(("newcomer", "black-3", "view"))
    best = board.ids(user_id="newcomer", k=1)[0]
    board.put(best, available=False)
    asked: dict[str, dict[str, Any]] = {
        "personal": {"user_id": "newcomer"},
        "popular": {},
        "related": {"item_id": "black-3"},
    }
    for surface, more in asked.items():
        assert best not in board.ids(surface, k=100, **more)
    assert best in board.ids("rerank", user_id="newcomer", item_ids=(best, "white-0"), k=2)
    board.put(best, available=True)
    assert board.ids(user_id="newcomer", k=1) == [best]


def test_withdrawing_nearly_everything_starves_no_list(board: Any) -> None:
    board.post(("newcomer", "black-3", "view"))
    for number in range(12):
        board.put(f"white-{number}", available=False)
        if number not in (4, 7):
            board.put(f"black-{number}", available=False)
    for surface in ("personal", "popular"):
        assert set(board.ids(surface, user_id="newcomer", k=5)) == {"black-4", "black-7"}
    assert board.answer(user_id="newcomer", k=2).strategy == "personal"


def test_an_item_outside_the_catalogue_is_never_put_before_others(board: Any) -> None:
    for visitor in range(40):
        board.post((f"v{visitor}", "made-up", "purchase"))
    assert "made-up" not in board.ids("popular", k=100)
    assert "made-up" not in board.ids("trending", k=100)
    assert "made-up" not in board.ids(user_id="v1", seen="none", k=100)


def test_a_history_of_strange_items_alone_is_answered(board: Any) -> None:
    board.post(("odd", "made-up-1", "view"), ("odd", "made-up-2", "purchase"))
    told = board.answer(user_id="odd", k=4)
    assert (told.strategy, [i.id for i in told.items]) == ("popular", board.ids("popular", k=4))


def test_every_click_counts_in_the_next_answer(board: Any) -> None:
    board.post(("turning", "black-3", "view"))
    assert colours(board.ids(user_id="turning", k=3)) == ["black"] * 3
    board.post(*(("turning", f"white-{n}", "purchase") for n in (1, 2, 3, 4)))
    assert colours(board.ids(user_id="turning", k=3)) == ["white"] * 3


def every_answer(board: Any, shop: Any) -> list[Any]:
    asked = [
        *(Query("personal", board.at, k=30, user_id=f"s{n}") for n in range(6)),
        *(Query("personal", board.at, k=30, user_id=user) for user in ("newcomer", "nobody")),
        *(Query(surface, board.at, k=30) for surface in ("popular", "trending")),
        *(Query("related", board.at, k=30, item_id=i) for i in ("black-1", "fresh", "made-up")),
        Query("rerank", board.at, k=9, user_id="s1", item_ids=("white-1", "fresh", "x", "black-1")),
        Query("popular", board.at, k=5, context={"department": "white"}),
    ]
    return [replace(answer(shop, query), answer_id="") for query in asked]


def test_answers_stay_the_same_over_snapshots_and_restarts(board: Any) -> None:
    board.put("fresh", department="black", name="black thing fresh")
    board.post(("newcomer", "fresh", "view"), ("newcomer", "made-up", "view"))
    before = every_answer(board, board.shop)
    assert "fresh" in [item.id for told in before[:6] for item in told.items]
    reload(board.shop)
    assert every_answer(board, board.shop) == before
    assert settle(board.shop, board.at).snapshot
    assert every_answer(board, board.shop) == before
    assert every_answer(board, board.open()) == before


def test_each_strategy_is_one_of_the_documented(board: Any) -> None:
    board.put("fresh", department="white", name="white thing fresh")
    seen = {told.strategy for told in every_answer(board, board.shop)}
    assert {"personal", "popular", "related", "content"} <= seen <= set(STRATEGIES)

"""An answer given again, whatever happened since."""

from __future__ import annotations

import shutil
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.app.answer_ids import AnswerId
from endcap.app.answers import answer
from endcap.app.compaction import settle
from endcap.app.reloading import reload
from endcap.app.replaying import replay
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.times import iso
from endcap.domain.values import SEEN_POLICIES, Query
from endcap.models.recipe import Recipe

ITEMS = [f"{colour}-{n}" for colour in ("black", "white") for n in range(12)]
ANY_ITEM = st.sampled_from([*ITEMS, "new-0", "strange-0"])
USERS = st.sampled_from(["s0", "s1", "p", "q"])
CHANGES = st.one_of(
    st.tuples(st.just("post"), USERS, ANY_ITEM, st.sampled_from(["view", "purchase", "wish"])),
    st.tuples(st.just("put"), st.sampled_from([*ITEMS, "new-0"]), st.booleans()),
    st.tuples(st.sampled_from(["settle", "reload"])),
)
QUERIES = st.builds(
    lambda surface, **more: (surface, more),
    st.sampled_from(["personal", "related", "popular", "trending", "rerank"]),
    user_id=USERS,
    item_id=ANY_ITEM,
    item_ids=st.lists(ANY_ITEM, max_size=5, unique=True).map(tuple),
    by=st.sampled_from([None, "behaviour", "embedding"]),
    k=st.integers(1, 30),
    seen=st.sampled_from([*SEEN_POLICIES, None]),
    context=st.sampled_from([{}, {"department": "white"}]),
)


def change(board: Any, what: tuple[Any, ...]) -> None:
    if what[0] == "post":
        board.post(what[1:])
    elif what[0] == "put":
        board.put(what[1], available=what[2], department="black", name="black thing 3")
    elif what[0] == "settle":
        settle(board.shop, board.at)
    else:
        reload(board.shop)


@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(CHANGES, max_size=5), queries=st.lists(QUERIES, min_size=1, max_size=4),
    after=st.lists(CHANGES.filter(lambda what: what[0] != "settle"), max_size=5),
)  # fmt: skip
def test_what_came_later_changes_nothing(
    board: Any, before: list[Any], queries: list[Any], after: list[Any]
) -> None:
    for what in before:
        change(board, what)
    asked = [Query(surface, at=board.at, **more) for surface, more in queries]
    given = [answer(board.shop, query) for query in asked]
    for what in after:
        change(board, what)
    for query, told in zip(asked, given, strict=True):
        assert len(told.answer_id) <= 120
        same = replay(board.shop, told.answer_id, msgspec.structs.replace(query, at=0)).answer
        assert (same.items, same.strategy) == (told.items, told.strategy)
        assert (same.model_version, same.answer_id) == (told.model_version, told.answer_id)
        assert same.newest_event_age_s == told.newest_event_age_s


@pytest.fixture
def query(board: Any) -> Query:
    board.post(("fan", "black-3", "view"))
    return Query("personal", board.at, user_id="fan")


def test_a_fallback_is_replayed_as_one(
    board: Any, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Recipe, "live_candidates", lambda *_: 1 / 0)
        told = answer(board.shop, query)
    assert told.fallback
    board.post(("x", "white-11", "purchase"))
    same = replay(board.shop, told.answer_id, query).answer
    assert (same.items, same.strategy) == (told.items, "popular")


def code_of(board: Any, answer_id: str, query: Query) -> str:
    with pytest.raises((InvalidInput, NotFound)) as raised:
        replay(board.shop, answer_id, query)
    return raised.value.code


def test_another_query_is_refused(board: Any, query: Query) -> None:
    told = answer(board.shop, query)
    for change_ in ({"k": 6}, {"user_id": "s1"}, {"seen": "none"}, {"surface": "popular"}):
        other = msgspec.structs.replace(query, **change_)
        assert code_of(board, told.answer_id, other) == "answer_query_differs"
    elsewhere = board.open()
    elsewhere.group = "other"
    with pytest.raises(InvalidInput, match="another query"):
        replay(elsewhere, told.answer_id, query)


@given(text=st.text(max_size=120))
def test_made_up_ids_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        AnswerId.decode(text)
    assert raised.value.code == "bad_answer_id"


def test_every_single_change_of_an_id_is_seen(board: Any, query: Query) -> None:
    whole = answer(board.shop, query).answer_id
    assert AnswerId.decode(whole).encode() == whole
    for place in range(len(whole)):
        for letter in "A_9":
            damaged = whole[:place] + letter + whole[place + 1 :]
            if damaged != whole:
                with pytest.raises(InvalidInput):
                    AnswerId.decode(damaged)


@pytest.mark.parametrize("kept", [2, 5])
def test_how_far_back_is_a_setting_and_the_refusal_says_so(board: Any, kept: int) -> None:
    """With n snapshots kept, an answer can be repeated until n more were taken."""
    shop = type(board)(board.home, ENDCAP_KEEP_SNAPSHOTS=str(kept))
    asked = []
    for number in range(kept + 1):
        shop.post(("fan", f"white-{number}", "view"))
        query = Query("personal", shop.at, user_id="fan")
        asked.append((query, answer(shop.shop, query)))
        shop.at += 1_000_000
        settle(shop.shop, shop.at)
    query, told = asked[0]
    with pytest.raises(NotFound) as raised:
        replay(shop.shop, told.answer_id, query)
    since = raised.value.facts["since"]
    assert (raised.value.code, since) == ("answer_trimmed", iso(asked[1][0].at + 1_000_000))
    for query, told in asked[2:]:
        assert replay(shop.shop, told.answer_id, query).answer.items == told.items
    assert f"answers of {since} and later" in str(raised.value)


def test_an_answer_of_another_log_is_refused(board: Any, empty_board: Any, query: Query) -> None:
    told = answer(board.shop, query)
    with pytest.raises(NotFound) as raised:
        replay(empty_board.shop, told.answer_id, query)
    assert (raised.value.code, raised.value.facts["since"]) == ("answer_trimmed", "now")


def test_a_deleted_version_is_named(board: Any, query: Query) -> None:
    told = answer(board.shop, query)
    shutil.rmtree(next(board.home.glob("groups/default/artifacts/models/v0001")))
    assert code_of(board, told.answer_id, query) == "answer_version_gone"


def test_nobody_goes_back_before_an_erasure(board: Any, query: Query) -> None:
    told = answer(board.shop, query)
    board.erase("someone else")
    assert replay(board.shop, told.answer_id, query).answer.items == told.items
    board.erase("fan")
    assert code_of(board, told.answer_id, query) == "answer_forgotten"


def test_before_the_first_training_and_the_first_snapshot(empty_board: Any) -> None:
    empty_board.put("tea", department="tea")
    empty_board.put("bolt", department="bolts")
    empty_board.post(("u", "tea", "view"))
    query = Query("personal", empty_board.at, user_id="u")
    told = answer(empty_board.shop, query)
    empty_board.put("tea", available=False)
    assert [item.id for item in told.items] != empty_board.ids(user_id="u")
    assert replay(empty_board.shop, told.answer_id, query).answer.items == told.items

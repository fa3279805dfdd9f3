"""What a session did before anybody knew whose it was is the user's from then on: once, in the
next answer as in the lake, however they are put together, and gone when the user is."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.app.answers import answer
from endcap.app.compaction import compact, publish_built, settle
from endcap.app.erasure import erase_user
from endcap.app.putting import put_events
from endcap.app.storing import by_owner
from endcap.app.visitors import asker
from endcap.data.training import load_interactions
from endcap.domain.records import AnyRecord, EventsPosted, Linked, UsersPut, decode
from endcap.domain.sessions import session_user
from endcap.domain.values import PERSONAL, Event, Query, User
from endcap.engine.state import LiveState, StateLimits

SECOND = 1_000_000
NOW = 1_760_000_000 * SECOND


@pytest.fixture
def desk(put_desk: ModuleType, tmp_path: Path) -> Any:
    return put_desk.opened(tmp_path)


def view(item: str, **more: Any) -> dict[str, Any]:
    return {"eventType": "View", "itemId": item, "sentAt": NOW // SECOND, **more}


def links(desk: Any) -> list[tuple[str, str]]:
    records = (decode(payload) for _, payload in desk.shop.log.read(0))
    return [(r.session, r.user_id) for r in records if isinstance(r, Linked)]


def test_the_next_answer_knows_what_the_session_did(desk: Any) -> None:
    desk.items(*({"itemId": f"i{n}", "properties": '{"price": 1}'} for n in range(4)))

    def unseen() -> set[str]:
        query = Query(PERSONAL, NOW, user_id="u1", seen="exclude_seen")
        return {item.id for item in answer(desk.shop, query).items}

    desk.events(view("i1", sentAt=NOW // SECOND - 9))
    assert unseen() == {"i0", "i1", "i2", "i3"}
    desk.events(view("i2"), userId="u1")
    assert unseen() == {"i0", "i3"}
    assert desk.did("u1") == [("i1", "view"), ("i2", "view")]
    assert desk.did(session_user("s1")) == []


def test_another_process_links_what_it_has_not_seen_yet(
    desk: Any, put_desk: ModuleType, tmp_path: Path
) -> None:
    other = desk._replace(shop=put_desk.again(tmp_path))
    desk.events(view("i1"))
    other.events(view("i2"), userId="u1")
    desk.shop.refresh()
    assert desk.did("u1") == other.did("u1") == [("i2", "view"), ("i1", "view")]
    desk.events(view("i3"), userId="u2")
    assert links(desk) == [(session_user("s1"), "u1")]


def test_both_may_come_in_one_commit(desk: Any) -> None:
    calls = [
        {"trackingId": "t1", "sessionId": "s1", "eventList": [view("i1")]},
        {"trackingId": "t1", "sessionId": "s1", "eventList": [view("i2")], "userId": "u1"},
        {"trackingId": "t1", "sessionId": "s1", "eventList": [view("i3")], "userId": "u2"},
    ]

    async def put() -> None:
        opened = await desk.get("arn:aws:personalize:us-east-1:123456789012:dataset-group/mine")
        desk_of_one = SimpleNamespace(get=AsyncMock(return_value=opened))
        await asyncio.gather(*(put_events(desk_of_one, desk.registry, call, NOW) for call in calls))

    asyncio.run(put())
    assert desk.did("u1") == [("i2", "view"), ("i1", "view")]
    assert desk.did("u2") == [("i3", "view")]
    assert links(desk) == [(session_user("s1"), "u1")]


def test_a_session_may_ask_by_its_own_id(desk: Any) -> None:
    desk.events(view("i1"))
    desk.users({"userId": "known", "properties": '{"age": 4}'})
    assert asker(desk.shop, "s1") == session_user("s1")
    assert asker(desk.shop, "nobody") == "nobody"
    desk.events(view("i2"), sessionId="known")
    assert asker(desk.shop, "known") == "known"
    desk.events(view("i3"), userId="u1")
    assert asker(desk.shop, "s1") == "s1"


def test_a_link_is_written_only_where_there_is_something_to_link(desk: Any) -> None:
    desk.events(view("i1"), userId="u1")
    desk.events(view("i2"))
    desk.events(view("i3"), userId="u1")
    desk.events(view("i4"), userId="u1")
    assert links(desk) == [(session_user("s1"), "u1")]


@pytest.mark.parametrize("in_lake", [False, True])
def test_each_user_takes_what_came_before_them(desk: Any, in_lake: bool) -> None:
    desk.events(view("i1"))
    if in_lake:
        settle(desk.shop, NOW)
    desk.events(view("i2"), userId="u1")
    desk.events(view("i3"))
    desk.events(view("i4"), userId="u2")
    desk.events(view("i5"))
    assert desk.did("u1") == [("i2", "view"), ("i1", "view")]
    assert desk.did("u2") == [("i4", "view"), ("i3", "view")]
    assert desk.did(session_user("s1")) == [("i5", "view")]
    owners = desk.stored("item_id, user_id, session_id")
    assert owners == [
        ("i1", "u1", "s1"),
        ("i2", "u1", "s1"),
        ("i3", "u2", "s1"),
        ("i4", "u2", "s1"),
        ("i5", session_user("s1"), "s1"),
    ]


def test_events_that_the_lake_has_already_are_linked_there(desk: Any) -> None:
    desk.events(view("i1", eventId="e1"), view("i2", sentAt=1_700_000_000))
    desk.events(view("i9"), sessionId="other")
    assert [row[0] for row in desk.stored("user_id", order="item_id")] == [
        session_user("s1"), session_user("s1"), session_user("other"),
    ]  # fmt: skip
    desk.events(view("i3"), userId="u1")
    assert desk.stored("item_id, user_id") == [
        ("i1", "u1"), ("i2", "u1"), ("i3", "u1"), ("i9", session_user("other")),
    ]  # fmt: skip
    trained = load_interactions(desk.shop.lake)
    assert Counter(trained.user_ids[row] for row in trained.user) == {
        "u1": 3,
        session_user("other"): 1,
    }


def test_a_snapshot_of_the_lake_has_no_name_of_a_linked_session(desk: Any) -> None:
    desk.events(view("i1"))
    settle(desk.shop, NOW)
    desk.events(view("i2"), userId="u1")
    compact(desk.shop, NOW)
    publish_built(desk.shop, NOW)
    users = desk.shop.now.state.users
    assert sorted(users.ids(range(len(users)))) == ["", "u1"]
    assert desk.did("u1") == [("i1", "view"), ("i2", "view")]


def test_popularity_counts_an_event_once(desk: Any) -> None:
    desk.events(view("i1"))
    before = desk.shop.now.state.popular(NOW, 5)[1].tolist()
    desk.events(view("i1", eventType="Purchase"), userId="u1")
    desk.shop.now.state.popular(NOW, 5)
    settle(desk.shop, NOW)
    assert desk.shop.now.state.popular(NOW, 5, "view")[1].tolist() == before


def test_a_late_retry_of_an_anonymous_event_is_known(desk: Any) -> None:
    desk.events(view("i1"))
    desk.events(view("i2"), userId="u1")
    desk.events(view("i1"))
    assert desk.did(session_user("s1")) == []
    settle(desk.shop, NOW)
    desk.events(view("i1"))
    assert desk.did("u1") == [("i2", "view"), ("i1", "view")]


@pytest.mark.server
@pytest.mark.parametrize("in_lake", [False, True])
def test_an_erasure_takes_the_sessions_events_as_well(
    desk: Any, tmp_path: Path, holders: Callable[[Path, str], set[str]], in_lake: bool
) -> None:
    desk.events(view("i1", eventId="told-anonymously"), sessionId="told-session")
    if in_lake:
        settle(desk.shop, NOW)
    desk.events(view("i2"), sessionId="told-session", userId="told-user")
    desk.events(view("i3"), sessionId="s2")
    erase_user(desk.shop, "told-user", NOW)
    assert desk.did("told-user") == [] == desk.did(session_user("told-session"))
    settle(desk.shop, NOW, purge_now=True)
    assert desk.stored("item_id") == [("i3",)]
    for name in ("told-session", "told-user", "told-anonymously"):
        assert holders(tmp_path / "groups", name) == set()


def test_no_earlier_version_shows_an_erased_users_session(desk: Any) -> None:
    desk.events(view("i1"))
    desk.events(view("i2"), sessionId="other")
    settle(desk.shop, NOW)
    then = desk.shop.lake.manifest().version
    desk.events(view("i3"), userId="u1")
    settle(desk.shop, NOW)
    for erased, expected in ((False, ["i1", "i2"]), (True, ["i2"])):
        if erased:
            erase_user(desk.shop, "u1", NOW)
            for place in range(10):  # so many parts of one date that they are written anew
                desk.events(view(f"later-{place}"), sessionId="third")
                settle(desk.shop, NOW)
        with desk.shop.lake.at(then).connect() as sql:
            rows = sql.execute("SELECT item_id FROM events ORDER BY 1").fetchall()
        assert [item for (item,) in rows] == expected


SESSIONS, USERS = ("a", "b"), ("u1", "u2")
steps = st.one_of(
    st.tuples(st.just("anonymous"), st.sampled_from(SESSIONS)),
    st.tuples(st.just("known"), st.sampled_from(SESSIONS), st.sampled_from(USERS)),
    st.tuples(st.just("erase"), st.sampled_from((*USERS, *map(session_user, SESSIONS)))),
    st.tuples(st.just("settle")),
    st.tuples(st.just("build")),
    st.tuples(st.just("reopen")),
)


class Expected:
    """Whose each event is, worked out step by step."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}  # by item, of which each event has its own

    def move(self, one: str, other: str | None) -> None:
        for item in [item for item, owner in self.owners.items() if owner == one]:
            if other is None:
                del self.owners[item]
            else:
                self.owners[item] = other

    def of(self, user: str) -> set[str]:
        return {item for item, owner in self.owners.items() if owner == user}


class Story:
    """A desk in a folder of its own, beside what is expected of it."""

    def __init__(self, put_desk: ModuleType, home: Path) -> None:
        self.put_desk, self.home = put_desk, home
        self.desk, self.expected, self.item = put_desk.opened(home), Expected(), 0

    def take(self, kind: str, *who: str) -> None:
        if kind in ("anonymous", "known"):
            self.put(*who)
        elif kind == "erase":
            erase_user(self.desk.shop, who[0], NOW)
            self.expected.move(who[0], None)
        elif kind == "settle":
            settle(self.desk.shop, NOW)
        elif kind == "build":
            settle(self.desk.shop, NOW)
            publish_built(self.desk.shop, NOW)
        else:
            self.desk = self.desk._replace(shop=self.put_desk.again(self.home))

    def put(self, session: str, user: str | None = None) -> None:
        self.item += 1
        name = f"i{self.item:03}"
        # Times go back and forth over several dates, as in clients that send late.
        sent = NOW // SECOND - self.item * 40_000 % 200_000
        more = {"userId": user} if user else {}
        self.desk.events(view(name, sentAt=sent), sessionId=session, **more)
        self.expected.owners[name] = user or session_user(session)
        if user:
            self.expected.move(session_user(session), user)

    def check_histories(self) -> None:
        for user in (*USERS, *map(session_user, SESSIONS)):
            found = [item for item, _ in self.desk.did(user)]
            assert sorted(found) == sorted(self.expected.of(user)), user
            ts = self.desk.shop.now.state.history(user).ts
            assert (ts[1:] >= ts[:-1]).all()


LIMITS = StateLimits(history_events=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=30))
def test_the_state_gives_each_event_to_one_user(told: list[tuple[str, ...]]) -> None:
    state, expected = LiveState(None, LIMITS), Expected()
    named = User(session_user("a"), {"of": "a session that has attributes"})
    records: list[AnyRecord] = [UsersPut(NOW, users=(named,))]
    for place, (kind, *who) in enumerate(told):
        if kind in ("anonymous", "known"):
            owner, ts = (session_user(who[0]), *who[1:])[-1], NOW - place * 7 % 5
            event = Event(owner, f"i{place}", "view", ts, f"e{place}")
            records.append(EventsPosted(NOW, events=(event,)))
            expected.owners[f"i{place}"] = owner
        if kind == "known":
            records.append(Linked(NOW, session=session_user(who[0]), user_id=who[1]))
            expected.move(session_user(who[0]), who[1])
    for end, record in enumerate(records, start=1):
        state.apply(record, end)
    events, _ = by_owner(records)
    assert {event.item_id: event.user_id for event in events} == expected.owners
    for user in (*USERS, *map(session_user, SESSIONS)):
        found = state.history(user)
        assert (found.ts[1:] >= found.ts[:-1]).all()
        kept = {state.items.id(int(item)) for item in found.items}
        assert kept <= expected.of(user)
        assert len(kept) == len(found.items) == min(len(expected.of(user)), 6)


@pytest.mark.server
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(steps, max_size=14))
def test_each_event_is_one_users_in_whatever_order(
    put_desk: ModuleType, told: list[tuple[str, ...]]
) -> None:
    home = Path(tempfile.mkdtemp())
    try:
        story = Story(put_desk, home)
        for step in told:
            story.take(*step)
            story.check_histories()
        assert dict(story.desk.stored("item_id, user_id")) == story.expected.owners
        assert len(story.desk.stored("item_id")) == len(story.expected.owners)
        publish_built(story.desk.shop, NOW)
        story.check_histories()
    finally:
        shutil.rmtree(home)

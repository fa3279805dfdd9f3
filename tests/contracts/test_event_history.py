"""The contract of the port EventHistory. A new adapter is one more line in ``HISTORIES``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_events import DynamoEvents
from endcap.adapters.dynamodb_tables import EVENTS, TABLES, Names, create
from endcap.domain.values import LEAST_TS, MOST_TS, Event
from endcap.ports import EventHistory

Open = Callable[[], EventHistory]
AT = 1_755_369_000_000_000
pytestmark = pytest.mark.server


def dynamodb(request: pytest.FixtureRequest) -> Open:
    aws: Any = request.getfixturevalue("aws")
    client, names = aws.client("dynamodb"), Names(prefix=aws.name("t") + "-")
    create(client, names, [TABLES[EVENTS]])
    calls = DynamoCalls(make=lambda: client)
    return lambda: DynamoEvents(calls, names, keep_days=30)


HISTORIES = {"dynamodb": dynamodb}


@pytest.fixture(params=HISTORIES.values(), ids=HISTORIES)
def open_history(request: pytest.FixtureRequest) -> Open:
    """Each call opens the same history again, as another process would."""
    opened: Open = request.param(request)
    return opened


def made(user: str, number: int, **more: Any) -> Event:
    return Event(user, f"item {number}", "view", AT + number * 1_000_000, f"id {number}", **more)


def test_nobody_has_done_anything_at_first(open_history: Open) -> None:
    history = open_history()
    assert history.newest("u", 10) == []
    assert history.erase("u") == 0


def test_an_event_comes_back_as_it_went_in(open_history: Open) -> None:
    event = made(
        "ü/#\U0001f600", 1, value=2.0, session_id="", attributes={"a": [1.0, 2], "b": None}
    )
    assert open_history().put(event)
    assert open_history().newest(event.user_id, 10) == [event]


def test_the_same_event_again_changes_nothing_and_says_so(open_history: Open) -> None:
    history = open_history()
    assert [history.put(made("u", 1)) for _ in range(3)] == [True, False, False]
    assert history.put_many([made("u", 1), made("u", 2), made("u", 1)]) == {}
    assert history.newest("u", 10) == [made("u", 1), made("u", 2)]


def test_events_of_one_instant_all_stay(open_history: Open) -> None:
    history = open_history()
    events = [replace(made("u", 1), event_id=name) for name in ("a", "b", "c")]
    assert all(map(history.put, reversed(events)))
    assert history.newest("u", 10) == events


def test_the_newest_are_chosen_and_stand_oldest_first(open_history: Open) -> None:
    history = open_history()
    history.put_many([made("u", n) for n in (3, 1, 4, 2, 0)])
    assert [e.event_id for e in history.newest("u", 3)] == ["id 2", "id 3", "id 4"]
    assert history.newest("u", 0) == []
    after = made("u", 2).ts
    assert [e.event_id for e in history.newest("u", 9, after)] == ["id 3", "id 4"]
    assert [e.event_id for e in history.newest("u", 1, after)] == ["id 4"]
    assert history.newest("u", 9, made("u", 4).ts) == []


def test_many_events_of_one_shopper_are_all_there(open_history: Open) -> None:
    history = open_history()
    events = [made("u", n) for n in range(260)]
    assert history.put_many(events) == {}
    assert history.newest("u", 1000) == events
    assert history.newest("u", 130) == events[130:]


def test_the_first_and_the_last_time_there_are(open_history: Open) -> None:
    history = open_history()
    events = [replace(made("u", 1), ts=ts) for ts in (LEAST_TS, -1, 0, MOST_TS)]
    history.put_many(events)
    assert history.newest("u", 10) == events
    assert history.newest("u", 10, LEAST_TS) == events[1:]
    assert history.newest("u", 10, -1) == events[2:]


def test_an_erased_shopper_has_done_nothing_and_others_have(open_history: Open) -> None:
    history = open_history()
    history.put_many([made("u", n) for n in range(60)])
    history.put(made("other", 1))
    assert history.erase("u") == 60
    assert history.erase("u") == 0
    assert open_history().newest("u", 10) == []
    assert history.newest("other", 10) == [made("other", 1)]
    assert history.put(made("u", 1))  # who comes back is new


def test_what_cannot_be_kept_is_named_and_the_others_are_kept(open_history: Open) -> None:
    history = open_history()
    fat = replace(made("u", 2), attributes={"text": "x" * 2**20})
    failed = history.put_many([made("u", 1), fat, made("u", 3), made("", 4)])
    assert {position: error.code for position, error in failed.items()} == {
        1: "document_too_large",
        3: "empty_key",
    }
    assert history.newest("u", 10) == [made("u", 1), made("u", 3)]


@pytest.mark.parametrize("letter", ["i", "\U0001f600"])
def test_long_ids_are_kept_apart(open_history: Open, letter: str) -> None:
    history = open_history()
    events = [replace(made("u", 1), event_id=letter * 255 + end) for end in "ab"]
    assert all(map(history.put, events))
    assert {e.event_id for e in history.newest("u", 10)} == {e.event_id for e in events}


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
streams = st.lists(
    st.builds(
        Event,
        user_id=st.sampled_from(["u", "v", "u#"]),
        item_id=texts,
        event_type=texts,
        ts=st.integers(AT, AT + 3) | st.integers(LEAST_TS, MOST_TS),
        event_id=st.sampled_from(["a", "b", "#", "~", "\0"]) | texts,
        value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        session_id=st.none() | texts,
        attributes=st.none()
        | st.dictionaries(texts, st.none() | texts | st.integers() | st.booleans(), max_size=2),
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=streams, batch=st.booleans(), most=st.integers(1, 8), after=st.integers(-1, 4))
def test_what_comes_back_is_what_went_in_and_repeats_change_nothing(
    open_history: Open, stream: list[Event], batch: bool, most: int, after: int
) -> None:
    history = open_history()
    for user in ("u", "v", "u#"):
        history.erase(user)
    expected: dict[tuple[str, int, str], Event] = {}
    for event in stream:
        expected.setdefault((event.user_id, event.ts, event.event_id), event)
    whole = [*expected.values()]
    if batch:
        assert history.put_many(whole) == {}
        assert not any(map(history.put, stream))
    else:
        assert [e for e in stream if history.put(e)] == whole
    assert history.put_many(whole) == {}
    for user in ("u", "v", "u#"):
        own = sorted((e for e in whole if e.user_id == user), key=lambda e: (e.ts, e.event_id))
        assert history.newest(user, 100) == own
        assert history.newest(user, most) == own[-most:]
        later = [e for e in own if e.ts > AT + after]
        assert history.newest(user, most, AT + after) == later[-most:]

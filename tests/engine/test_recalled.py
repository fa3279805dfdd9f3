"""Events that are looked up make the history that the log would have made."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from endcap.domain.records import AnyRecord, EventsPosted, UserErased
from endcap.domain.values import Event
from endcap.engine.limits import MICROSECONDS_PER_HOUR
from endcap.engine.snapshot import Snapshot, extend_snapshot
from endcap.engine.state import LiveState, StateLimits

AT = 1_755_369_000_000_000
LATER = AT + MICROSECONDS_PER_HOUR
LIMITS = StateLimits(history_events=6)
USERS = ("u0", "u1", "ü2")

made = st.builds(
    lambda user, item, kind, ts: Event(user, item, kind, AT + ts, ""),
    st.sampled_from(USERS),
    st.sampled_from(["i0", "i1", "i2"]),
    st.sampled_from(["view", "purchase", "wish"]),
    st.integers(0, 12),
)
different = st.lists(
    made, max_size=16, unique_by=lambda e: (e.user_id, e.item_id, e.event_type, e.ts)
).map(lambda events: [replace(e, event_id=f"id {n}") for n, e in enumerate(events)])


def posted(*events: Event, at: int = LATER, end: int = 1) -> tuple[AnyRecord, int]:
    return EventsPosted(at, events=events), end


def told(state: LiveState, user: str) -> list[tuple[str, str, int]]:
    items, types, ts = (column.tolist() for column in state.history(user))
    names = [state.event_types[code] for code in types]
    return list(zip(state.items.ids(items), names, ts, strict=True))


def stood_on(state: LiveState, folder: str) -> Snapshot:
    extend_snapshot(state, Path(folder))
    return Snapshot.open(Path(folder))


@given(different, st.data())
def test_any_split_and_order_of_lookups_gives_the_history_of_the_log(
    events: list[Event], data: st.DataObject
) -> None:
    known = data.draw(st.integers(0, len(events)))
    old, new = events[:known], events[known:]
    looks = data.draw(st.lists(st.lists(st.sampled_from(events)) if events else st.just([])))
    first = LiveState(None, LIMITS)
    first.apply(*posted(*old, end=1))
    with TemporaryDirectory() as folder:
        snapshot = stood_on(first, folder)
        by_log, by_lookup = LiveState(snapshot, LIMITS), LiveState(snapshot, LIMITS)
        for end, event in enumerate(sorted(new, key=lambda e: (e.ts, e.event_id)), start=2):
            by_log.apply(*posted(event, end=end))
        for look in looks:
            by_lookup.recall(look)
        left = data.draw(st.permutations(events))
        by_lookup.recall(left)
        by_lookup.recall(left)
        assert [told(by_lookup, user) for user in USERS] == [told(by_log, user) for user in USERS]
        assert by_lookup.offset == first.offset


def test_what_is_recalled_counts_in_histories_alone() -> None:
    state = LiveState(None, LIMITS)
    state.apply(*posted(Event("u0", "a", "view", AT, "1")))
    state.recall([Event("u0", "b", "view", AT + 1, "2")])
    assert [item for item, *_ in told(state, "u0")] == ["a", "b"]
    assert state.items.ids(state.popular(LATER, 9)[0]) == ["a"]
    state.apply(UserErased(LATER, user_id="u0"), 2)
    assert len(state.popular(LATER, 9)[0]) == 0
    assert told(state, "u0") == []


def test_what_the_log_brings_later_stands_once() -> None:
    state = LiveState(None, LIMITS)
    event = Event("u0", "a", "view", AT, "1")
    state.recall([event])
    mark = state.recall_mark("u0")
    state.apply(*posted(event))
    assert told(state, "u0") == [("a", "view", AT)]
    assert (mark != 0, state.recall_mark("u0")) == (True, 0)


def test_one_id_at_two_times_is_the_earlier_event() -> None:
    early, late = Event("u0", "a", "view", AT, "1"), Event("u0", "a", "view", AT + 5, "1")
    for order in ([early, late], [late, early]):
        state = LiveState(None, LIMITS)
        for event in order:
            state.recall([event])
        assert told(state, "u0") == [("a", "view", AT)]


def test_neither_the_future_nor_the_erased_past_comes_back() -> None:
    state = LiveState(None, LIMITS)
    events = [Event("u0", f"i{n}", "view", AT + n, f"{n}") for n in range(5)]
    state.recall(events, at=AT + 3)
    assert [item for item, *_ in told(state, "u0")] == ["i0", "i1", "i2", "i3"]
    state.apply(UserErased(AT + 2, user_id="u0"), 1)
    assert told(state, "u0") == []
    state.recall(events)
    assert [item for item, *_ in told(state, "u0")] == ["i3", "i4"]


def test_an_event_whose_id_the_snapshot_has_forgotten_is_known_by_what_it_says() -> None:
    short = StateLimits(repeat_horizon=1)
    first = LiveState(None, short)
    event = Event("u0", "a", "view", AT, "1")
    first.apply(*posted(event, at=AT))
    first.apply(*posted(at=LATER, end=2))
    with TemporaryDirectory() as folder:
        state = LiveState(stood_on(first, folder), short)
        assert not state.has_event("1")
        state.recall([event, replace(event, item_id="b", event_id="2")])
        assert [item for item, *_ in told(state, "u0")] == ["a", "b"]


def test_lookups_begin_an_hour_before_what_the_snapshot_holds() -> None:
    first = LiveState(None, LIMITS)
    assert first.recall_after is None
    first.apply(*posted(Event("u0", "a", "view", AT, "1")))
    with TemporaryDirectory() as folder:
        state = LiveState(stood_on(first, folder), LIMITS)
        assert state.recall_after == AT - MICROSECONDS_PER_HOUR

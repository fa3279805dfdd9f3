"""Rows made from the live state equal those made later from the lake's events, bit by bit."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.data.interactions import Interactions
from endcap.domain.records import EventsPosted
from endcap.domain.values import EVENT_TYPES, Attributes, Event
from endcap.engine.limits import MICROSECONDS_PER_DAY
from endcap.engine.state import LiveState, StateLimits
from endcap.features import rows as rows_module
from endcap.features import sampling
from endcap.features.definitions import NAMES
from endcap.features.products import ProductTable, ProductTables, product_table
from endcap.features.rows import context_of, device_code, feature_rows
from endcap.features.sampling import moment_rows, moments

DAY = MICROSECONDS_PER_DAY
START = 1_700_000_000_000_000 // (7 * DAY) * 7 * DAY
NEWEST = 5  # events that features look at in these tests
LIMITS = StateLimits(history_events=60, repeat_horizon=90 * DAY)
USERS, ITEMS = ("u0", "u1", "u2"), ("i0", "i1", "i2", "i3", "i4", "i5")
PROFILES: dict[str, Attributes] = {"u0": {"device": "Mobile"}, "u1": {"device": "tablet"}}
CATALOGUE: dict[str, Attributes] = {
    "i0": {"price": 2.5, "department": "food", "aisle": "bread", "brand": "a"},
    "i1": {"price": 0, "department": "food", "aisle": "milk"},
    "i2": {"price": 8, "department": "food", "aisle": "bread", "brand": "b", "created": START},
    "i3": {"price": 3.25, "department": ["home", "food"], "brand": "a"},
    "i4": {"price": "dear"},
}

times = st.integers(0, 20 * DAY).map(lambda delta: START + delta) | st.sampled_from(
    [START, START + 5 * DAY, START + 5 * DAY + 1, START + 14 * DAY]
)
events = st.lists(
    st.builds(
        Event,
        user_id=st.sampled_from(USERS[:2]) | st.sampled_from(USERS),
        item_id=st.sampled_from(ITEMS),
        event_type=st.sampled_from([*EVENT_TYPES, "purchase", "rate", "wish"]),
        ts=times,
        event_id=st.integers(0, 40).map(str),
    ),
    max_size=24,
)


def distinct(stream: Sequence[Event]) -> list[Event]:
    """Without repeats, as the lake keeps them."""
    first: dict[str, Event] = {}
    for event in stream:
        first.setdefault(event.event_id, event)
    return list(first.values())


def interactions(stream: Sequence[Event]) -> Interactions:
    """What the lake hands to training: ids in order, events by user, time, arrival."""
    kept = distinct(stream)
    user_ids = sorted({event.user_id for event in kept})
    item_ids = sorted({event.item_id for event in kept})
    extra = sorted({event.event_type for event in kept} - set(EVENT_TYPES))
    types = (*EVENT_TYPES, *extra)
    kept.sort(key=lambda event: (event.user_id, event.ts))
    return Interactions(
        np.array([user_ids.index(e.user_id) for e in kept], np.int32),
        np.array([item_ids.index(e.item_id) for e in kept], np.int32),
        np.array([types.index(e.event_type) for e in kept], np.uint8),
        np.array([e.ts for e in kept], np.int64),
        user_ids,
        item_ids,
        types,
    )


def catalogue(data: Interactions) -> list[Attributes]:
    return [CATALOGUE.get(item_id, {}) for item_id in data.item_ids]


class Online:
    """A server: live state, and a product table with the ids that it was published with."""

    def __init__(self, state: LiveState, published: Interactions, as_of: int) -> None:
        self.state = state
        self.ids = {item_id: row for row, item_id in enumerate(published.item_ids)}
        self.table = product_table(published, catalogue(published), as_of)

    def row(self, item_id: str) -> int:
        """Of the table; behind its end for what only the state knows; -1 for the unknown."""
        live = self.state.items.row(item_id)
        return self.ids.get(item_id, len(self.ids) + live if live >= 0 else -1)

    def rows(self, user_id: str, at: int) -> np.ndarray:
        history = self.state.history(user_id)
        mine = [self.row(item_id) for item_id in self.state.items.ids(history.items)]
        asked = np.array([self.row(item_id) for item_id in (*ITEMS, "never")], np.int32)
        context = context_of(at, PROFILES.get(user_id, {}))
        return feature_rows(
            np.array(mine, np.int32), history.types, history.ts, asked, self.table, at, context
        )


def offline_rows(
    data: Interactions, asked: Sequence[tuple[str, int]], tables: ProductTables
) -> np.ndarray:
    """(asked, ITEMS and an unknown one, features) of (user, time) pairs."""
    place = {item_id: row for row, item_id in enumerate(data.item_ids)}
    candidates = np.array([*(place.get(i, -1) for i in ITEMS), -1], np.int32)
    users = np.array([list(data.user_ids).index(user) for user, _ in asked], np.int32)
    devices = [device_code(PROFILES.get(user, {})) for user in data.user_ids]
    chosen = moments(data, users, np.array([at for _, at in asked], np.int64))
    return moment_rows(
        data,
        chosen,
        np.arange(len(asked) + 1) * len(candidates),
        np.tile(candidates, len(asked)),
        tables.in_force,
        np.array(devices, np.int32),
    ).reshape(len(asked), len(candidates), len(NAMES))


@pytest.fixture(autouse=True, scope="module")
def _short_histories() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "HISTORY_EVENTS", NEWEST)
        patch.setattr(sampling, "HISTORY_EVENTS", NEWEST)
        yield


@given(events)
@settings(max_examples=40, deadline=None)
def test_rows_of_past_moments_are_those_that_were_served(stream: list[Event]) -> None:
    """Events arrive in time; a row is asked for just before each and at each tie."""
    stream = sorted(distinct(stream), key=lambda event: event.ts)
    state, served, asked = LiveState(None, LIMITS), [], []
    for place, event in enumerate(stream):
        as_of = event.ts // (7 * DAY) * 7 * DAY
        published = interactions([e for e in stream if e.ts < as_of])
        served.append(Online(state, published, as_of).rows(event.user_id, event.ts))
        asked.append((event.user_id, event.ts))
        state.apply(EventsPosted(event.ts, events=(event, event)), place + 1)
    if stream:
        data = interactions(stream)
        found = offline_rows(data, asked, ProductTables(data, catalogue(data)))
        np.testing.assert_array_equal(found, np.stack(served))


@given(events, times)
@settings(max_examples=40, deadline=None)
def test_late_events_and_repeats_change_both_alike(stream: list[Event], at: int) -> None:
    """Events arrive in any order; all users are asked about at one time after each arrival."""
    state, as_of = LiveState(None, LIMITS), at // (7 * DAY) * 7 * DAY
    for place, event in enumerate(stream):
        state.apply(EventsPosted(START + 20 * DAY, events=(event,)), place + 1)
        if place % 4 and place + 1 < len(stream):
            continue
        data = interactions(stream[: place + 1])
        published = interactions([e for e in distinct(stream[: place + 1]) if e.ts < as_of])
        online = Online(state, published, as_of)
        asked = [(user, at) for user in data.user_ids]
        found = offline_rows(data, asked, ProductTables(data, catalogue(data)))
        served = np.stack([online.rows(user, at) for user in data.user_ids])
        np.testing.assert_array_equal(found, served)


@given(events, events, times)
@settings(max_examples=40, deadline=None)
def test_nothing_of_the_future_shows(before: list[Event], after: list[Event], at: int) -> None:
    """Any events from a time on, of old and new shoppers and products, change no row of it."""
    before = [e for e in distinct(before) if e.ts < at]
    future = [
        Event(e.user_id, e.item_id, e.event_type, max(e.ts, at), f"later {e.event_id}")
        for e in after
    ]
    if before:
        asked = [(user, at) for user in sorted({e.user_id for e in before})]
        alone, more = interactions(before), interactions(before + future)
        np.testing.assert_array_equal(
            offline_rows(alone, asked, ProductTables(alone, catalogue(alone))),
            offline_rows(more, asked, ProductTables(more, catalogue(more))),
        )


@given(events)
@settings(max_examples=30, deadline=None)
def test_a_server_that_keeps_fewer_events_has_its_own_rows(stream: list[Event]) -> None:
    kept, at = 3, START + 21 * DAY
    state = LiveState(None, StateLimits(history_events=kept, repeat_horizon=90 * DAY))
    state.apply(EventsPosted(at, events=tuple(stream)), 1)
    if stream:
        data = interactions(stream)
        users = np.arange(data.n_users, dtype=np.int32)
        chosen = moments(data, users, np.full(data.n_users, at), most=kept)
        for user, start, stop in zip(data.user_ids, chosen.starts, chosen.stops, strict=True):
            history = state.history(user)
            assert history.ts.tolist() == data.ts[start:stop].tolist()
            found = [data.item_ids[row] for row in data.item[start:stop]]
            assert state.items.ids(history.items) == found


def test_the_comparison_sees_a_difference() -> None:
    """One event more in the state, one table later: neither goes unnoticed."""
    stream = [Event("u0", "i0", "view", START + k * DAY, str(k)) for k in range(9)]
    data, at = interactions(stream), START + 9 * DAY
    found = offline_rows(data, [("u0", at)], ProductTables(data, catalogue(data)))[0]
    state = LiveState(None, LIMITS)
    state.apply(EventsPosted(at, events=tuple(stream)), 1)
    same, later = (Online(state, data, as_of) for as_of in (START + 7 * DAY, START + 8 * DAY))
    np.testing.assert_array_equal(same.rows("u0", at), found)
    assert "product_popularity_fast" in changed(later.rows("u0", at), found)
    state.apply(EventsPosted(at, events=(Event("u0", "i2", "view", at - 1, "new"),)), 2)
    assert "pair_views" in changed(same.rows("u0", at), found)


def changed(one: np.ndarray, other: np.ndarray) -> set[str]:
    differs = ~((one == other) | (np.isnan(one) & np.isnan(other)))
    return {NAMES[column] for column in np.flatnonzero(differs.any(axis=0))}


def test_a_table_is_the_one_that_training_reads() -> None:
    stream = [Event("u0", f"i{k % 3}", "purchase", START + k * DAY, str(k)) for k in range(12)]
    data = interactions(stream)
    tables = ProductTables(data, catalogue(data))
    made: ProductTable = tables.in_force(START + 10 * DAY)
    assert made.as_of == START + 7 * DAY
    assert tables.in_force(START + 7 * DAY) is made
    assert tables.in_force(START + 7 * DAY - 1).as_of == START
    alone = product_table(data, catalogue(data), START + 7 * DAY)
    np.testing.assert_array_equal(made.values, alone.values)

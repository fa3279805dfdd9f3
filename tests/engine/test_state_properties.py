"""The state against a plain reference: same records, same state, wherever snapshots stand."""

import random
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.domain.records import AnyRecord, EventsPosted, ItemsPut, UserErased, UsersPut
from endcap.domain.values import Attributes, Event, Item, User
from endcap.engine.limits import MICROSECONDS_PER_DAY
from endcap.engine.snapshot import Snapshot, extend_snapshot
from endcap.engine.state import LiveState, StateLimits

DAY = MICROSECONDS_PER_DAY
START = 1_700_000_000_000_000
LIMITS = StateLimits(history_events=6, repeat_horizon=30 * DAY)
WEIGHTS = {"view": 1.0, "add_to_cart": 3.0, "purchase": 5.0}
USERS, ITEMS = ("u0", "u1", "u2", "ü3"), ("i0", "i1", "i2", "i3", "i4")

times = st.integers(0, 20 * DAY).map(lambda delta: START + delta)
events = st.builds(
    Event,
    user_id=st.sampled_from(USERS),
    item_id=st.sampled_from(ITEMS),
    event_type=st.sampled_from(["view", "purchase", "wish", "rate"]),
    ts=times | st.sampled_from([START, START + DAY]),
    event_id=st.integers(0, 60).map(str),
)
attributes = st.dictionaries(st.sampled_from("pqr"), st.none() | st.integers(0, 9) | st.text())
puts = st.builds(Item, st.sampled_from(ITEMS), attributes)
user_puts = st.builds(User, st.sampled_from(USERS), attributes)
arrivals = st.integers(20 * DAY, 24 * DAY).map(lambda delta: START + delta)
keys = st.sampled_from([b"", b"", b"", b"key 1", b"key 2"])
records = st.lists(
    st.builds(EventsPosted, arrivals, keys, events=st.lists(events, max_size=5).map(tuple))
    | st.builds(ItemsPut, arrivals, keys, items=st.lists(puts, max_size=2).map(tuple))
    | st.builds(UsersPut, arrivals, keys, users=st.lists(user_puts, max_size=2).map(tuple))
    | st.builds(UserErased, arrivals, user_id=st.sampled_from(USERS)),
    max_size=25,
)


@dataclass
class Reference:
    """What the state must say, by its definition, with lists and loops."""

    events: list[Event] = field(default_factory=list)
    items: dict[str, Attributes] = field(default_factory=dict)
    users: dict[str, Attributes] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    keys: set[bytes] = field(default_factory=set)
    left_in_counts: list[Event] = field(default_factory=list)

    def apply(self, record: AnyRecord) -> None:
        if record.key and record.key in self.keys:
            return
        self.keys.add(record.key)
        if isinstance(record, EventsPosted):
            for event in record.events:
                if event.event_id not in self.seen:
                    self.seen.add(event.event_id)
                    self.events.append(event)
                    self.items.setdefault(event.item_id, {})
                    self.users.setdefault(event.user_id, {})
        elif isinstance(record, ItemsPut):
            for item in record.items:
                self.items[item.item_id] = merge(self.items.get(item.item_id), item.attributes)
        elif isinstance(record, UsersPut):
            for user in record.users:
                self.users[user.user_id] = merge(self.users.get(user.user_id), user.attributes)
        elif isinstance(record, UserErased):
            own = self.of(record.user_id)
            self.left_in_counts += own[: -LIMITS.history_events]
            self.events = [e for e in self.events if e.user_id != record.user_id]
            self.users.pop(record.user_id, None)

    def of(self, user: str) -> list[Event]:
        return sorted((e for e in self.events if e.user_id == user), key=lambda e: e.ts)

    def counts(self) -> dict[str, float]:
        counted = self.events + self.left_in_counts
        newest = max((e.ts for e in counted), default=0)
        fade = LIMITS.popular_half_life_days * DAY
        sums: dict[str, float] = defaultdict(float)
        for e in counted:
            sums[e.item_id] += WEIGHTS.get(e.event_type, 1.0) * 2 ** ((e.ts - newest) / fade)
        return sums


def merge(old: Attributes | None, named: Attributes) -> Attributes:
    return {k: v for k, v in {**(old or {}), **named}.items() if v is not None}


Seen = dict[str, list[tuple[str, str, int]]]


def histories(state: LiveState) -> Seen:
    found = {}
    for user in filter(None, state.users):
        items, types, ts = state.history(user)
        names = [state.event_types[code] for code in types]
        found[user] = list(zip(state.items.ids(items), names, ts.tolist(), strict=True))
    return found


def values(state: LiveState, kind: str, event_type: str | None = None) -> dict[str, float]:
    rows, scores = getattr(state, kind)(state.newest_ts, 100, event_type)
    return dict(zip(state.items.ids(rows), scores.tolist(), strict=True))


def everything(state: LiveState) -> dict[str, object]:
    """All that a reader can learn, by ids."""
    kinds = [(kind, t) for kind in ("popular", "trending") for t in (None, *state.event_types)]
    return {
        "histories": histories(state),
        "items": [(text, state.item_attributes(row)) for row, text in enumerate(state.items)],
        "users": [(text, state.user_attributes(text)) for text in state.users],
        "types": state.event_types,
        "ids": [state.has_event(str(n)) for n in range(61)],
        "bodies": [state.body_of(key) for key in (b"key 1", b"key 2", b"key 3")],
        "counts": {kind: values(state, *kind) for kind in kinds},
        "times": (state.offset, state.newest_ts),
    }


def replay(stream: list[AnyRecord], limits: StateLimits = LIMITS) -> LiveState:
    state = LiveState(None, limits)
    for place, record in enumerate(stream):
        state.apply(record, place + 1)
    return state


@given(records)
@settings(max_examples=80, deadline=None)
def test_state_is_what_the_records_say(stream: list[AnyRecord]) -> None:
    state, reference = replay(stream), Reference()
    for record in stream:
        reference.apply(record)
    expected = {
        user: [(e.item_id, e.event_type, e.ts) for e in reference.of(user)][-6:]
        for user in reference.users
    }
    assert histories(state) == expected
    assert dict(zip(state.items, map(state.item_attributes, range(99)), strict=False)) == (
        reference.items
    )
    assert {user: state.user_attributes(user) for user in reference.users} == reference.users
    counted = {item: n for item, n in reference.counts().items() if n > 1e-9}
    if not any(isinstance(record, UserErased) for record in stream):
        assert values(state, "popular") == pytest.approx(counted, rel=1e-5)
    else:  # the time of the newest event does not go back when its user is erased
        found = {item: n for item, n in values(state, "popular").items() if n > 1e-9}
        scale = sum(found.values()) / sum(counted.values()) if counted else 1.0
        assert found == pytest.approx({i: n * scale for i, n in counted.items()}, rel=1e-4)


@given(records, st.sets(st.integers(0, 24), max_size=3))
@settings(max_examples=40, deadline=None)
def test_snapshots_anywhere_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, stream: list[AnyRecord], cuts: set[int]
) -> None:
    state = LiveState(None, LIMITS)
    for place, record in enumerate(stream):
        if place in cuts:
            folder = tmp_path_factory.mktemp("snapshot")
            extend_snapshot(state, folder)
            state = LiveState(Snapshot.open(folder), LIMITS)
        state.apply(record, place + 1)
    assert everything(state) == everything(replay(stream))


@given(
    st.lists(events, max_size=30, unique_by=(lambda e: e.event_id, lambda e: (e.user_id, e.ts))),
    st.integers(0, 2**32),
)
@settings(max_examples=80, deadline=None)
def test_order_batches_and_repeats_of_events_change_nothing(stream: list[Event], seed: int) -> None:
    rng = random.Random(seed)
    plain = replay([EventsPosted(START + 20 * DAY, events=tuple(stream))])
    shuffled = [*stream, *rng.choices(stream, k=len(stream))] if stream else []
    rng.shuffle(shuffled)
    batches: list[AnyRecord] = []
    while shuffled:
        size = rng.randint(1, 5)
        at = START + 20 * DAY + rng.randint(0, DAY)
        batches.append(EventsPosted(at, events=tuple(shuffled[:size])))
        shuffled = shuffled[size:]
    mixed = replay(batches)
    assert histories(mixed) == histories(plain)
    for kind in ("popular", "trending"):
        assert values(mixed, kind) == pytest.approx(values(plain, kind), rel=1e-5, abs=1e-6)


@given(records, st.integers(0, 24))
@settings(max_examples=40, deadline=None)
def test_records_that_were_applied_change_nothing(stream: list[AnyRecord], again: int) -> None:
    state = replay(stream)
    before = everything(state)
    for place, record in list(enumerate(stream))[again:]:
        state.apply(record, place + 1)
    assert everything(state) == before

"""A snapshot built from the lake equals one written from the live state."""

import random
from pathlib import Path

import pytest

from endcap.data.lake import Lake
from endcap.domain.errors import Conflict, Damaged, InvalidInput
from endcap.domain.records import (
    AnyRecord,
    EventsPosted,
    ItemsPut,
    UserErased,
    UsersPut,
    content_id,
)
from endcap.domain.values import Event, Item, User
from endcap.engine.limits import MICROSECONDS_PER_DAY
from endcap.engine.snapshot import Snapshot, build_snapshot, extend_snapshot
from endcap.engine.state import LiveState, StateLimits

START = 1_700_000_000_000_000
HOUR = 3_600_000_000
LIMITS = StateLimits(history_events=8)


def fill(lake: Lake, records: list[AnyRecord], start: int = 0) -> None:
    """Take in records as the keeper does; record number n ends at offset n + 1."""
    events, items, users = [], [], []
    for end, record in enumerate(records, start + 1):
        events += getattr(record, "events", ())
        items += getattr(record, "items", ())
        users += getattr(record, "users", ())
        erased = [record.user_id] if isinstance(record, UserErased) else []
        if erased or end == start + len(records):
            lake.append(events, items, users, erased, end)
            events, items, users = [], [], []


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", 256, 1)


def derived(e: Event) -> str:
    return content_id(e.user_id, e.item_id, e.event_type, e.ts, e.value)


def stream(seed: int, length: int = 300) -> list[AnyRecord]:
    """A few days of a small shop; every event has a time of its own."""
    rng, made, at = random.Random(seed), [], START
    for number in range(length):
        at += rng.randint(1, HOUR // 4)
        user, item = f"u{rng.randint(0, 15)}", f"i{rng.randint(0, 30)}"
        kind = rng.choice(["view", "view", "purchase", "wish", "rate"])
        event = Event(user, item, kind, at - rng.randint(0, HOUR) * 7 - number, f"e{number}")
        if number % 3 == 0:
            event = Event(user, item, kind, event.ts, derived(event))
        record: AnyRecord = EventsPosted(at, b"key %d" % number, b"body", (event,))
        if rng.random() < 0.1:
            record = ItemsPut(at, items=(Item(item, {"price": rng.randint(1, 9), "name": item}),))
        elif rng.random() < 0.1:
            record = UsersPut(at, users=(User(user, {"city": rng.choice(["Ulm", "Kiel"])}),))
        elif rng.random() < 0.02:
            record = UserErased(at, user_id=user)
        made.append(record)
    return made


def replay(records: list[AnyRecord]) -> LiveState:
    state = LiveState(None, LIMITS)
    for place, record in enumerate(records):
        state.apply(record, place + 1)
    return state


def histories(state: LiveState, user: str) -> list[tuple[str, str, int]]:
    items, types, ts = state.history(user)
    names = [state.event_types[code] for code in types]
    return list(zip(state.items.ids(items), names, ts.tolist(), strict=True))


def scores(state: LiveState, kind: str, event_type: str | None) -> dict[str, float]:
    rows, found = getattr(state, kind)(state.newest_ts, 999, event_type)
    return dict(zip(state.items.ids(rows), found.tolist(), strict=True))


def assert_equal(built: LiveState, live: LiveState) -> None:
    users = set(live.users) - {""}
    assert set(built.users) - {""} == users
    assert set(built.items) == set(live.items)
    assert set(built.event_types) == set(live.event_types)
    assert (built.offset, built.newest_ts) == (live.offset, live.newest_ts)
    for user in users:
        assert histories(built, user) == histories(live, user)
        assert built.user_attributes(user) == live.user_attributes(user)
    for item in live.items:
        there, here = built.items.row(item), live.items.row(item)
        assert built.item_attributes(there) == live.item_attributes(here)
    for kind in ("popular", "trending"):
        for event_type in (None, *live.event_types):
            expected = {i: s for i, s in scores(live, kind, event_type).items() if s > 1e-6}
            found = {i: s for i, s in scores(built, kind, event_type).items() if s > 1e-6}
            assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_both_builders_make_the_same_state(tmp_path: Path, lake: Lake, seed: int) -> None:
    records = [r for r in stream(seed) if not isinstance(r, UserErased)]
    live = replay(records)
    fill(lake, records)
    (tmp_path / "built").mkdir()
    (tmp_path / "extended").mkdir()
    build_snapshot(lake, None, tmp_path / "built", LIMITS, tail=records)
    extend_snapshot(live, tmp_path / "extended", 7)
    built = LiveState(Snapshot.open(tmp_path / "built"), LIMITS)
    extended = LiveState(Snapshot.open(tmp_path / "extended"), LIMITS)
    assert built.base.meta.lake_version == lake.manifest().version
    assert extended.base.meta.lake_version == 7
    assert_equal(built, extended)
    for record in records[-50:]:
        assert built.body_of(record.key) == extended.body_of(record.key)
        for event in getattr(record, "events", ()):
            assert built.has_event(event.event_id)
            assert extended.has_event(event.event_id)


@pytest.mark.parametrize("seed", range(2))
def test_rows_stay_when_the_lake_is_read_again(tmp_path: Path, lake: Lake, seed: int) -> None:
    records = stream(seed, 140)
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    extend_snapshot(replay(records[:70]), tmp_path / "first")
    live = replay(records)
    fill(lake, records)
    first = Snapshot.open(tmp_path / "first")
    build_snapshot(lake, first, tmp_path / "second", LIMITS, tail=records[70:])
    second = Snapshot.open(tmp_path / "second")
    assert second.items.ids(range(len(first.items))) == first.items.ids(range(len(first.items)))
    assert second.meta.event_types[: len(first.meta.event_types)] == first.meta.event_types
    before = first.users.ids(range(len(first.users)))
    after = second.users.ids(range(len(first.users)))
    assert {b for a, b in zip(before, after, strict=True) if a != b} <= {""}
    state = LiveState(second, LIMITS)
    for user in set(live.users) - {""}:
        assert histories(state, user) == histories(live, user)
    assert set(state.users) - {""} == set(live.users) - {""}


def test_imported_times_do_not_end_the_memory_for_repeats(tmp_path: Path, lake: Lake) -> None:
    ahead = START + 900 * MICROSECONDS_PER_DAY
    lake.append([Event("u", "i", "view", ahead, "imported")], (), (), (), 0)
    build_snapshot(lake, None, tmp_path, LIMITS, at=START)
    state = LiveState(Snapshot.open(tmp_path), LIMITS)
    assert state.newest_ts == START
    assert state.history("u").ts.tolist() == [ahead]
    event = Event("u", "i", "view", START, "live")
    state.apply(EventsPosted(START, b"k", b"b", (event, Event("u", "j", "view", 1, "imported"))), 9)
    assert state.has_event("live")
    assert state.body_of(b"k") == b"b"
    assert len(state.history("u").ts) == 2


def test_lake_behind_the_snapshot_is_refused(tmp_path: Path, lake: Lake) -> None:
    live = replay(stream(1, 20))
    (tmp_path / "a").mkdir()
    extend_snapshot(live, tmp_path / "a")
    fill(lake, stream(1, 3))
    with pytest.raises(Conflict) as caught:
        build_snapshot(lake, Snapshot.open(tmp_path / "a"), tmp_path, LIMITS)
    assert (caught.value.code, caught.value.value) == ("lake_behind_snapshot", 3)


def test_too_many_types_of_events_are_refused(tmp_path: Path, lake: Lake) -> None:
    events = [Event("u", "i", f"type {n}", START, str(n)) for n in range(253)]
    lake.append(events, (), (), (), 1)
    with pytest.raises(InvalidInput) as caught:
        build_snapshot(lake, None, tmp_path, LIMITS)
    assert (caught.value.code, caught.value.facts["count"]) == ("too_many_event_types", 256)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("meta.json", None),
        ("meta.json", b"{"),
        ("history.ts.npy", None),
        ("history.ts.npy", 100),
        ("history.ts.npy", 200),
        ("users.rows.npy", b""),
        ("counts.fast.npy", b"\x93NUMPY"),
    ],
)
def test_damage_is_named(tmp_path: Path, name: str, content: bytes | int | None) -> None:
    extend_snapshot(replay(stream(2, 40)), tmp_path)
    Snapshot.open(tmp_path)
    path = tmp_path / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:content] if isinstance(content, int) else content)
    with pytest.raises(Damaged) as caught:
        Snapshot.open(tmp_path)
    assert (caught.value.code, caught.value.field) == ("bad_snapshot", str(tmp_path))

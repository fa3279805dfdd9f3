"""A snapshot built from the lake equals one written from the live state."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from endcap.domain.errors import Conflict, Damaged, InvalidInput
from endcap.domain.records import (
    AnyRecord,
    EventsPosted,
    ItemsPut,
    UserErased,
    UsersPut,
    content_id,
)
from endcap.domain.values import Attributes, Event, Item, User
from endcap.engine.limits import MICROSECONDS_PER_DAY
from endcap.engine.snapshot import Snapshot, build_snapshot, extend_snapshot
from endcap.engine.state import LiveState, StateLimits

START = 1_700_000_000_000_000
HOUR = 3_600_000_000
LIMITS = StateLimits(history_events=8)


class Erased(NamedTuple):
    user_id: str


class Manifest(NamedTuple):
    version: int
    log_offset: int
    erasures: tuple[Erased, ...]


class TableLake:
    """The lake's views over tables in memory, filled from records."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.of_items: dict[str, Attributes] = {}
        self.of_users: dict[str, Attributes] = {}
        self.erased: list[str] = []
        self.offset = 0

    def take(self, record: AnyRecord, end: int) -> None:
        self.offset = end
        if isinstance(record, EventsPosted):
            for event in record.events:
                self.events.setdefault(event.event_id, event)
        elif isinstance(record, ItemsPut):
            for item in record.items:
                self.of_items.setdefault(item.item_id, {}).update(item.attributes)
        elif isinstance(record, UsersPut):
            for user in record.users:
                self.of_users.setdefault(user.user_id, {}).update(user.attributes)
        elif isinstance(record, UserErased):
            gone = record.user_id
            self.erased.append(gone)
            self.of_users.pop(gone, None)
            self.events = {k: e for k, e in self.events.items() if e.user_id != gone}

    def manifest(self) -> Manifest:
        return Manifest(7, self.offset, tuple(map(Erased, self.erased)))

    def connect(self) -> duckdb.DuckDBPyConnection:
        sql = duckdb.connect()
        sql.execute(
            "CREATE TABLE events (user_id TEXT, item_id TEXT, event_type TEXT, ts BIGINT, "
            "value DOUBLE, event_id TEXT, session_id TEXT, attributes TEXT)"
        )
        rows = [
            [e.user_id, e.item_id, e.event_type, e.ts, e.value, stored_id(e), None, None]
            for e in self.events.values()
        ]
        if rows:
            sql.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        for name, table in (("item", self.of_items), ("user", self.of_users)):
            sql.execute(f"CREATE TABLE {name}s ({name}_id TEXT, attributes TEXT)")
            for text, attributes in table.items():
                sql.execute(f"INSERT INTO {name}s VALUES (?, ?)", [text, json.dumps(attributes)])
        return sql

    def items(self) -> Iterator[Item]:
        return (Item(text, attributes) for text, attributes in self.of_items.items())

    def users(self) -> Iterator[User]:
        return (User(text, attributes) for text, attributes in self.of_users.items())


def derived(e: Event) -> str:
    return content_id(e.user_id, e.item_id, e.event_type, e.ts, e.value)


def stored_id(e: Event) -> str | None:
    return None if e.event_id == derived(e) else e.event_id


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


def both(records: list[AnyRecord]) -> tuple[LiveState, TableLake]:
    state, lake = LiveState(None, LIMITS), TableLake()
    for place, record in enumerate(records):
        state.apply(record, place + 1)
        lake.take(record, place + 1)
    return state, lake


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
def test_both_builders_make_the_same_state(tmp_path: Path, seed: int) -> None:
    records = [r for r in stream(seed) if not isinstance(r, UserErased)]
    live, lake = both(records)
    (tmp_path / "built").mkdir()
    (tmp_path / "extended").mkdir()
    build_snapshot(lake, None, tmp_path / "built", LIMITS, tail=records)
    extend_snapshot(live, tmp_path / "extended", 7)
    built = LiveState(Snapshot.open(tmp_path / "built"), LIMITS)
    extended = LiveState(Snapshot.open(tmp_path / "extended"), LIMITS)
    assert built.base.meta.lake_version == extended.base.meta.lake_version == 7
    assert_equal(built, extended)
    for record in records[-50:]:
        assert built.body_of(record.key) == extended.body_of(record.key)
        for event in getattr(record, "events", ()):
            assert built.has_event(event.event_id)
            assert extended.has_event(event.event_id)


@pytest.mark.parametrize("seed", range(4))
def test_rows_stay_when_the_lake_is_read_again(tmp_path: Path, seed: int) -> None:
    records = stream(seed)
    live, lake = both(records[:150])
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    extend_snapshot(live, tmp_path / "first")
    for place, record in enumerate(records[150:], 150):
        live.apply(record, place + 1)
        lake.take(record, place + 1)
    first = Snapshot.open(tmp_path / "first")
    build_snapshot(lake, first, tmp_path / "second", LIMITS, tail=records[150:])
    second = Snapshot.open(tmp_path / "second")
    assert second.items.ids(range(len(first.items))) == first.items.ids(range(len(first.items)))
    assert second.meta.event_types[: len(first.meta.event_types)] == first.meta.event_types
    kept = [
        (a, b)
        for a, b in zip(
            first.users.ids(range(len(first.users))),
            second.users.ids(range(len(first.users))),
            strict=True,
        )
    ]
    assert {b for a, b in kept if a != b} <= {""}
    state = LiveState(second, LIMITS)
    for user in set(live.users) - {""}:
        assert histories(state, user) == histories(live, user)
    assert set(state.users) - {""} == set(live.users) - {""}


def test_imported_times_do_not_end_the_memory_for_repeats(tmp_path: Path) -> None:
    lake = TableLake()
    ahead = START + 900 * MICROSECONDS_PER_DAY
    lake.take(EventsPosted(0, events=(Event("u", "i", "view", ahead, "imported"),)), 0)
    build_snapshot(lake, None, tmp_path, LIMITS, at=START)
    state = LiveState(Snapshot.open(tmp_path), LIMITS)
    assert state.newest_ts == START
    assert state.history("u").ts.tolist() == [ahead]
    event = Event("u", "i", "view", START, "live")
    state.apply(EventsPosted(START, b"k", b"b", (event, Event("u", "j", "view", 1, "imported"))), 9)
    assert state.has_event("live")
    assert state.body_of(b"k") == b"b"
    assert len(state.history("u").ts) == 2


def test_lake_behind_the_snapshot_is_refused(tmp_path: Path) -> None:
    live, lake = both(stream(1, 20))
    (tmp_path / "a").mkdir()
    extend_snapshot(live, tmp_path / "a")
    lake.offset = 3
    with pytest.raises(Conflict) as caught:
        build_snapshot(lake, Snapshot.open(tmp_path / "a"), tmp_path, LIMITS)
    assert (caught.value.code, caught.value.value) == ("lake_behind_snapshot", 3)


def test_too_many_types_of_events_are_refused(tmp_path: Path) -> None:
    lake = TableLake()
    events = tuple(Event("u", "i", f"type {n}", START, str(n)) for n in range(253))
    lake.take(EventsPosted(START, events=events), 1)
    with pytest.raises(InvalidInput) as caught:
        build_snapshot(lake, None, tmp_path, LIMITS)
    assert (caught.value.code, caught.value.value) == ("too_many_event_types", 256)


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
    live, _ = both(stream(2, 40))
    extend_snapshot(live, tmp_path)
    Snapshot.open(tmp_path)
    path = tmp_path / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:content] if isinstance(content, int) else content)
    with pytest.raises(Damaged) as caught:
        Snapshot.open(tmp_path)
    assert (caught.value.code, caught.value.field) == ("bad_snapshot", str(tmp_path))

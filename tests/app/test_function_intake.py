"""What a function takes in, against what a laptop's log takes in: the same histories."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from endcap.adapters.stream_folder import FolderStream
from endcap.app.answers import answer
from endcap.app.compaction import settle
from endcap.app.function_intake import FunctionIntake
from endcap.app.intake import write
from endcap.app.reloading import reload
from endcap.app.replaying import replay
from endcap.app.shop import Shop
from endcap.app.signals import read_signal
from endcap.bootstrap import open_shop
from endcap.domain.errors import EndcapError, InvalidInput, Mismatch, NotFound, Unavailable
from endcap.domain.records import AnyRecord, EventsPosted, ItemsPut, Submitted, UserErased, digest
from endcap.domain.values import LEAST_TS, Event, Item, Query
from endcap.serving.events import read_events
from endcap.serving.shapes import MOST_ANSWER_ID, EventBody
from endcap.settings import load_settings

AT = 1_755_369_000_000_000
HOUR = 3_600_000_000
USERS = ("u0", "u1")


class Table:
    """Events by shopper, time and id: ``ports.EventHistory`` in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int, str], Event] = {}
        self.fails = False

    def put(self, event: Event) -> bool:
        if self.fails:
            raise Unavailable("dynamodb_unavailable", field="events", reason="test")
        key = (event.user_id, event.ts, event.event_id)
        new = key not in self.rows
        self.rows.setdefault(key, event)
        return new

    def put_many(self, events: Sequence[Event]) -> Mapping[int, EndcapError]:
        for event in events:
            self.put(event)
        return {}

    def newest(self, user_id: str, most: int, after_ts: int | None = None) -> list[Event]:
        if self.fails:
            raise Unavailable("dynamodb_unavailable", field="events", reason="test")
        after = LEAST_TS - 1 if after_ts is None else after_ts
        return [self.rows[k] for k in sorted(self.rows) if k[0] == user_id and k[1] > after][-most:]

    def erase(self, user_id: str) -> int:
        gone = [key for key in self.rows if key[0] == user_id]
        for key in gone:
            del self.rows[key]
        return len(gone)


class Instances:
    """Two instances of a function on one log, one table and one stream."""

    def __init__(self, folder: Path) -> None:
        self.table = Table()
        self.stream = FolderStream(folder / "stream", shards=2)
        self.shops = [opened(folder / "shop") for _ in range(2)]
        for shop in self.shops:
            shop.history = self.table
        self.intakes = [FunctionIntake(shop, self.table, self.stream) for shop in self.shops]

    def submit(self, number: int, record: AnyRecord) -> Any:
        return asyncio.run(self.intakes[number].submit(record))

    def streamed(self) -> list[Any]:
        return [
            msgspec.json.decode(record.data)
            for shard in self.stream.shards()
            for record in self.stream.read(shard.name, "", 1000).records
        ]


def opened(home: Path) -> Shop:
    return open_shop(load_settings({"ENDCAP_HOME": str(home), "ENDCAP_HISTORY_EVENTS": "10"}))


@pytest.fixture
def two(tmp_path: Path) -> Instances:
    return Instances(tmp_path)


def told(shop: Shop, user: str) -> list[tuple[str, str, int]]:
    shop.refresh(user)
    state = shop.now.state
    items, types, ts = (column.tolist() for column in state.history(user))
    names = [state.event_types[code] for code in types]
    return list(zip(state.items.ids(items), names, ts, strict=True))


def request(at: int, bodies: list[dict[str, Any]], key: str = "") -> EventsPosted:
    """As the route makes it."""
    raw = msgspec.json.encode(bodies)
    hashed, body = (digest("POST", "/v1/events", key), digest(raw)) if key else (b"", b"")
    given = [msgspec.convert(one, EventBody) for one in bodies]
    return EventsPosted(at, hashed, body, read_events(raw, given, at, hashed, ""))


times = st.sampled_from(
    ["2025-08-16T18:29:50Z", "2025-08-16T18:29:59.5Z", "2025-08-16T18:30:20Z"]
)  # the last: a clock that runs ahead
free = st.fixed_dictionaries(
    {
        "userId": st.sampled_from(USERS),
        "itemId": st.sampled_from(["a", "b", "c"]),
        "event_type": st.sampled_from(["view", "purchase"]),
    },
    optional={"ts": times},
)
# An id names one event. A shop on a laptop knows ids, a table those of one shopper.
named = st.builds(
    lambda user, number: {
        "userId": user, "itemId": "abc"[number], "event_type": "view",
        "event_id": f"{user} {number}", **({"ts": "2025-08-16T18:29:55Z"} if number == 2 else {}),
    },
    st.sampled_from(USERS),
    st.integers(0, 2),
)  # fmt: skip
bodies = free | named
requests = st.tuples(
    st.lists(bodies, min_size=1, max_size=3), st.sampled_from(["", "", "k1", "k2"]), st.booleans()
)


def outcome(act: Any, record: AnyRecord) -> str:
    try:
        act(record)
    except (Mismatch, InvalidInput) as error:
        return error.code
    return ""


def by_time(history: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Those of one instant stand in order of arrival on a laptop, in order of id in a table."""
    return sorted(history, key=lambda entry: (entry[2], entry))


@settings(max_examples=25)
@given(st.lists(requests, max_size=8))
def test_histories_are_those_of_the_log(asked: list[Any]) -> None:
    with TemporaryDirectory() as folder:
        laptop, two = opened(Path(folder) / "laptop"), Instances(Path(folder))
        for number, (given_bodies, key, twice) in enumerate(asked):
            for at in (AT + number * 10_000_000, AT + number * 10_000_000 + 4_000_000)[: 1 + twice]:
                record = request(at, given_bodies, key)
                one, other = (
                    outcome(lambda r: write(laptop, r), record),
                    outcome(lambda r, n=number: two.submit(n % 2, r), record),
                )
                assert one == other
                for user in USERS:
                    wanted = by_time(told(laptop, user))
                    assert [by_time(told(shop, user)) for shop in two.shops] == [wanted, wanted]


def event(number: int, **more: Any) -> dict[str, Any]:
    return {"userId": "u0", "itemId": f"i{number}", "event_type": "view", **more}


def test_an_event_is_in_table_and_stream_and_counts_for_every_instance(two: Instances) -> None:
    assert two.submit(0, request(AT, [event(1), event(2, value=2.5)])) == (2, 0)
    assert [item for item, *_ in told(two.shops[1], "u0")] == ["i1", "i2"]
    streamed = two.streamed()
    assert [(s["userId"], s["itemId"], s.get("value")) for s in streamed] == [
        ("u0", "i1", None), ("u0", "i2", 2.5),
    ]  # fmt: skip
    signals = [read_signal(msgspec.json.encode(s), 2 * AT).event for s in streamed]
    assert signals == [two.table.rows[key] for key in sorted(two.table.rows)]
    assert two.shops[0].log.end() == 0


def test_a_retry_writes_the_same_once_more(two: Instances) -> None:
    body = [event(1)]
    assert two.submit(0, request(AT, body, "key")) == (1, 0)
    assert two.submit(1, request(AT + 9_000_000, body, "key")) == (0, 1)
    assert len(two.table.rows) == 1
    first, second = two.streamed()
    assert first == second
    with pytest.raises(Mismatch) as caught:
        two.submit(1, request(AT, [event(2)], "key"))
    assert caught.value.code == "key_reused"
    assert (len(two.table.rows), len(two.streamed())) == (1, 2)


def test_a_key_is_forgotten_after_the_horizon(two: Instances) -> None:
    two.submit(0, request(AT, [event(1)], "key"))
    later = AT + two.shops[0].limits.repeat_horizon + 2_000_000
    assert two.submit(0, request(later, [event(2)], "key")) == (1, 0)
    with pytest.raises(Mismatch):
        two.submit(0, request(later + 1, [event(1)], "key"))


def test_what_failed_half_way_is_completed_by_the_retry(two: Instances) -> None:
    two.table.fails = True
    with pytest.raises(Unavailable):
        two.submit(0, request(AT, [event(1)], "key"))
    two.table.fails = False
    assert two.submit(0, request(AT + 5, [event(1)], "key")) == (1, 0)
    assert told(two.shops[0], "u0") == [("i1", "view", AT)]
    assert len(two.streamed()) == 1


def test_an_event_too_old_to_be_looked_up_goes_by_the_log(two: Instances) -> None:
    write(two.shops[0], request(AT, [event(0)]))
    settle(two.shops[0], AT)
    for shop in two.shops:
        reload(shop)
    old = "2025-08-16T16:00:00Z"
    assert two.submit(0, request(AT + HOUR, [event(1, ts=old)])) == (1, 0)
    assert two.submit(1, request(AT + HOUR, [event(1, ts=old)])) == (0, 1)
    for shop in two.shops:
        assert [item for item, *_ in told(shop, "u0")] == ["i1", "i0"]
    assert [s["itemId"] for s in two.streamed()] == ["i1"]


def test_an_event_that_the_snapshot_has_is_a_repeat(two: Instances) -> None:
    write(two.shops[0], request(AT, [event(0, event_id="known")]))
    settle(two.shops[0], AT)
    assert two.submit(0, request(AT + 5, [event(0, event_id="known")])) == (0, 1)
    assert (two.table.rows, two.streamed()) == ({}, [])


def test_a_submission_goes_to_the_stream(two: Instances) -> None:
    two.submit(0, Submitted(AT, user_id="u0"))
    assert two.streamed() == [
        {"userId": "u0", "event": "get_recommendations", "ts": "2025-08-16T18:30:00Z"}
    ]
    assert read_signal(msgspec.json.encode(two.streamed()[0]), AT).event is None


def test_what_is_rare_goes_into_the_log_and_an_erasure_forgets_what_was_recalled(
    two: Instances,
) -> None:
    two.submit(0, request(AT, [event(1)]))
    two.submit(0, ItemsPut(AT + 1, items=(Item("i1", {"name": "one"}),)))
    assert told(two.shops[1], "u0")
    assert two.shops[1].now.state.item_attributes(0)["name"] == "one"
    two.submit(0, UserErased(AT + 2, user_id="u0"))
    assert told(two.shops[1], "u0") == []
    two.table.put(Event("u0", "i1", "view", AT, "a late retry"))
    assert told(two.shops[1], "u0") == []
    two.submit(1, request(AT + 3, [event(2)]))
    assert [[item for item, *_ in told(shop, "u0")] for shop in two.shops] == [["i2"], ["i2"]]


def test_rows_that_are_gone_are_forgotten_before_the_log_says_so(two: Instances) -> None:
    two.submit(0, request(AT, [event(1)]))
    assert told(two.shops[1], "u0")
    two.table.erase("u0")
    assert told(two.shops[1], "u0") == []


def test_an_answer_of_recalled_events_is_given_again_or_refused(two: Instances) -> None:
    shelves = [Item(f"i{n}", {"name": "x", "aisle": str(n % 3)}) for n in range(9)]
    two.submit(0, ItemsPut(AT, items=tuple(shelves)))
    write(two.shops[0], request(AT, [{**event(n), "userId": f"o{n}"} for n in range(9)]))
    two.submit(0, request(AT + 1, [event(1)]))
    query = Query("personal", at=AT + 5, user_id="u0")
    given_then = answer(two.shops[0], query)
    two.submit(1, request(AT + 9, [event(2), event(5)]))
    assert answer(two.shops[1], replace(query, at=AT + 10)).items != given_then.items
    again = replay(two.shops[1], given_then.answer_id, query)
    assert again.answer == given_then
    assert len(given_then.answer_id) <= MOST_ANSWER_ID
    two.table.rows.pop(("u0", AT + 1, min(two.table.rows)[2]))
    with pytest.raises(NotFound) as caught:
        replay(two.shops[1], given_then.answer_id, query)
    assert caught.value.code == "answer_events_differ"


def test_an_answer_without_the_table_says_so(two: Instances) -> None:
    two.submit(0, ItemsPut(AT, items=tuple(Item(f"i{n}", {"name": "x"}) for n in range(5))))
    two.submit(0, request(AT, [event(1)]))
    query = Query("personal", at=AT + 5, user_id="u0")
    assert answer(two.shops[0], query).fallback == ""
    two.table.fails = True
    found = answer(two.shops[1], query)
    assert (found.fallback, bool(found.items)) == ("history:dynamodb_unavailable", True)

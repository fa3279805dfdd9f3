"""The live state in examples: what a reader sees after each kind of change."""

from dataclasses import dataclass

import numpy as np
import pytest

from endcap.domain.errors import InvalidInput
from endcap.domain.records import EventsPosted, ItemsPut, Pointed, UserErased, UsersPut
from endcap.domain.values import MOST_TS, Event, Item, User
from endcap.engine.limits import MICROSECONDS_PER_DAY, limits_of
from endcap.engine.state import MOST_EVENT_TYPES, LiveState, StateLimits
from endcap.settings import load_settings

DAY = MICROSECONDS_PER_DAY
START = 1_700_000_000_000_000


@dataclass
class Shop:
    """A state and the end of its log."""

    state: LiveState
    end: int = 0

    def post(self, *events: Event, at: int = START, key: bytes = b"", body: bytes = b"") -> None:
        self.end += 10
        self.state.apply(EventsPosted(at, key, body, events), self.end)

    def view(self, item: str, ts: int, user: str = "u", at: int = START) -> None:
        self.post(Event(user, item, "view", ts, f"{user} {item} {ts} {self.end}"), at=at)

    def seen(self, user: str = "u") -> list[str]:
        return self.state.items.ids(self.state.history(user).items)


def shop_of(**limits: float) -> Shop:
    return Shop(LiveState(None, StateLimits(**limits)))  # type: ignore[arg-type]


def test_empty_shop_answers() -> None:
    state = shop_of().state
    assert [len(column) for column in state.history("nobody")] == [0, 0, 0]
    assert state.popular(START, 5)[0].tolist() == state.trending(START, 5)[0].tolist() == []
    assert (state.user_attributes("nobody"), state.item_attributes(-1)) == ({}, {})
    assert (state.newest_ts, state.offset, state.new_items()) == (0, 0, [])


def test_late_event_goes_to_its_place_and_ties_keep_arrival_order() -> None:
    shop = shop_of(history_events=4)
    for item, ts in (("a", 10), ("b", 30), ("late", 20), ("tie", 20), ("c", 40)):
        shop.view(item, START + ts)
    assert shop.seen() == ["late", "tie", "b", "c"]
    shop.view("too old", START + 19)
    assert shop.seen() == ["late", "tie", "b", "c"]
    shop.view("oldest tie", START + 20)
    assert shop.seen() == ["tie", "oldest tie", "b", "c"]


def test_history_in_hand_never_changes() -> None:
    shop = shop_of(history_events=5)
    held = []
    for number in range(40):
        shop.view(f"i{number}", START + (number * 7) % 11)
        history = shop.state.history("u")
        held.append((history, [column.copy() for column in history]))
    for history, copies in held:
        assert all(map(np.array_equal, history, copies))


def test_attributes_merge_and_none_removes() -> None:
    state = shop_of().state
    state.apply(ItemsPut(START, items=(Item("i", {"price": 1, "name": "x"}),)), 1)
    state.apply(ItemsPut(START, items=(Item("i", {"price": None, "tags": ["a"]}),)), 2)
    state.apply(UsersPut(START, users=(User("u", {"city": "Ulm"}),)), 3)
    assert state.item_attributes(0) == {"name": "x", "tags": ["a"]}
    assert state.user_attributes("u") == {"city": "Ulm"}
    assert state.new_items() == [0]


def test_erased_user_leaves_no_trace() -> None:
    shop = shop_of()
    shop.post(Event("u", "i", "purchase", START, "1"), Event("v", "j", "view", START, "2"))
    shop.state.apply(UsersPut(START, users=(User("u", {"city": "Ulm"}),)), 20)
    shop.state.apply(UserErased(START, user_id="u"), 30)
    assert (shop.seen("u"), shop.state.user_attributes("u")) == ([], {})
    assert (shop.state.users.row("u"), list(shop.state.users)) == (-1, ["", "v"])
    assert shop.state.items.ids(shop.state.popular(START, 5)[0]) == ["j"]
    shop.end = 30
    shop.post(Event("u", "i", "purchase", START, "1"))  # a late retry brings nothing back
    assert shop.seen("u") == []
    shop.view("k", START)
    assert shop.seen("u") == ["k"]


def test_repeats_are_dropped_within_the_horizon_and_forgotten_after() -> None:
    shop = shop_of(repeat_horizon=10)
    event = Event("u", "i", "view", START, "id")
    shop.post(event, at=START, key=b"key", body=b"one")
    shop.post(Event("u", "j", "view", START, "other"), at=START + 1, key=b"key", body=b"one")
    shop.post(event, at=START + 9)
    assert (shop.seen(), shop.state.body_of(b"key")) == (["i"], b"one")
    shop.post(at=START + 10)
    assert (shop.state.has_event("id"), shop.state.body_of(b"key")) == (False, None)
    shop.post(event, at=START + 10)
    assert shop.seen() == ["i", "i"]


def test_memory_for_repeats_is_bounded_by_the_horizon() -> None:
    shop = shop_of(repeat_horizon=100)
    for number in range(5000):
        event = Event("u", "i", "view", START, str(number))
        shop.post(event, at=START + number, key=str(number).encode(), body=b"b")
    assert len(shop.state.event_ids.later) == len(shop.state.keys.seen.later) == 100
    assert len(shop.state.keys._later) < 1500


def test_unknown_types_get_codes_until_there_are_too_many() -> None:
    shop = shop_of()
    for number in range(MOST_EVENT_TYPES):
        shop.post(Event("u", "i", f"type {number}", START, str(number)))
    state = shop.state
    assert (state.event_type_code("view"), state.event_type_code("type 0")) == (0, 3)
    assert len(state.event_types) == MOST_EVENT_TYPES
    assert state.event_type_code("type 254") is None
    assert (state.events_ignored, len(state.history("u").ts)) == (3, 252)
    assert state.popular(START, 3, "nobody did this")[0].tolist() == []


def test_last_event_counts_at_once() -> None:
    shop = shop_of()
    for number in range(5):
        shop.view(f"i{number}", START + number, user=f"u{number}", at=START + number)
        rows, counts = shop.state.popular(START + number, 1, "view")
        assert counts[0] == pytest.approx(1.0, abs=1e-6)
    shop.post(Event("u", "i3", "purchase", START + 9, "p"), at=START + 9)
    rows, counts = shop.state.popular(START + 9, 2)
    assert shop.state.items.ids(rows)[0] == "i3"
    assert counts.tolist() == pytest.approx([6.0, 1.0], abs=1e-5)
    assert shop.state.popularity(START + 9, rows).tolist() == counts.tolist()


def test_counts_halve_in_a_half_life_while_the_shop_is_busy() -> None:
    shop = shop_of(popular_half_life_days=3.0)
    shop.view("old", START)
    shop.view("new", START + 3 * DAY, at=START + 3 * DAY)
    counts = dict(zip(*map(np.ndarray.tolist, shop.state.popular(START + 3 * DAY, 5)), strict=True))
    assert counts == pytest.approx({0: 0.5, 1: 1.0})


def test_trending_is_what_rises_against_its_own_past() -> None:
    shop = shop_of()
    for day in range(60):
        for number in range(20):
            shop.view("steady", START + day * DAY + number, at=START + 60 * DAY)
    for number in range(40):
        shop.view("surge", START + 59 * DAY + number, at=START + 60 * DAY)
    shop.view("one click", START + 59 * DAY + 99, at=START + 60 * DAY)
    names = shop.state.items.ids(shop.state.trending(START + 60 * DAY, 9)[0])
    assert names[0] == "surge"
    assert shop.state.items.ids(shop.state.popular(START + 60 * DAY, 1)[0]) == ["steady"]
    scores = shop.state.trending(START + 60 * DAY, 9)[1]
    assert scores[0] > 5 * scores[-1]


@pytest.mark.parametrize("days", [0.001, 14.0])
def test_extreme_times_break_no_arithmetic(days: float) -> None:
    shop = shop_of(popular_half_life_days=days, trending_half_life_days=0.001)
    far = MOST_TS
    shop.view("beyond every calendar", 2**62, at=START)
    for ts, at in ((0, START), (START, START), (far, START), (-5, START), (far, far), (1, far)):
        shop.view(f"i {ts} {at}", ts, at=at)
    assert shop.state.events_ignored == 1
    for at in (0, START, far, 2**63 - 1):
        for kind in (shop.state.popular, shop.state.trending):
            rows, scores = kind(at, 9)
            assert np.isfinite(scores).all()
            assert len(rows) == len(scores)
        assert len(shop.state.popular(at, 9)[0])
    assert shop.state.newest_ts == far


def test_future_event_counts_like_one_of_now() -> None:
    shop = shop_of(popular_half_life_days=0.01)
    shop.view("future", START + DAY)
    shop.view("now", START)
    assert shop.state.popular(START, 2)[1].tolist() == [1.0, 1.0]


def test_pointers_move_the_offset_only() -> None:
    state = shop_of().state
    state.apply(Pointed(START, name="campaign", value="v1"), 44)
    assert (state.offset, len(state.items)) == (44, 0)


def test_limits_come_from_the_settings() -> None:
    limits = limits_of(load_settings({"ENDCAP_REPEAT_HORIZON_HOURS": "2"}))
    assert limits == StateLimits(repeat_horizon=7_200_000_000)
    with pytest.raises(InvalidInput) as caught:
        StateLimits(history_events=0)
    assert (caught.value.code, caught.value.field) == ("bad_setting", "history_events")

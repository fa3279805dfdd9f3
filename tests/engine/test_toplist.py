"""Popular and trending lists are exact: against a sort of all rows, whatever was asked before."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.records import EventsPosted, ItemsPut, UserErased
from endcap.domain.values import Event, Item
from endcap.engine import toplist
from endcap.engine.limits import MICROSECONDS_PER_DAY
from endcap.engine.state import LiveState, StateLimits
from endcap.engine.toplist import top_rows

START = 1_700_000_000_000_000
LIMITS = StateLimits(popular_half_life_days=2.0, trending_half_life_days=0.25)


@given(st.lists(st.integers(0, 5)), st.integers(-1, 30))
def test_top_rows_is_a_stable_sort(values: list[int], n: int) -> None:
    expected = sorted(range(len(values)), key=lambda row: (-values[row], row))[: max(n, 0)]
    assert top_rows(np.array(values, float), n).tolist() == expected


def brute_force(state: LiveState, kind: str, event_type: str | None, at: int) -> np.ndarray:
    """(items,) scores by the formulas of the documentation, from the counts."""
    counts, items = state.counts, len(state.items)
    codes = range(len(state.event_types))
    weights = [{0: 1.0, 1: 3.0, 2: 5.0}.get(code, 1.0) for code in codes]
    if event_type:
        weights = [float(name == event_type) for name in state.event_types]
    season = 0.25 * MICROSECONDS_PER_DAY / 16
    time = min(at, state.newest_ts)
    time = time if kind == "popular" else time // season * season
    sums = []
    for faded in (counts.slow, counts.fast):
        values = np.zeros(items)
        width = min(items, faded.values.shape[1])
        values[:width] = (np.array(weights) @ faded.values[: len(weights)])[:width]
        sums.append(values * 2.0 ** (faded.landmark - time / faded.half_life))
    slow, fast = sums
    expected = slow * 0.25 / 2.0
    return slow if kind == "popular" else (fast - expected) / np.sqrt(expected + 5.0)


def agree(state: LiveState, kind: str, rng: random.Random) -> None:
    event_type = rng.choice([None, None, "purchase"])
    n, items = rng.randint(1, 12), len(state.items)
    allowed = None
    if rng.random() < 0.5:
        allowed = np.random.default_rng(rng.randint(0, 99)).random(items) < rng.choice([0.9, 0.1])
    rows, scores = getattr(state, kind)(state.newest_ts, n, event_type, allowed)
    truth = brute_force(state, kind, event_type, state.newest_ts)
    reachable = np.flatnonzero((truth > 0) if allowed is None else (truth > 0) & allowed)
    best = np.sort(truth[reachable])[::-1][:n]
    assert scores == pytest.approx(best, rel=1e-5, abs=1e-9)
    assert truth[rows] == pytest.approx(best, rel=1e-5, abs=1e-9)
    assert len(set(rows.tolist())) == len(rows)
    assert set(rows.tolist()) <= set(reachable.tolist())


@pytest.mark.parametrize("seed", range(40))
def test_lists_equal_a_sort_of_all_rows(seed: int) -> None:
    rng = random.Random(seed)
    items = rng.randint(5, 120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toplist, "LEAST_KEPT", 8)
        state, now = LiveState(None, LIMITS), START
        for end in range(1, 80):
            now += rng.choice([0, 1_000_000, MICROSECONDS_PER_DAY // 10])
            user, item = f"u{rng.randint(0, 9)}", f"i{rng.randint(0, items)}"
            kind = rng.choice(["view", "view", "purchase", "wish"])
            record: EventsPosted | ItemsPut | UserErased
            record = EventsPosted(now, events=(Event(user, item, kind, now, str(end)),))
            if rng.random() < 0.1:
                record = ItemsPut(now, items=tuple(Item(f"new {end} {n}") for n in range(3)))
            elif rng.random() < 0.05:
                record = UserErased(now, user_id=user)
            state.apply(record, end)
            if rng.random() < 0.5:
                agree(state, rng.choice(["popular", "trending"]), rng)


def test_ties_go_to_the_lower_row() -> None:
    state = LiveState(None, LIMITS)
    events = [Event("u", f"i{n}", "view", START, str(n)) for n in range(2000)]
    state.apply(EventsPosted(START, events=tuple(events)), 1)
    assert state.popular(START, 5)[0].tolist() == [0, 1, 2, 3, 4]
    state.apply(EventsPosted(START, events=(Event("u", "i1500", "view", START, "x"),)), 2)
    assert state.popular(START, 3)[0].tolist() == [1500, 0, 1]
    allowed = np.zeros(2000, bool)
    allowed[[700, 1900, 1500]] = True
    assert state.popular(START, 3, None, allowed)[0].tolist() == [1500, 700, 1900]

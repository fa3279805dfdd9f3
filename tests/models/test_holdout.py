"""What is set aside for choosing, and the measured seen policy; popularity and trending."""

import numpy as np
import pytest

from endcap.data.interactions import Interactions, from_sequences
from endcap.models.holdout import excluded, hold_out, repeat_rate, seen_policy
from endcap.models.popularity import popularity, trending

DAY_US = 86_400_000_000


def timed(n: int = 400, seed: int = 0) -> Interactions:
    draw = np.random.default_rng(seed)
    user, ts = np.sort(draw.integers(0, 30, n)).astype("i4"), draw.integers(0, 100 * DAY_US, n)
    order = np.lexsort((ts, user))
    return Interactions(
        user=user,
        item=draw.integers(0, 12, n).astype("i4"),
        type=draw.integers(0, 3, n).astype("u1"),
        ts=ts[order],
        user_ids=[str(u) for u in range(30)],
        item_ids=[str(i) for i in range(12)],
    )


def test_times_are_cut_so_that_queries_see_the_past_alone() -> None:
    data = timed()
    held = hold_out(data, 1000, 0)
    cut = held.fitting.ts.max()
    late = data.ts > cut
    assert 0.08 < late.mean() < 0.12
    ages = held.queries.ages_s
    assert ages.min() >= 0
    users = [u for u in range(30) if late[data.user == u].any() and (~late[data.user == u]).any()]
    assert held.queries.size == len(users)
    for q, u in enumerate(users):
        span = slice(held.queries.starts[q], held.queries.starts[q + 1])
        np.testing.assert_array_equal(held.queries.rows[span], data.item[(data.user == u) & ~late])
        own = held.targets[held.target_starts[q] : held.target_starts[q + 1]]
        np.testing.assert_array_equal(own, np.unique(data.item[(data.user == u) & late]))


def test_sequences_are_set_aside_whole_and_ask_for_the_next_item() -> None:
    sequences = [[u, 100 + u, 200 + u] for u in range(100)]
    held = hold_out(from_sequences(sequences, 300, ordered=True), 1000, 0)
    assert held.queries.size == 20
    fitted = set(held.fitting.item.tolist())
    for q in range(20):
        history = held.queries.rows[held.queries.starts[q] : held.queries.starts[q + 1]]
        assert held.targets[q] == history[-1] + 100
        assert history[0] < 100
        assert not fitted & set(history.tolist())


def test_the_newest_sequences_are_set_aside_unless_they_share_no_items() -> None:
    draw = np.random.default_rng(0)
    data = from_sequences([draw.integers(0, 9, 3).tolist() for _ in range(100)], 9, ordered=True)
    assert hold_out(data, 1000, 0).fitting.user.max() == 89
    by_item = from_sequences([[u // 5] * 3 for u in range(100)], 20, ordered=True)
    assert hold_out(by_item, 1000, 0).fitting.user.max() > 95


def test_without_order_a_tenth_of_each_user_is_drawn() -> None:
    data = from_sequences([list(range(50))] * 40, 50, ordered=False)
    held = hold_out(data, 1000, 3)
    assert len(held.fitting) + len(held.targets) == len(data)
    assert 0.07 < len(held.targets) / len(data) < 0.13
    assert not held.queries.ages_s.any()
    assert hold_out(data, 7, 3).queries.size == 7


def test_repeat_rate_counts_later_events_of_known_items() -> None:
    data = from_sequences([[1, 2, 1, 1], [3], [4, 4]], 5, ordered=True)
    assert repeat_rate(data) == pytest.approx(3 / 4)
    assert repeat_rate(data, "purchase") == 0
    assert seen_policy(data) == (pytest.approx(3 / 4), "none")
    assert seen_policy(from_sequences([[0, 1], [1, 2]], 3, ordered=True)) == (0, "exclude_seen")


def test_exclusions_follow_the_policy() -> None:
    data = timed()
    held = hold_out(data, 1000, 0)
    for policy, mask in (
        ("none", held.queries.types > 9),
        ("exclude_seen", held.queries.types < 9),
        ("exclude_purchased", held.queries.types == 2),
    ):
        starts, rows = excluded(held.queries, policy, data.event_types)
        np.testing.assert_array_equal(rows, held.queries.rows[mask])
        first = slice(starts[1], starts[2])
        span = slice(held.queries.starts[1], held.queries.starts[2])
        np.testing.assert_array_equal(rows[first], held.queries.rows[span][mask[span]])


def test_popularity_by_window_decay_and_type() -> None:
    data = Interactions(
        user=np.zeros(4, "i4"),
        item=np.array([0, 0, 1, 1], "i4"),
        type=np.array([0, 2, 0, 0], "u1"),
        ts=np.array([0, 10, 20, 30], "i8") * DAY_US,
        user_ids=["u"],
        item_ids=["a", "b"],
    )
    at = 20 * DAY_US
    np.testing.assert_array_equal(popularity(data, at), [2, 1])  # what comes later counts not
    np.testing.assert_array_equal(popularity(data, at, window_days=10), [1, 1])
    np.testing.assert_allclose(popularity(data, at, half_life_days=10), [0.75, 1])
    np.testing.assert_array_equal(popularity(data, at, event_type="purchase"), [1, 0])
    np.testing.assert_array_equal(popularity(data, at, event_type="share"), [0, 0])
    rising = trending(data, 30 * DAY_US, 5)
    assert rising[1] > 0 > rising[0]

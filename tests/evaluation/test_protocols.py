from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.errors import InvalidInput
from endcap.evaluation.protocols import (
    Split,
    leave_last_split,
    random_split,
    sample_users,
    temporal_split,
)


def events(
    *rows: tuple[int, int, int] | tuple[int, int, int, int], users: int = 4, items: int = 6
) -> Interactions:
    """From (user, item, ts) or (user, item, ts, type)."""
    ordered = sorted(rows, key=lambda row: (row[0], row[2]))
    return Interactions(
        user=np.array([row[0] for row in ordered], np.int32),
        item=np.array([row[1] for row in ordered], np.int32),
        ts=np.array([row[2] for row in ordered], np.int64),
        type=np.array([row[3] if len(row) > 3 else 0 for row in ordered], np.uint8),
        user_ids=[f"u{i}" for i in range(users)],
        item_ids=[f"i{i}" for i in range(items)],
    )


def truths(split: Split) -> dict[int, list[int]]:
    starts, items = split.truth
    return {
        int(user): items[starts[i] : starts[i + 1]].tolist() for i, user in enumerate(split.users)
    }


# User 0: both sides. User 1: only after (cold). User 2: only before. User 3: nothing.
SHOP = events((0, 1, 10), (0, 2, 20), (0, 3, 30), (0, 3, 31), (0, 1, 40), (1, 4, 35), (2, 5, 5))


def test_temporal_split_by_hand() -> None:
    split = temporal_split(SHOP, at=30)
    assert truths(split) == {0: [1, 3], 1: [4]}  # distinct; a repeat of item 1 counts
    assert split.train.ts.max() < 30
    assert split.history_lengths().tolist() == [2, 0]  # user 1 is cold
    assert split.at.tolist() == [30, 30]
    assert (split.test_events, split.split_at) == (4, 30)


def test_a_fraction_splits_where_that_share_is_before() -> None:
    data = events(*[(0, i % 6, 100 + i) for i in range(10)])
    split = temporal_split(data, fraction=0.7)
    assert (len(split.train), split.split_at) == (7, 107)


def test_only_counted_types_are_truth_but_all_are_history() -> None:
    data = events((0, 1, 1, 0), (0, 2, 2, 2), (0, 3, 10, 0), (0, 4, 11, 2), (1, 5, 12, 0))
    split = temporal_split(data, at=5, counted=["purchase"])
    assert truths(split) == {0: [4]}
    assert len(split.train) == 2


def test_leave_last_by_hand() -> None:
    split = leave_last_split(SHOP)
    assert truths(split) == {0: [1]}  # users 1 and 2 have one event: nothing to ask with
    assert split.at.tolist() == [40]
    assert truths(leave_last_split(SHOP, last=3)) == {0: [1, 3]}
    assert len(split.train) == len(SHOP) - 1


def test_random_split_takes_whole_items() -> None:
    data = events((0, 1, 1), (0, 1, 2), (0, 1, 3), (0, 2, 4), (1, 3, 5))
    split = random_split(data, share=0.5, seed=1)
    held = truths(split)
    assert list(held) == [0]
    assert len(held[0]) == 1
    assert set(split.train.item[split.train.user == 0]) == {1, 2} - set(held[0])
    assert len(split.train) + split.test_events == len(data)


@st.composite
def shops(draw: st.DrawFn) -> Interactions:
    event = st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 20))
    return events(*draw(st.lists(event, min_size=2, max_size=30)))


@given(shops(), st.sampled_from(["temporal", "leave_last", "random"]), st.integers(0, 5))
def test_every_split_parts_the_events(data: Interactions, protocol: str, seed: int) -> None:
    try:
        if protocol == "temporal":
            split = temporal_split(data, fraction=0.6)
        elif protocol == "leave_last":
            split = leave_last_split(data)
        else:
            split = random_split(data, share=0.4, seed=seed)
    except InvalidInput:  # which shops are refused is a test of its own
        reject()
    assert len(split.train) + split.test_events == len(data)
    assert (split.truth.lengths() > 0).all()
    for user, items in truths(split).items():
        before = sorted(split.train.item[split.train.user == user].tolist())
        everything = data.item[data.user == user].tolist()
        rest = sorted(before + [i for i in everything if i in items and i not in before])
        assert set(rest) == set(everything)
        if protocol == "random":
            assert not set(before) & set(items)


def test_batches_bring_each_history_oldest_first() -> None:
    split = temporal_split(SHOP, at=30)
    (whole,) = split.batches(k=3, size=10)
    assert (whole.k, whole.users.tolist(), whole.starts.tolist()) == (3, [0, 1], [0, 2, 2])
    assert whole.items[whole.history(0)].tolist() == [1, 2]
    assert whole.ts[whole.history(0)].tolist() == [10, 20]
    parts = list(split.batches(k=3, size=1))
    assert [part.users.tolist() for part in parts] == [[0], [1]]
    assert np.concatenate([part.items for part in parts]).tolist() == whole.items.tolist()


def test_a_sample_of_users_keeps_their_truth() -> None:
    data = events(*[(u, u % 6, t) for u in range(40) for t in (1, 9)], users=40)
    split = sample_users(temporal_split(data, at=5), 7, seed=3)
    assert truths(split) == {int(u): [int(u) % 6] for u in split.users}
    assert len(split.users) == len(split.at) == 7
    assert sample_users(split, 7) is split


UNTIMED = from_sequences([[0, 1, 2], [2, 1]], 3, ordered=True)


@pytest.mark.parametrize(
    ("split", "code", "field"),
    [
        (lambda: temporal_split(UNTIMED), "split_needs_times", "protocol"),
        (
            lambda: leave_last_split(replace(UNTIMED, ordered=False)),
            "split_needs_order",
            "protocol",
        ),
        (lambda: temporal_split(SHOP, at=1), "split_empty", "at"),
        (lambda: temporal_split(SHOP, at=99), "split_empty", "at"),
        (lambda: temporal_split(events()), "split_empty", "at"),
        (lambda: temporal_split(SHOP, fraction=1.0), "share_out_of_range", "fraction"),
        (lambda: random_split(SHOP, share=0.0), "share_out_of_range", "share"),
        (lambda: temporal_split(SHOP, at=30, counted=["sold"]), "bad_choice", "counted"),
        (lambda: temporal_split(SHOP, at=30, counted=["purchase"]), "nothing_to_test", "protocol"),
        (lambda: leave_last_split(SHOP, last=9), "nothing_to_test", "protocol"),
        (lambda: random_split(events((0, 1, 1), (1, 2, 2))), "nothing_to_test", "protocol"),
    ],
)
def test_what_cannot_be_split_says_so(split: object, code: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        split()  # type: ignore[operator]
    assert (caught.value.code, caught.value.field) == (code, field)

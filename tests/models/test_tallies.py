"""Exact counts of items and of pairs: against counting by hand, and in both forms of the kernel."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.data.interactions import Interactions
from endcap.domain.errors import Damaged
from endcap.models import tally_kernel, tally_numpy
from endcap.models.tallies import BASKET, USER, Tallies, baskets_of, ranked

MINUTE = 60 * 1_000_000


def drawn(seed: int, items: int, events: int = 200) -> Interactions:
    draw = np.random.default_rng(seed)
    user = np.sort(draw.integers(0, 12, events)).astype("i4")
    ts = draw.integers(0, 12 * 60, events) * MINUTE
    order = np.lexsort((ts, user))
    return Interactions(
        user=user,
        item=draw.integers(0, items, events).astype("i4"),
        type=np.zeros(events, "u1"),
        ts=ts[order],
        user_ids=[f"u{row:02}" for row in range(12)],
        item_ids=[f"i{row:03}" for row in range(items)],
        session=draw.integers(-1, 3, events),
    )


def pairs_by_hand(groups: np.ndarray, item: np.ndarray) -> Counter:
    held: dict[int, set[int]] = {}
    for group, row in zip(groups.tolist(), item.tolist(), strict=True):
        held.setdefault(group, set()).add(row)
    found: Counter = Counter()
    for rows in held.values():
        for one, other in combinations(sorted(rows), 2):
            found[one, other] += 1
            found[other, one] += 1
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), items=st.integers(1, 40), of=st.sampled_from([USER, BASKET]))
def test_counts_are_exact_and_in_order(seed: int, items: int, of: str) -> None:
    data = drawn(seed, items)
    tallies = Tallies.fit(data, of)
    amounts = Counter(data.item.tolist())
    assert tallies.amounts.tolist() == [amounts[row] for row in range(items)]
    assert tallies.popular(items).rows.tolist() == sorted(amounts, key=lambda r: (-amounts[r], r))
    counted = pairs_by_hand(data.user if of == USER else baskets_of(data), data.item)
    for row in range(items):
        others = [other for one, other in counted if one == row]
        order = sorted(others, key=lambda o: (-counted[row, o], -amounts[o], o))
        found = tallies.related(row, items)
        assert found.rows.tolist() == order
        assert found.scores.tolist() == [counted[row, other] for other in order]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), items=st.integers(1, 40), most=st.integers(1, 12))
def test_both_forms_of_the_kernel_agree(seed: int, items: int, most: int) -> None:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(0, min(items, 9) + 1, 20)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    held = [np.sort(draw.choice(items, length, replace=False)) for length in lengths]
    groups = (starts, np.concatenate(held).astype("i4"), draw.permutation(items), most)
    compiled, plain = tally_kernel._pairs_of_groups(*groups), tally_numpy.pairs_of_groups(*groups)
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_array_equal(one, other)


def test_long_rows_keep_the_best() -> None:
    data = drawn(5, 30)
    whole, cut = Tallies.fit(data, USER), Tallies.fit(data, USER, most=3)
    for row in range(30):
        assert cut.related(row, 30).rows.tolist() == whole.related(row, 3).rows.tolist()


def test_what_is_left_out_is_made_up_for() -> None:
    tallies = Tallies.fit(drawn(7, 20), USER)
    best = tallies.popular(6).rows
    assert tallies.popular(3, exclude=best[:2]).rows.tolist() == best[2:5].tolist()
    allowed = np.ones(20, bool)
    allowed[best[0]] = False
    assert tallies.popular(3, allowed, best[1:2]).rows.tolist() == best[2:5].tolist()
    beside = tallies.related(0, 6).rows
    allowed = np.ones(20, bool)
    allowed[beside[1]] = False
    kept = [beside[2], beside[3]]
    assert tallies.related(0, 2, allowed, beside[:1]).rows.tolist() == kept


def test_an_unknown_row_and_counts_without_pairs_have_no_neighbours() -> None:
    assert not len(Tallies.fit(drawn(1, 5)).related(0, 5).rows)
    assert not len(Tallies.fit(drawn(1, 5), USER).related(-1, 5).rows)
    assert not len(Tallies.fit(drawn(1, 5), USER).related(5, 5).rows)


def test_only_what_has_an_amount_is_popular() -> None:
    tallies = ranked(["a", "b", "c", "d"], [0.0, 2.0, -1.0, 2.5])
    assert tallies.popular(9).rows.tolist() == [3, 1]
    assert tallies.popular(9).scores.tolist() == [2.5, 2.0]


def test_baskets_are_sessions_and_else_half_hours() -> None:
    minutes = [0, 30, 61, 0, 500, 20, 21]
    data = Interactions(
        user=np.array([0, 0, 0, 0, 0, 1, 1], "i4"),
        item=np.zeros(7, "i4"),
        type=np.zeros(7, "u1"),
        ts=np.array(minutes) * MINUTE,
        user_ids=["a", "b"],
        item_ids=["x"],
        session=np.array([-1, -1, -1, 7, 7, 7, -1]),
    )
    assert same_groups(baskets_of(data)) == [0, 0, 2, 3, 3, 5, 6]


def same_groups(groups: np.ndarray) -> list[int]:
    """Each group by the place of its first member."""
    listed = groups.tolist()
    return [listed.index(group) for group in listed]


@pytest.mark.parametrize("pairs", [None, USER])
def test_what_was_saved_is_what_is_loaded(tmp_path: Path, pairs: str | None) -> None:
    tallies = Tallies.fit(drawn(3, 15), pairs)
    tallies.save(tmp_path)
    loaded = Tallies.load(tmp_path)
    assert list(loaded.item_ids) == tallies.item_ids
    for row in range(15):
        assert loaded.related(row, 9).rows.tolist() == tallies.related(row, 9).rows.tolist()
    assert loaded.popular(15).scores.tolist() == tallies.popular(15).scores.tolist()


@pytest.mark.parametrize("name", ["manifest.json", "columns.npy", "amounts.npy", "id_starts.npy"])
def test_a_damaged_folder_is_refused(tmp_path: Path, name: str) -> None:
    Tallies.fit(drawn(3, 15), USER).save(tmp_path)
    if name == "columns.npy":
        np.save(tmp_path / name, np.zeros(1, "i4"))
    else:
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(Damaged) as caught:
        Tallies.load(tmp_path)
    assert caught.value.code == "model_unreadable"

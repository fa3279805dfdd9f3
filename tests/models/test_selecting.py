"""The best n by keys are those that a full sort gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.models import selecting
from endcap.models.selecting import key_of, narrow, put_best, room, score_of

SCORES = st.floats(width=32, allow_nan=False)


def keys_of(scores: np.ndarray) -> np.ndarray:
    return np.array([key_of(score, row) for row, score in enumerate(scores)], np.uint64)


@given(SCORES, SCORES, st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_keys_order_as_scores_do_and_equal_ones_by_row(
    first: float, second: float, one: int, other: int
) -> None:
    a, b = np.float32(first), np.float32(second)
    expected = (a, -one) > (b, -other)
    assert (key_of(a, one) > key_of(b, other)) == expected
    assert score_of(np.uint64(key_of(a, one))) == a


@pytest.mark.parametrize("different", [3, 100_000])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_best_are_those_of_a_full_sort(different: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    size, n = int(draw.integers(0, 900)), int(draw.integers(1, 700))
    scores = draw.integers(-different, different, size).astype("f4")
    rows, found = np.zeros(n, "i4"), np.zeros(n, "f4")
    many = put_best(keys_of(scores), size, rows, found)
    best = np.lexsort((np.arange(size), -scores))[:n]
    assert rows[:many].tolist() == best.tolist()
    assert found[:many].tolist() == scores[best].tolist()


@given(seed=st.integers(0, 2**32 - 1))
def test_narrowing_leaves_the_greatest_in_front_and_the_least_of_them_last(seed: int) -> None:
    draw = np.random.default_rng(seed)
    keys = draw.integers(0, draw.choice([3, 2**63]), room(40)).astype(np.uint64)
    expected = np.sort(keys)[::-1]
    narrow(keys, len(keys), 40)
    assert np.sort(keys[:40])[::-1].tolist() == expected[:40].tolist()
    assert keys[39] == expected[39]


@given(st.lists(st.integers(-5, 5), max_size=300))
def test_both_orders_equal_their_numpy_forms(numbers: list[int]) -> None:
    scores = np.array(numbers, "f4")
    assert selecting.ranked(scores).tolist() == selecting._ranked_numpy(scores).tolist()
    assert selecting.blended(scores).tolist() == selecting._blended_numpy(scores).tolist()

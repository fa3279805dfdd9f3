from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.errors import InvalidInput
from endcap.statistics import bootstrap
from endcap.statistics.paired import (
    compare_paired,
    flip_p_values,
    permutation_test,
    sign_test,
)


def exact_p(change: np.ndarray) -> float:
    """All 2ⁿ signs, one by one."""
    sums = [abs(np.dot(signs, change)) for signs in product((-1, 1), repeat=len(change))]
    return float(np.mean([s >= abs(change.sum()) - 1e-12 for s in sums]))


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9), st.integers(0, 99))
def test_random_flips_come_near_the_exact_test(values: list[int], seed: int) -> None:
    change = np.array(values, np.float64)
    found = permutation_test(change, np.zeros(len(change)), 4_000, seed)
    assert found == pytest.approx(exact_p(change), abs=0.045)


def test_flips_of_several_columns_are_those_of_each() -> None:
    change = np.random.default_rng(0).normal(0.1, 1.0, (30, 3))
    together = flip_p_values(change, 500, 1)
    alone = [flip_p_values(change[:, [i]], 500, 1)[0] for i in range(3)]
    assert together == pytest.approx(alone)


def test_bundled_signs_reject_as_rarely_as_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MOST_UNITS", 40)
    rng = np.random.default_rng(9)
    p = flip_p_values(rng.normal(0.0, 1.0, (300, 400)), 300, 2)  # 400 true nulls of 300 units
    assert 0.06 <= np.mean(p <= 0.1) <= 0.14
    assert flip_p_values(rng.normal(0.5, 1.0, (300, 1)), 300, 2)[0] == pytest.approx(1 / 301)


def test_the_sign_test_by_hand() -> None:
    # 5 wins, no loss: 2 · (1/2)⁵; 4 wins, 1 loss: 2 · (1 + 5) / 32; a tie counts for nothing
    assert sign_test(np.ones(5), np.zeros(5)) == pytest.approx(2 / 32)
    assert sign_test(np.array([1.0, 1, 1, 1, -9, 0]), np.zeros(6)) == pytest.approx(12 / 32)
    assert sign_test(np.zeros(3), np.zeros(3)) == 1.0


def test_a_shared_level_cancels_out() -> None:
    level = np.random.default_rng(0).normal(0.0, 100.0, 400)
    better = level + 1.0 + np.random.default_rng(1).normal(0.0, 0.5, 400)
    found = compare_paired(better, level, resamples=500)
    assert 0.9 < found.low < found.difference < found.high < 1.1
    assert found.p_value == pytest.approx(1 / 501)


def test_no_difference_is_found_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(7)
    false = [permutation_test(rng.random(25), rng.random(25), 200, i) <= 0.1 for i in range(400)]
    assert 0.06 <= np.mean(false) <= 0.14


def test_counts_and_missing_pairs() -> None:
    found = compare_paired(
        np.array([1.0, 2.0, 3.0, np.nan, 5.0]), np.array([0.0, 2.0, 4.0, 1.0, np.nan])
    )
    assert (found.wins, found.losses, found.ties) == (1, 1, 1)
    assert found.difference == 0.0
    assert np.isnan(compare_paired(np.array([np.nan]), np.array([1.0])).difference)
    assert np.isnan(permutation_test(np.array([np.nan]), np.array([1.0])))


def test_no_change_at_all_has_no_evidence() -> None:
    assert permutation_test(np.ones(4), np.ones(4)) == 1.0


def test_lengths_must_agree() -> None:
    with pytest.raises(InvalidInput) as caught:
        sign_test(np.zeros(3), np.zeros(2))
    assert (caught.value.code, caught.value.value) == ("lengths_differ", 2)

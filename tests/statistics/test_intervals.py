from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.errors import InvalidInput
from endcap.statistics.intervals import wilson


def test_wilson_gives_the_published_example() -> None:
    # 81 of 263: Newcombe, "Two-sided confidence intervals for the single proportion",
    # Statistics in Medicine 17 (1998), table I, method 3.
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_wilson_is_honest_at_the_ends() -> None:
    assert wilson(0, 20)[0] == 0.0
    assert round(wilson(0, 20)[1], 4) == 0.1611  # the same table: 0 of 20
    assert wilson(20, 20)[1] == 1.0
    assert all(math.isnan(end) for end in wilson(0, 0))


@given(st.integers(1, 10_000), st.data(), st.floats(0.01, 0.99))
def test_wilson_holds_the_proportion_and_mirrors(
    trials: int, data: st.DataObject, level: float
) -> None:
    successes = data.draw(st.integers(0, trials))
    low, high = wilson(successes, trials, level)
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    mirrored = wilson(trials - successes, trials, level)
    assert mirrored.low == pytest.approx(1 - high, abs=1e-12)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, math.nan])
def test_a_level_outside_is_refused(level: float) -> None:
    with pytest.raises(InvalidInput) as caught:
        wilson(1, 2, level)
    assert (caught.value.code, caught.value.field) == ("level_out_of_range", "level")


@pytest.mark.parametrize(("successes", "trials"), [(3, 2), (-1, 2)])
def test_more_successes_than_trials_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        wilson(successes, trials)
    assert caught.value.code == "successes_out_of_range"

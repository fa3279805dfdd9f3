"""The circuit breaker: when it opens, who may try, and when it closes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.adapters.breaker import Breaker
from endcap.domain.errors import Unavailable
from endcap.telemetry import Telemetry


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(breaker: Breaker) -> bool:
    try:
        breaker.enter()
    except Unavailable:
        return True
    return False


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.enter()
        breaker.failed()


def test_it_opens_after_failures_in_a_row_and_says_for_how_long() -> None:
    clock, telemetry = Clock(), Telemetry()
    breaker = Breaker("tables", 3, 10.0, clock, telemetry.count)
    fail(breaker, 2)
    breaker.enter()
    breaker.succeeded()  # the row is broken
    fail(breaker, 2)
    assert breaker.closed
    fail(breaker, 1)
    clock.now += 2.5
    with pytest.raises(Unavailable) as caught:
        breaker.enter()
    assert (caught.value.code, caught.value.field) == ("dependency_open", "tables")
    assert caught.value.retry_after_s == 8
    assert telemetry.counters == {
        ("breaker_opened_total", (("dependency", "tables"),)): 1.0,
        ("breaker_refusals_total", (("dependency", "tables"),)): 1.0,
    }


@pytest.mark.parametrize("works", [True, False])
def test_half_open_one_may_try_and_its_outcome_decides(works: bool) -> None:
    clock = Clock()
    breaker = Breaker("tables", 3, 10.0, clock)
    fail(breaker, 3)
    clock.now += 10.0
    breaker.enter()
    assert refused(breaker)  # another, while the first is under way
    breaker.succeeded() if works else breaker.failed()
    assert refused(breaker) is not works
    assert breaker.closed is works
    clock.now += 10.0
    assert not refused(breaker)


def test_a_trial_that_never_ends_does_not_close_the_door_for_good() -> None:
    clock = Clock()
    breaker = Breaker("tables", 1, 10.0, clock)
    fail(breaker, 1)
    clock.now += 10.0
    breaker.enter()
    clock.now += 9.0
    assert refused(breaker)
    clock.now += 1.0
    assert not refused(breaker)


calls = st.tuples(st.booleans(), st.sampled_from([0.0, 0.0, 1.0, 4.0, 9.0]))


@given(st.lists(calls, max_size=60), st.integers(1, 4), st.sampled_from([1.0, 5.0]))
def test_it_refuses_only_within_a_pause_of_enough_failures(
    outcomes: list[tuple[bool, float]], most: int, pause: float
) -> None:
    """Calls one after the other: whoever gets in tells the outcome at once."""
    clock, telemetry = Clock(), Telemetry()
    breaker = Breaker("d", most, pause, clock, telemetry.count)
    in_a_row, last_failure, opened, refusals = 0, 0.0, 0, 0
    for works, passes in outcomes:
        clock.now += passes
        expected = in_a_row >= most and clock.now - last_failure < pause
        assert refused(breaker) is expected
        if expected:
            refusals += 1
            continue
        if works:
            breaker.succeeded()
            in_a_row = 0
        else:
            breaker.failed()
            in_a_row, last_failure = in_a_row + 1, clock.now
            opened += in_a_row == most
        assert breaker.closed is (in_a_row < most)
    label = (("dependency", "d"),)
    assert telemetry.counters.get(("breaker_opened_total", label), 0) == opened
    assert telemetry.counters.get(("breaker_refusals_total", label), 0) == refusals

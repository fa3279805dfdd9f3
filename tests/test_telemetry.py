"""Counters add up, gauges keep the last value, histograms keep count and sum."""

from __future__ import annotations

import copy
import mmap
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.telemetry import BLOCK_BYTES, BUCKETS_S, Telemetry


def test_counters_add_by_labels_in_any_order() -> None:
    telemetry = Telemetry()
    telemetry.count("answers_total", surface="personal", strategy="popular")
    telemetry.count("answers_total", 2, strategy="popular", surface="personal")
    telemetry.count("answers_total", surface="related", strategy="popular")
    assert telemetry.counters == {
        ("answers_total", (("strategy", "popular"), ("surface", "personal"))): 3,
        ("answers_total", (("strategy", "popular"), ("surface", "related"))): 1,
    }


def test_a_gauge_keeps_the_last_value() -> None:
    telemetry = Telemetry()
    telemetry.gauge("lag_bytes", 5)
    telemetry.gauge("lag_bytes", 2)
    assert telemetry.gauges == {("lag_bytes", ()): 2}


@pytest.mark.parametrize(
    ("seconds", "cell"),
    [(0.0, 0), (0.0005, 5), (0.0006, 6), (0.1, 12), (10.0, 17), (10.1, 18), (1e9, 18)],
)
def test_an_observation_falls_in_the_bucket_that_holds_it(seconds: float, cell: int) -> None:
    telemetry = Telemetry()
    telemetry.observe("request_seconds", seconds)
    cells = telemetry.histograms[("request_seconds", ())]
    assert cells[:-2].index(1) == cell
    assert cells[-2:] == [1, seconds]


@given(st.lists(st.floats(0, 100)))
def test_a_histogram_loses_nothing(seconds: list[float]) -> None:
    telemetry = Telemetry()
    for value in seconds:
        telemetry.observe("request_seconds", value)
    cells = telemetry.histograms.get(("request_seconds", ()), [0.0] * (len(BUCKETS_S) + 3))
    assert sum(cells[:-2]) == cells[-2] == len(seconds)
    assert cells[-1] == pytest.approx(sum(seconds))
    for i, bound in enumerate(BUCKETS_S):
        assert sum(cells[: i + 1]) == sum(value <= bound for value in seconds)


def test_threads_lose_no_counts() -> None:
    telemetry = Telemetry()

    def work() -> None:
        for _ in range(2000):
            telemetry.count("events_total")
            telemetry.observe("request_seconds", 0.01)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert telemetry.counters[("events_total", ())] == 8000
    assert telemetry.histograms[("request_seconds", ())][-2] == 8000


def test_a_forked_child_counts_in_the_same_cells() -> None:
    """The keeper works in children, and each of them finds what the one before has claimed."""
    block = memoryview(mmap.mmap(-1, BLOCK_BYTES))
    parent = Telemetry(block)
    parent.count("answers_total")
    used = []
    for _ in range(3):
        child = copy.copy(parent)  # what fork leaves: the same cells, a copy of the rest
        child._places = dict(parent._places)
        child.count("answers_total")
        child.count("dead_letters_total")
        child.gauge("log_tail_bytes", 5)
        used.append(bytes(block[8:16]))
    parent.count("dead_letters_total")
    parent.gauge("log_tail_bytes", 6)
    assert parent.counters == {("answers_total", ()): 4, ("dead_letters_total", ()): 4}
    assert parent.gauges == {("log_tail_bytes", ()): 6}
    assert len(set(used)) == 1

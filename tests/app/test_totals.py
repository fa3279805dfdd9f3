"""How the numbers of several processes become one picture."""

from __future__ import annotations

import math

import pytest

from endcap.app.totals import Kept, Totals, named_apart, total, with_standing
from endcap.telemetry import BUCKETS_S, Reading, Telemetry

S = 1_000_000


def reading(process: str, pid: int = 1, **gauges: float) -> Reading:
    return Reading(process, pid, {}, {(name, ()): value for name, value in gauges.items()}, {})


def each(found: Totals, name: str) -> dict[str, float]:
    return found.each(name)


def test_gauges_are_added_or_the_largest_or_each_by_itself() -> None:
    found = total(
        [
            reading("a", intake_waiting_requests=3, log_tail_bytes=5, applied_offset_bytes=7),
            reading("b", intake_waiting_requests=4, log_tail_bytes=2, applied_offset_bytes=9),
        ]
    )
    assert found.gauge("intake_waiting_requests") == 7
    assert found.gauge("log_tail_bytes") == 5
    assert found.each("applied_offset_bytes") == {"a": 7, "b": 9}


def test_counters_and_histograms_are_added() -> None:
    registries = [Telemetry(process=name) for name in "ab"]
    for seconds, telemetry in zip((0.002, 0.2), registries, strict=True):
        telemetry.count("answers_total", 2, surface="x", strategy="y")
        telemetry.observe("request_seconds", seconds, route="x")
    found = total([telemetry.reading() for telemetry in registries])
    assert list(found.counters.values()) == [4]
    (cells,) = found.histograms.values()
    assert (len(cells), cells[-2], cells[-1]) == (len(BUCKETS_S) + 3, 2, pytest.approx(0.202))


def test_two_servers_on_one_home_are_told_apart() -> None:
    found = named_apart([reading("worker-0", 11), reading("worker-0", 12), reading("keeper", 13)])
    assert [r.process for r in found] == ["worker-0", "worker-0-12", "keeper"]


def test_a_gauge_that_ended_is_not_shown() -> None:
    telemetry = Telemetry()
    telemetry.gauge("model_served", 1, version="v0001")
    telemetry.gauge("model_served", math.nan, version="v0001")
    telemetry.gauge("model_served", 1, version="v0002")
    assert telemetry.gauges == {("model_served", (("version", "v0002"),)): 1}


def standing(process: str, applied: float, caught_up: float, sign: float) -> Reading:
    return reading(
        process, applied_offset_bytes=applied, caught_up_timestamp_seconds=caught_up,
        sign_timestamp_seconds=sign, newest_event_timestamp_seconds=sign - 3,
    )  # fmt: skip


def test_a_worker_that_hangs_grows_old_by_itself() -> None:
    found = total([standing("worker-0", 500, 90, 99), standing("worker-1", 300, 60, 61)])
    seen = with_standing(found, Kept(500, 100, 40 * S, 10 * S), 100 * S)
    assert seen.each("log_lag_bytes") == {"worker-0": 0, "worker-1": 200}
    assert seen.each("log_lag_seconds") == {"worker-0": 0, "worker-1": 40}
    assert seen.each("process_sign_age_seconds") == {"worker-0": 1, "worker-1": 39}
    assert seen.gauge("newest_event_age_seconds") == 4
    assert seen.gauge("keeper_lag_bytes") == 400
    assert seen.gauge("snapshot_age_seconds") == 60
    assert seen.gauge("model_age_seconds") == 90
    assert not any(name.endswith("timestamp_seconds") for name, _ in seen.gauges)


def test_what_is_not_known_is_not_shown() -> None:
    seen = with_standing(total([]), Kept(), 100 * S)
    assert {name for name, _ in seen.gauges} == {"log_end_bytes", "keeper_lag_bytes"}


def test_a_registry_that_is_full_goes_on() -> None:
    telemetry = Telemetry()
    telemetry.count("first_total")
    for number in range(5_000):
        telemetry.count("answers_total", surface="x" * 100, strategy=str(number))
        telemetry.observe("request_seconds", 0.1, route=str(number))
        telemetry.gauge("log_tail_bytes", 1, process=str(number))
    telemetry.count("first_total")
    found = telemetry.reading()
    assert found.counters["first_total", ()] == 2
    assert 100 < len(found.counters) < 5_000
    kept = [v for (name, _), v in found.counters.items() if name == "answers_total"]
    assert set(kept) == {1}
    assert {tuple(cells[-2:]) for cells in found.histograms.values()} == {(1.0, 0.1)}

"""The doctor says in words what the metrics mean, and nothing when nothing is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app import health
from endcap.app.diagnosis import RUNNING, Picture, picture, server, told_s
from endcap.app.health import Finding
from endcap.app.totals import Kept, total, with_standing
from endcap.control import api_keys
from endcap.settings import load_settings
from endcap.telemetry import Reading, Telemetry

AT = 1_000_000_000
NOW = AT / 1e6
MB = 2**20


class Running:
    """A server of two workers, a keeper and a supervisor, ten minutes after it was sound."""

    def __init__(self) -> None:
        self.stores = Kept(log_end=100 * MB, snapshot_offset=99 * MB, snapshot_at=AT)
        self.pids = {"worker-0": 11, "worker-1": 12, "keeper": 13, "supervisor": 14}
        self.registries = {n: Telemetry(process=n, pid=p) for n, p in self.pids.items()}
        for name in self.registries:
            self.sign(name, 1)
        for name in ("worker-0", "worker-1"):
            self.applied(name, 100 * MB, 0.1)
        self.worker = self.registries["worker-0"]
        self.serve(1000)
        self.before: list[tuple[float, Reading]] = [(NOW - 590, self.together())]
        self.serve(1000)

    def sign(self, name: str, age: float) -> None:
        self.registries[name].gauge("sign_timestamp_seconds", NOW - age)

    def applied(self, name: str, offset: float, age: float) -> None:
        self.registries[name].gauge("applied_offset_bytes", offset)
        self.registries[name].gauge("caught_up_timestamp_seconds", NOW - age)

    def serve(self, count: int, seconds: float = 0.0004, status: str = "200") -> None:
        for _ in range(count):
            self.worker.observe("request_seconds", seconds, route="personalized")
        self.worker.count("requests_total", count, route="personalized", status=status)
        self.worker.count("answers_total", count, surface="personal", strategy="personal")

    def together(self) -> Reading:
        found = total([t.reading() for t in self.registries.values()])
        return Reading("", 0, found.counters, {}, found.histograms)

    def seen(self, **settings: Any) -> Picture:
        readings = [telemetry.reading() for telemetry in self.registries.values()]
        found = with_standing(total(readings), self.stores, AT)
        return picture(readings, self.before, found, AT, load_settings({}, **settings))

    def wrong(self) -> dict[str, Finding]:
        found = {}
        for name, look in {"server": server, **RUNNING}.items():
            try:
                assert look(self.seen())
            except Finding as finding:
                found[name] = finding
        return found


@pytest.fixture
def running() -> Running:
    return Running()


def test_nothing_is_wrong(running: Running) -> None:
    assert running.wrong() == {}
    seen = running.seen()
    assert server(seen) == "keeper, supervisor, worker-0, worker-1"
    assert RUNNING["answers"](seen) == "1000 in the last 10 minutes, 0 fallbacks"


def test_what_was_wrong_long_ago_is_not_wrong_now(running: Running) -> None:
    worker = running.worker
    worker.count("fallbacks_total", 900, stage="candidates", reason="error")
    worker.count("intake_refused_total", 900)
    running.serve(900, 5.0, "503")
    assert set(running.wrong()) == {"answers", "errors", "speed", "intake"}
    running.before = [(NOW - 500, running.together())]
    running.serve(100)
    assert running.wrong() == {}


def test_without_anything_to_compare_with_nothing_is_said_of_lately(running: Running) -> None:
    running.worker.count("intake_refused_total", 900)
    running.before = [(NOW - 86_400, running.before[0][1])]
    assert running.wrong() == {}


def stop_keeper(running: Running) -> None:
    del running.registries["keeper"]


def fall_back(running: Running) -> None:
    running.worker.count("fallbacks_total", 40, stage="candidates", reason="deadline")
    running.worker.count("fallbacks_total", 5, stage="log", reason="error")


def refuse(running: Running) -> None:
    running.worker.count("refusals_total", 1500, code="key_missing")


def fail_rounds(running: Running) -> None:
    running.registries["keeper"].count("keeper_rounds_total", 3, outcome="failed")


def fall_behind(running: Running) -> None:
    running.stores = Kept(log_end=100 * MB, snapshot_offset=1 * MB, snapshot_at=AT)


CASES: dict[str, tuple[Any, str, str, str]] = {
    "hangs": (lambda r: r.sign("worker-1", 42), "server",
              "worker-1 has given no sign of life for 42 s: it hangs", "kill -9 12"),
    "restarts": (lambda r: r.worker.count("process_starts_total", 4, process="worker-1"), "server",
                 "worker-1 was started 4 times in the last 10 minutes", "ended"),
    "no keeper": (stop_keeper, "server", "no keeper runs", "log says why"),
    "stale": (lambda r: r.applied("worker-1", 90 * MB, 130), "freshness",
              "worker-1 is up but stale: 10.0 MB", "kill -9 12"),
    "fallbacks": (fall_back, "answers",
                  "45 fallbacks: 40 in stage candidates, 5 in stage log (deadline 40, error 5)",
                  "ENDCAP_DEADLINE_MS"),
    "errors": (lambda r: r.serve(30, status="500"), "errors",
               "2.9% of 1030 requests in the last 10 minutes failed: personalized 500: 30",
               "request failed"),
    "refused": (refuse, "refusals", "turned away: key_missing 1500", "endcap keys"),
    "slow": (lambda r: r.serve(50, 0.3), "speed",
             "4.8% of the requests to personalized took longer than 0.1 s: p99 is above 0.25 s",
             "stage_seconds"),
    "pressure": (lambda r: r.worker.count("intake_refused_total", 7), "intake",
                 "7 requests were refused", "faster disk"),
    "queue": (lambda r: r.worker.gauge("intake_waiting_requests", 6000), "intake",
              "6000 requests wait for the disk", "faster disk"),
    "disk": (lambda r: r.worker.count("log_sync_failures_total", 2), "intake",
             "the disk failed 2 times", "full?"),
    "rounds": (fail_rounds, "keeper", "3 rounds of the keeper failed", "round failed"),
    "behind": (fall_behind, "keeper", "99 MB of the log are not in the lake", "processor time"),
    "loads": (lambda r: r.worker.count("load_failures_total", 1, code="artifact_damaged"), "loads",
              "artifact_damaged 1", "models and snapshots"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_and_what_to_do(case: str, running: Running) -> None:
    break_it, check, wrong, advice = CASES[case]
    break_it(running)
    found = running.wrong()
    assert set(found) == {check}
    assert wrong in str(found[check])
    assert advice in found[check].advice


def test_every_check_can_find_something() -> None:
    assert {check for _, check, _, _ in CASES.values()} == {"server", *RUNNING}


def test_no_server(running: Running) -> None:
    running.registries = {}
    assert server(running.seen()) == "no server runs on this home"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(3.4, "3 s"), (119, "119 s"), (120, "2 minutes"), (7200, "2 hours"), (864_000, "10 days")],
)
def test_lengths_of_time(seconds: float, told: str) -> None:
    assert told_s(seconds) == told


def test_keys_that_are_asked_for_must_exist(empty_board: Any) -> None:
    documents, at = empty_board.shop.documents, 10**15
    required = load_settings({}, auth="required")
    with pytest.raises(Finding, match="nobody can ask") as caught:
        health.keys(documents, required, at)
    assert "endcap keys create" in caught.value.advice
    words = {"name": "shop", "scopes": ("read",), "expires_at": at + 1}
    api_keys.create(documents, b"123456", b"x" * 32, at, **words)
    assert health.keys(documents, required, at) == "1 valid"
    with pytest.raises(Finding):
        health.keys(documents, required, at + 2)
    assert "tokens" in health.keys(documents, load_settings({}, auth="required", jwks="a"), at + 2)
    assert "none are asked for" in health.keys(documents, load_settings({}), at)


def test_a_model_grows_old(board: Any) -> None:
    documents, day = board.shop.documents, 86_400_000_000
    assert health.model_age(documents, board.at + day) == "v0001 was trained 1.0 days ago"
    with pytest.raises(Finding, match="v0001 was trained 40 days ago") as caught:
        health.model_age(documents, board.at + 40 * day)
    assert "endcap train" in caught.value.advice

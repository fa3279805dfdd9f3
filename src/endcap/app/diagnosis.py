"""What ``endcap doctor`` says of a running server, from the metrics of all its processes.

A check looks at a ``Picture`` and returns what it saw, or raises ``Finding``. Shares and sums are
of the last minutes: what went wrong last month is not wrong now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from endcap.app.health import Finding
from endcap.app.totals import Totals, named_apart, total
from endcap.settings import Settings
from endcap.telemetry import BUCKETS_S, Key, Reading

LATELY_S = 600.0
MOST_SHARE = 0.01  # of answers that fall back, of errors, of slow requests
LEAST_COUNT = 5  # fewer are no pattern
LEAST_TIMED = 100
SLOW_S = {"personalized": 0.1, "related": 0.1, "popular": 0.1, "trending": 0.1}
SLOW_OTHERS_S = 1.0
SILENT_S, SILENT_KEEPER_S, STALE_S = 10.0, 900.0, 5.0
MOST_STARTS = 3
TAILS = 4  # a keeper is behind when so many times the tail that it works off lies before it
NOTHING_RUNS = "no server runs on this home"

RANK_ADVICE = "the log names the place (answered with less); endcap rollback serves without it"
# stage or reason → what to do
FALLBACK_ADVICE = {
    "deadline": "answers take too long: fewer requests on this machine, more processor time for"
    " them, or a larger ENDCAP_DEADLINE_MS",
    "model": "no trained model can be loaded: endcap train, or endcap rollback VERSION",
    "log": "the log cannot be read: see the check of the log above",
    "rank": RANK_ADVICE,
}
OTHER_ADVICE = "the server's log names the place: look for 'answered with less'"


class Picture(NamedTuple):
    """``totals`` as ``with_standing`` gives them; ``lately``: what was counted in the last
    ``seconds``, None when nobody wrote down what stood before. ``pids`` of living processes."""

    totals: Totals
    lately: Totals | None
    seconds: float
    pids: dict[str, int]
    settings: Settings

    @property
    def span(self) -> str:
        return told_s(self.seconds)

    def sums(self, name: str, label: str) -> Counter[str]:
        """Of a counter lately, by one of its labels."""
        found: Counter[str] = Counter()
        for (metric, labels), value in (self.lately.counters if self.lately else {}).items():
            if metric == name and value > 0:
                found[dict(labels).get(label, "")] += round(value)
        return found


def picture(
    readings: Sequence[Reading],
    moments: Iterable[tuple[float, Reading]],
    totals: Totals,
    at: int,
    settings: Settings,
) -> Picture:
    """``moments``: (s since 1970, what stood then), oldest first; ``at``: now, in µs."""
    pids = {reading.process: reading.pid for reading in named_apart(readings) if reading.pid}
    for then, before in moments:
        if 0 < at / 1e6 - then <= LATELY_S:
            now = total(readings)
            return Picture(totals, since(now, before), at / 1e6 - then, pids, settings)
    return Picture(totals, None, 0.0, pids, settings)


def since(now: Totals, before: Reading) -> Totals:
    """What was counted between the two."""
    counters = {k: v - before.counters.get(k, 0.0) for k, v in now.counters.items()}
    times: dict[Key, list[float]] = {}
    for key, cells in now.histograms.items():
        earlier = before.histograms.get(key, [0.0] * len(cells))
        times[key] = [a - b for a, b in zip(cells, earlier, strict=False)]
    return Totals(counters, {}, times)


def server(seen: Picture) -> str:
    """Every process gives signs of life, and none is started again and again."""
    if not seen.pids:
        return NOTHING_RUNS
    for process, age in seen.totals.each("process_sign_age_seconds").items():
        if age > (SILENT_KEEPER_S if process.startswith("keeper") else SILENT_S):
            pid = seen.pids.get(process, 0)
            wrong = f"{process} has given no sign of life for {told_s(age)}: it hangs"
            raise Finding(wrong, f"kill -9 {pid}: a new one starts at once, and nothing is lost")
    restarted = seen.sums("process_starts_total", "process")
    for process, count in restarted.most_common(1):
        if count >= MOST_STARTS:
            wrong = f"{process} was started {count} times in the last {seen.span}"
            raise Finding(wrong, "the server's log says how each ended: look for 'ended'")
    if not any(process.startswith("keeper") for process in seen.pids):
        wrong = "no keeper runs: the log grows, and nothing new gets into the lake"
        raise Finding(wrong, "it may be starting; else the server's log says why it ends")
    return ", ".join(sorted(seen.pids))


def freshness(seen: Picture) -> str:
    """Every worker answers from all that was posted."""
    behind = seen.totals.each("log_lag_seconds")
    process, age = max(behind.items(), key=lambda pair: pair[1], default=("", 0.0))
    if age > STALE_S:
        lag = seen.totals.each("log_lag_bytes").get(process, 0.0)
        wrong = (
            f"{process} is up but stale: {lag / 2**20:.1f} MB of what was posted have been missing"
            f" from its answers for {told_s(age)}"
        )
        pid = seen.pids.get(process, 0)
        raise Finding(wrong, f"see its lines in the server's log; kill -9 {pid} starts it anew")
    newest = seen.totals.gauge("newest_event_age_seconds")
    return "all applied" + ("" if newest is None else f"; the newest event is {told_s(newest)} old")


def answers(seen: Picture) -> str:
    """Answers are made as they should be, not of popular items because something fails."""
    given = seen.sums("answers_total", "surface").total()
    stages = seen.sums("fallbacks_total", "stage")
    if stages.total() < LEAST_COUNT or stages.total() <= given * MOST_SHARE:
        return f"{given} in the last {seen.span}, {stages.total()} fallbacks"
    reasons = seen.sums("fallbacks_total", "reason")
    where = ", ".join(f"{count} in stage {stage}" for stage, count in stages.most_common())
    why = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    wrong = (
        f"{given} answers in the last {seen.span} had {stages.total()} fallbacks: {where} ({why})"
    )
    reason, stage = reasons.most_common(1)[0][0], stages.most_common(1)[0][0]
    advice = FALLBACK_ADVICE.get(reason) or FALLBACK_ADVICE.get(stage) or OTHER_ADVICE
    raise Finding(wrong, advice)


def errors(seen: Picture) -> str:
    """Requests are answered, not failed."""
    statuses = seen.sums("requests_total", "status")
    failed = sum(count for status, count in statuses.items() if status.startswith("5"))
    if failed < LEAST_COUNT or failed <= statuses.total() * MOST_SHARE:
        return f"{failed} of {statuses.total()} requests in the last {seen.span}"
    where = ", ".join(f"{route} {n}" for route, n in _failed_routes(seen).most_common(3))
    share = failed / statuses.total()
    wrong = f"{share:.1%} of {statuses.total()} requests in the last {seen.span} failed: {where}"
    raise Finding(
        wrong, "503: the disk is full or slow, see above; 500: see 'request failed' in the log"
    )


def _failed_routes(seen: Picture) -> Counter[str]:
    found: Counter[str] = Counter()
    for (name, labels), value in (seen.lately.counters if seen.lately else {}).items():
        told = dict(labels)
        if name == "requests_total" and told["status"].startswith("5") and value > 0:
            found[f"{told['route']} {told['status']}:"] += round(value)
    return found


def refusals(seen: Picture) -> str:
    """Those who ask may ask."""
    codes = seen.sums("refusals_total", "code")
    asked = seen.sums("requests_total", "status").total()
    if codes.total() < 4 * LEAST_COUNT or 2 * codes.total() <= asked:
        return f"{codes.total()} of {asked} requests in the last {seen.span}"
    why = ", ".join(f"{code} {count}" for code, count in codes.most_common(3))
    wrong = f"{codes.total()} of {asked} requests in the last {seen.span} were turned away: {why}"
    raise Finding(wrong, "key_…, token_…: give the clients a valid key (endcap keys); over_rate: "
                  "ENDCAP_RATE_PER_S, or the key's own rate")  # fmt: skip


def speed(seen: Picture) -> str:
    """At most one request in a hundred is slow: p99 is below the limit of its route."""
    slowest = "nothing is slow"
    for (name, labels), cells in sorted((seen.lately.histograms if seen.lately else {}).items()):
        if name != "request_seconds" or cells[-2] < LEAST_TIMED:
            continue
        route = dict(labels)["route"]
        limit = SLOW_S.get(route, SLOW_OTHERS_S)
        share = sum(cells[BUCKETS_S.index(limit) + 1 : -2]) / cells[-2]
        if share > MOST_SHARE:
            wrong = f"{share:.1%} of the requests to {route} took longer than {limit:g} s: p99 is"
            wrong += f" {_p99(cells)}, in the last {seen.span}"
            raise Finding(wrong, "endcap_stage_seconds says in which stage; is something else "
                          "busy on this machine? see process_cpu_seconds")  # fmt: skip
    return slowest


def _p99(cells: list[float]) -> str:
    """Between which bounds it lies."""
    rest = cells[-2] * MOST_SHARE
    for place in range(len(BUCKETS_S), 0, -1):
        rest -= cells[place]
        if rest < 0:
            above = f"above {BUCKETS_S[place - 1]:g} s"
            return above if place == len(BUCKETS_S) else f"{above}, at most {BUCKETS_S[place]:g} s"
    return f"at most {BUCKETS_S[0]:g} s"


def intake(seen: Picture) -> str:
    """The disk follows what is posted."""
    refused = sum(seen.sums("intake_refused_total", "").values())
    failed = sum(seen.sums("log_sync_failures_total", "").values())
    waiting = seen.totals.gauge("intake_waiting_requests") or 0.0
    if failed:
        wrong = f"the disk failed {failed} times to take the log in the last {seen.span}"
        raise Finding(
            wrong, "look at the disk (full? broken?); those requests got 503, and may be repeated"
        )
    if refused:
        wrong = (
            f"{refused} requests were refused in the last {seen.span}: too many waited for the disk"
        )
        raise Finding(wrong, "a faster disk, or more events in each request (/v1/events/batch)")
    if waiting > seen.settings.max_waiting / 2:
        wrong = f"{waiting:.0f} requests wait for the disk; from {seen.settings.max_waiting} on in"
        raise Finding(wrong + " one worker, more are refused", "a faster disk, or /v1/events/batch")
    return f"{waiting:.0f} requests wait for the disk"


def keeper(seen: Picture) -> str:
    """The log gets into lake and snapshot."""
    outcomes = seen.sums("keeper_rounds_total", "outcome")
    if outcomes["failed"]:
        wrong = f"{outcomes['failed']} rounds of the keeper failed in the last {seen.span}"
        raise Finding(
            wrong, "the server's log says why: look for 'round failed'; nothing is lost meanwhile"
        )
    lag = (seen.totals.gauge("keeper_lag_bytes") or 0.0) / 2**20
    if lag > TAILS * seen.settings.snapshot_tail_mb:
        wrong = (
            f"the keeper is behind: {lag:.0f} MB of the log are not in the lake and the snapshot"
        )
        raise Finding(
            wrong, "more processor time or a faster disk; until then a restart takes longer"
        )
    age = seen.totals.gauge("snapshot_age_seconds")
    return f"{lag:.1f} MB of log to store" + (
        "" if age is None else f"; snapshot {told_s(age)} old"
    )


def loads(seen: Picture) -> str:
    """What was published could be loaded."""
    codes = seen.sums("load_failures_total", "code")
    if codes:
        wrong = ", ".join(f"{code} {count}" for code, count in codes.most_common())
        wrong = f"models or snapshots could not be loaded in the last {seen.span}: {wrong}"
        raise Finding(wrong, "see the checks of models and snapshots above")
    return "every model and snapshot could be loaded"


def told_s(seconds: float) -> str:
    """A length of time as a person says it."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


Look = Callable[[Picture], str]
# While a server runs; ``server`` alone says that none does.
RUNNING: dict[str, Look] = {
    "freshness": freshness,
    "answers": answers,
    "errors": errors,
    "refusals": refusals,
    "speed": speed,
    "intake": intake,
    "keeper": keeper,
    "loads": loads,
}

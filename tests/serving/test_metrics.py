"""What ``/metrics`` shows is sound, complete, documented, and the same from every worker."""

from __future__ import annotations

import ast
import os
import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from endcap.domain.metrics import COUNTER, GAUGE, HISTOGRAM, METRICS, RAW, RECENT

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "endcap"
WRITES = {"count": COUNTER, "_count": COUNTER, "counter": COUNTER, "gauge": GAUGE, "level": GAUGE,
          "observe": HISTOGRAM, "histogram": HISTOGRAM}  # fmt: skip
UNITS = {
    COUNTER: ("_total",),
    HISTOGRAM: ("_seconds",),
    GAUGE: ("_seconds", "_bytes", "_requests", "_files", "_in_flight", "_served"),
}

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ([-+]?(?:[0-9.]+(?:e[-+]?[0-9]+)?|Inf|NaN))")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]


@dataclass
class Family:
    kind: str = ""
    about: str = ""
    samples: Samples = field(default_factory=dict)


def labels_of(text: str) -> Labels:
    found, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, text
        found.append((match[1], match[2]))
        at = match.end()
    assert len({name for name, _ in found}) == len(found), text
    return tuple(sorted(found))


def family_name(sample: str, families: dict[str, Family]) -> str:
    for suffix in ("_bucket", "_sum", "_count"):
        owner = sample.removesuffix(suffix)
        if owner != sample and owner in families and families[owner].kind == "histogram":
            return owner
    return sample


def parse(text: str) -> dict[str, Family]:
    """A strict reader: raises where a scraper might stumble. Families by name.

    Every one has HELP, then TYPE, then its samples in one block."""
    assert text.endswith("\n")
    families: dict[str, Family] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# "):
            _, word, name, rest = line.split(" ", 3)
            if word == "HELP":
                assert name not in families, f"{name} comes twice"
                families[name], current = Family(about=rest), name
            else:
                assert (word, current) == ("TYPE", name), line
                assert rest in ("counter", "gauge", "histogram")
                families[name].kind = rest
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert family_name(match[1], families) == current, f"{line} outside its block"
        key = (match[1], labels_of(match[2] or ""))
        assert key not in families[current].samples, f"{line} twice"
        families[current].samples[key] = float(match[3])
    for name, family in families.items():
        check(name, family)
    return families


def check(name: str, family: Family) -> None:
    assert re.fullmatch(NAME, name)
    assert family.about
    assert family.samples
    if family.kind == "counter":
        assert all(value >= 0 for value in family.samples.values())
    if family.kind == "histogram":
        check_histogram(name, family)


def check_histogram(name: str, family: Family) -> None:
    """Buckets rise to +Inf, which is the count."""
    series: dict[Labels, list[tuple[float, float]]] = {}
    for (sample, labels), value in family.samples.items():
        if sample == f"{name}_bucket":
            rest = tuple(pair for pair in labels if pair[0] != "le")
            series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    assert series
    for labels, buckets in series.items():
        assert buckets == sorted(buckets)
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1] == (float("inf"), family.samples[f"{name}_count", labels])
        assert family.samples[f"{name}_sum", labels] >= 0


def written() -> dict[str, set[tuple[str, tuple[str, ...]]]]:
    """metric → (kind, names of labels) of each place in the source that writes it."""
    found: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            method = node.func.id if isinstance(node.func, ast.Name) else method
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if method in WRITES and isinstance(name, str) and re.fullmatch(r"\w{4,}", name):
                labels = tuple(sorted(keyword.arg or "" for keyword in node.keywords))
                found.setdefault(name, set()).add((WRITES[method], labels))
    return found


def test_every_metric_is_in_the_table_as_it_is_written() -> None:
    places = {name: where for name, where in written().items() if name not in RAW}
    assert set(places) - set(METRICS) == set()
    for name, where in places.items():
        assert where == {(METRICS[name].kind, tuple(sorted(METRICS[name].labels)))}, name


def test_every_metric_of_the_table_is_written_or_worked_out() -> None:
    worked_out = set()
    for name in ("app/totals.py", "adapters/telemetry_files.py"):
        words = re.findall(r'"(\w+)"', (SOURCE / name).read_text("utf-8"))
        worked_out |= set(words) & set(METRICS)
    assert set(METRICS) - set(written()) - worked_out == set()
    assert set(RECENT) <= {name for name, m in METRICS.items() if m.kind != GAUGE}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_documented_and_says_its_unit(name: str) -> None:
    metric = METRICS[name]
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `endcap_{name}` |"))
    assert metric.about in row
    assert metric.kind in row
    assert all(f"`{label}`" in row for label in metric.labels)
    if name.startswith("Insert"):  # the names that the dashboard of preferences looks for
        return
    assert name.endswith(UNITS[metric.kind])


def test_the_text_is_sound(ask: Any) -> None:
    ask("GET", "/v1/recommendations/popular")
    ask("GET", "/v1/recommendations/personalized?userId=U1")
    ask("POST", "/v1/events", {"userId": "U1", "itemId": 'a"\\b', "event_type": "view"})
    ask("GET", "/nowhere")
    told = ask("GET", "/metrics")
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = parse(told.raw.decode())
    for name in ("requests_total", "request_seconds", "answers_total", "stage_seconds",
                 "requests_in_flight", "intake_commit_seconds", "intake_sync_seconds",
                 "log_end_bytes", "keeper_lag_bytes"):  # fmt: skip
        assert f"endcap_{name}" in found, name
    posted = (("route", "postEvent"), ("status", "202"))
    counted = found["endcap_requests_total"].samples
    assert counted["endcap_requests_total", posted] == 1
    assert found["endcap_requests_in_flight"].samples["endcap_requests_in_flight", ()] == 1
    end = found["endcap_log_end_bytes"].samples["endcap_log_end_bytes", ()]
    assert end == ask.shop.log.end() > 0


@pytest.mark.parametrize(
    "text",
    ["no_end 1", "# HELP a b\n# TYPE a counter\na -1\n", "a 1\n",
     '# HELP a b\n# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n',
     '# HELP a b\n# TYPE a histogram\na_bucket{le="+Inf"} 2\na_sum 1\na_count 1\n',
     '# HELP a b\n# TYPE a gauge\na{x="\n"} 1\n'],
)  # fmt: skip
def test_what_is_unsound_is_seen(text: str) -> None:
    with pytest.raises(AssertionError):
        parse(text)


def test_stages_are_timed_now_and_then(ask: Any) -> None:
    for _ in range(130):
        ask("GET", "/v1/recommendations/personalized?userId=U1")
    times = parse(ask("GET", "/metrics").raw.decode())["endcap_stage_seconds"].samples
    counts = {labels: n for (name, labels), n in times.items() if name.endswith("_count")}
    assert 1 <= counts[(("stage", "observe"),)] <= 4
    assert {stage for ((_, stage),) in counts} >= {"observe", "candidates", "show"}


def scrape(client: httpx.Client, name: str) -> Samples:
    found = parse(client.get("/metrics").text)
    return dict(found[f"endcap_{name}"].samples) if f"endcap_{name}" in found else {}


def served(client: httpx.Client) -> float:
    found = scrape(client, "requests_total")
    return sum(n for (_, labels), n in found.items() if dict(labels)["route"] == "popular")


@pytest.mark.server
def test_whichever_worker_answers_and_though_one_is_killed(serve: Any) -> None:
    server = serve(workers=3)
    limits = httpx.Limits(max_keepalive_connections=0)  # so that others answer as well
    with server.client(limits=limits) as client:
        for _ in range(60):
            assert client.get("/v1/recommendations/popular").status_code == 200
        assert [served(client) for _ in range(10)] == [60.0] * 10
        before = scrape(client, "process_starts_total")
        for pid in server.children("endcap.entrypoints.worker")[:2]:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while sum(scrape(client, "process_starts_total").values()) < sum(before.values()) + 2:
            assert time.monotonic() < deadline
            assert served(client) == 60
            time.sleep(0.05)
        for _ in range(20):
            client.get("/v1/recommendations/popular")
        assert {served(client) for _ in range(10)} == {80.0}
        signs = scrape(client, "process_resident_bytes")
        names = {dict(labels)["process"] for _, labels in signs}
        assert {"supervisor", "worker-0", "worker-1", "worker-2"} >= names - {"keeper"}
        assert "supervisor" in names
    assert server.stop() == 0
    again = serve(home=server.home, workers=1)
    with again.client() as client:
        assert served(client) == 80

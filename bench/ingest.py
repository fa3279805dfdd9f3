"""Durable ingest over HTTP: ``python bench/ingest.py``.

Starts the real server with one worker on one core, lets ``wrk`` post distinct events over 64
connections from another core, one a request and ten a request in turn, and prints the medians of
the runs, one ``name=value`` a line: rates, latencies, processor time of the server (worker and
keeper) for each request, what share of its core the client took (near 1 it would be the limit),
and what the disk takes for one record by itself.
Every answer but ``202`` ends the run with an error. Needs ``wrk``.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from probes import cpu_s, disk_ms, start, stop

# Distinct bodies at little cost to the generator: one buffer of text, a counter in the event id.
SCRIPT = """
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
local n = 0
local function event()
  n = n + 1
  return string.format(
    '{"userId":"user-%%d","itemId":"item-%%d","event_type":"view","event_id":"%(run)s-%%d-%%d"}',
    n * 7919 %% %(users)d, n * 104729 %% %(items)d, id, n)
end
local headers = {["Content-Type"] = "application/json"}
function request()
  if %(size)d == 1 then
    return wrk.format("POST", "/v1/events", headers, event())
  end
  local events = {}
  for i = 1, %(size)d do events[i] = event() end
  local body = '{"events":[' .. table.concat(events, ",") .. "]}"
  return wrk.format("POST", "/v1/events/batch", headers, body)
end
local refused = 0
function response(status)
  if status ~= 202 then refused = refused + 1 end
end
function done(summary, latency)
  print(string.format("requests=%%d", summary.requests))
  print(string.format("seconds=%%f", summary.duration / 1e6))
  print(string.format("p50_ms=%%f", latency:percentile(50) / 1000))
  print(string.format("p99_ms=%%f", latency:percentile(99) / 1000))
  local errors = summary.errors
  print(string.format("errors=%%d", errors.connect + errors.read + errors.write
    + errors.status + errors.timeout))
end
"""


def load(url: str, given: argparse.Namespace, size: int, run: str) -> dict[str, float]:
    """One run of wrk: what its script printed."""
    script = SCRIPT % {"size": size, "run": run, "users": given.users, "items": given.items}
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        words = ["wrk", "-t1", f"-c{given.connections}", f"-d{given.seconds}s", "-s", file.name]
        if shutil.which("taskset"):
            words = ["taskset", "-c", str(given.cores[1]), *words]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = subprocess.run(
            [*words, url], capture_output=True, text=True, timeout=given.seconds + 30, check=True
        ).stdout
    found = {name: float(value) for name, value in re.findall(r"^(\w+)=([\d.]+)$", told, re.M)}
    if found["errors"]:
        sys.exit(f"{found['errors']:.0f} requests failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**found, "client_share": taken / found["seconds"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10])
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed")
    figures: dict[int, list[dict[str, float]]] = {size: [] for size in given.sizes}
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    given.cores = (cores[0], cores[-1])
    with tempfile.TemporaryDirectory(prefix="endcap-bench-") as folder:
        server, url, _ = start(Path(folder), workers=1, core=given.cores[0])
        try:
            disk = disk_ms(Path(folder))
            for run in range(given.runs):
                for size in given.sizes:
                    before = cpu_s(server.pid)
                    found = load(url, given, size, f"{size}x{run}")
                    taken = cpu_s(server.pid) - before
                    figures[size].append({**found, "cpu_us": taken * 1e6 / found["requests"]})
            disk += disk_ms(Path(folder))
        finally:
            stop(server)
    print(f"disk_p50_ms={statistics.median(disk):.3f}")
    for size, runs in figures.items():
        rate = statistics.median(r["requests"] / r["seconds"] for r in runs)
        print(f"ingest_{size}_requests_per_s={rate:.0f}")
        print(f"ingest_{size}_events_per_s={rate * size:.0f}")
        for name in ("p50_ms", "p99_ms", "cpu_us", "client_share"):
            print(f"ingest_{size}_{name}={statistics.median(r[name] for r in runs):.2f}")


if __name__ == "__main__":
    main()

"""How fast the real server answers, beside its own empty endpoint: ``make bench-serving``.

Starts ``endcap serve`` on a shop of the size asked for (see ``large_shop``), one worker pinned to
one core, and asks it with ``wrk`` from another core. Personal answers and ``GET /v1/health``, the
empty endpoint of the same stack, take turns; the figures are medians. One line a figure,
``name=value``. Needs ``wrk``; without ``taskset`` nothing is pinned.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import large_shop
import msgspec
from probes import Connections, cpu_s, freshness, pss_mb, start, stop, swap
from wrk import Run, wrk

from endcap.models.training import neighbours_kept

EMPTY, PERSONAL = "/v1/health", "/v1/recommendations/personalized"


def say(name: str, value: float | str) -> None:
    print(f"{name}={value if isinstance(value, str) else f'{value:.4g}'}", flush=True)


def middle(runs: list[Run], figure: str) -> float:
    return statistics.median(getattr(run, figure) for run in runs)


def throughput(url: str, group: int, given: argparse.Namespace) -> None:
    """Interleaved runs of both endpoints, after one that warms up."""
    personal: list[Run] = []
    empty: list[Run] = []
    cpu_us: dict[str, list[float]] = {"personal": [], "empty": []}
    wrk(url, PERSONAL, given.users, given)
    for _ in range(given.runs):
        for name, runs, path, users in (
            ("empty", empty, EMPTY, 0),
            ("personal", personal, PERSONAL, given.users),
        ):
            before = cpu_s(group)
            runs.append(wrk(url, path, users, given))
            cpu_us[name].append((cpu_s(group) - before) * 1e6 / max(runs[-1].requests, 1))
    for name, runs in (("personal", personal), ("empty", empty)):
        say(f"{name}_cpu_us", statistics.median(cpu_us[name]))
        say(f"{name}_rps", middle(runs, "rps"))
        say(f"{name}_p50_ms", middle(runs, "p50_ms"))
        say(f"{name}_p99_ms", middle(runs, "p99_ms"))
        say(f"{name}_failures", sum(run.failures for run in runs))
    say("cpu_share", statistics.median(cpu_us["empty"]) / statistics.median(cpu_us["personal"]))
    shares = [p.rps / e.rps for p, e in zip(personal, empty, strict=True)]
    say("share", statistics.median(shares))
    ratios = [p.p99_ms / e.p99_ms for p, e in zip(personal, empty, strict=True)]
    say("p99_ratio", statistics.median(ratios))


def one_worker(home: Path, given: argparse.Namespace) -> None:
    server, url, _ = start(home, workers=1, core=given.cores[0])
    try:
        throughput(url, server.pid, given)
        for name, value in freshness(url, home, given.users, given.pairs).items():
            say(name, value)
        for name, value in swap(url, home, given).items():
            say(name, value)
    finally:
        stop(server)


def starting(home: Path, given: argparse.Namespace) -> None:
    """Time to readiness with compiled kernels at hand; memory before and after answering."""
    server, url, ready_s = start(home, workers=given.workers, core=None)
    try:
        say("start_s", ready_s)
        say("start_pss_mb", pss_mb(server.pid))
        with Connections(url, 4 * given.workers) as connections:
            stale, asked = connections.see_events(given.users, given.pairs // 10)
        say("workers", given.workers)
        say("stale_answers", stale)
        say("asked_after_event", asked)
        wrk(url, PERSONAL, given.users, given)
        say("loaded_pss_mb", pss_mb(server.pid))
    finally:
        stop(server)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--history", type=int, default=50)
    parser.add_argument("--families", type=int, default=1, help="item-item families in the model")
    parser.add_argument("--neighbours", type=int, default=0, help="0: 100, or what training keeps")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--workers", type=int, default=4, help="for start, memory and freshness")
    parser.add_argument("--pairs", type=int, default=500, help="of post and get")
    parser.add_argument("--home", type=Path, help="keep the shop there and use it again")
    given = parser.parse_args()
    given.neighbours = given.neighbours or min(100, neighbours_kept(given.items, 4096))
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    given.cores = (cores[0], cores[-1])
    return given


def main() -> None:
    given = options()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: see https://github.com/wg/wrk")
    with tempfile.TemporaryDirectory(prefix="endcap-bench-") as folder:
        home = given.home or Path(folder) / "home"
        size = large_shop.Size(
            given.items, given.users, given.history, given.neighbours, given.families
        )
        for name in size.__struct_fields__:
            say(name, getattr(size, name))
        if not home.exists():
            command = "import sys, msgspec, large_shop as s; from pathlib import Path; "
            command += "s.build(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=s.Size))"
            subprocess.run(
                [sys.executable, "-c", command, str(home), msgspec.json.encode(size).decode()],
                cwd=Path(__file__).parent,
                check=True,
            )
        one_worker(home, given)
        starting(home, given)


if __name__ == "__main__":
    main()

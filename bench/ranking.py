"""How fast personal answers are that a ranker orders: ``python bench/ranking.py``.

The shop of ``serving.py``, with a ranker of 200 trees of depth 6 that xgboost trained on rows of
this shop. One worker pinned to one core; ``wrk`` asks from another core, with 8 and with 32
connections. Ranked answers and the empty endpoint of the same stack take turns; the figures are
medians. One line a figure, ``name=value``. ``--inside`` measures the parts of one answer in this
process instead, in µs.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from large_shop import Size
from probes import cpu_s, start, stop
from wrk import Run, wrk

from serving import EMPTY, PERSONAL, middle, options, say

CONNECTIONS = (8, 32)
TREES = 200
BUILD = """
import sys, msgspec, large_shop, large_ranker; from pathlib import Path
large_shop.build(Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=large_shop.Size))
large_ranker.add_ranker(Path(sys.argv[1]), int(sys.argv[3]))
"""


def throughput(url: str, group: int, given: argparse.Namespace, suffix: str) -> None:
    """Interleaved runs of both endpoints, after one that warms up."""
    runs: dict[str, list[Run]] = {"empty": [], "ranked": []}
    cpu_us: dict[str, list[float]] = {"empty": [], "ranked": []}
    wrk(url, PERSONAL, given.users, given, 2)
    for _ in range(given.runs):
        for name, path, users in (("empty", EMPTY, 0), ("ranked", PERSONAL, given.users)):
            before = cpu_s(group)
            runs[name].append(wrk(url, path, users, given))
            spent = (cpu_s(group) - before) * 1e6
            cpu_us[name].append(spent / max(runs[name][-1].requests, 1))
    for name, found in runs.items():
        say(f"{name}_rps{suffix}", middle(found, "rps"))
        say(f"{name}_p50_ms{suffix}", middle(found, "p50_ms"))
        say(f"{name}_p99_ms{suffix}", middle(found, "p99_ms"))
        over = statistics.median(run.p99_ms / run.p50_ms for run in found)
        say(f"{name}_p99_over_median{suffix}", over)
        say(f"{name}_cpu_us{suffix}", statistics.median(cpu_us[name]))
        say(f"{name}_failures{suffix}", sum(run.failures for run in found))


def inside(home: Path, users: int) -> None:
    """Medians and tenths of one answer and its parts, for distinct shoppers."""
    from endcap.app.submit import submission
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.domain.values import Query
    from endcap.engine import rank
    from endcap.engine.answer import answer
    from endcap.engine.moment import observe
    from endcap.settings import load_settings

    settings = load_settings({"ENDCAP_HOME": str(home)})
    prepare_kernels(settings)
    shop = open_shop(settings)
    now, at = shop.now, time.time_ns() // 1000
    assert now.serving.ranker is not None
    assert now.serving.recipe is not None
    trees, recipe, places = now.serving.ranker.trees, now.serving.recipe, np.arange(200)
    ids = [f"user-{n * 7919 % users}" for n in range(400)]
    moments = [observe(now, Query("personal", at=at, k=10, user_id=name)) for name in ids]
    found = [recipe.live_candidates(m.live_query(), 200, now.permitted.mask()) for m in moments]
    kept = [(m, f) for m, f in zip(moments, found, strict=True) if f is not None]
    rows = [rank.ranker_rows(m, f.rows, f.scores, places[: len(f.rows)]) for m, f in kept]

    def took(name: str, work: Callable[[int], object]) -> None:
        times = []
        for n in range(len(kept)):
            begun = time.perf_counter()
            work(n)
            times.append((time.perf_counter() - begun) * 1e6)
        say(f"{name}_us", statistics.median(times))
        say(f"{name}_tenth_us", statistics.quantiles(times, n=10)[0])

    took("answer", lambda n: answer(now, kept[n][0].query))
    took("submission", lambda n: submission(shop, ids[n], 10, at))
    took("candidates", lambda n: recipe.live_candidates(moments[n].live_query(), 200))
    took("features", lambda n: rank.ranker_rows(kept[n][0], *kept[n][1], places))
    took("trees", lambda n: trees.margins(rows[n]))


def build(home: Path, size: Size) -> None:
    words = [str(home), msgspec.json.encode(size).decode(), str(TREES)]
    folder = Path(__file__).parent
    subprocess.run([sys.executable, "-c", BUILD, *words], cwd=folder, check=True)


def main() -> None:
    flags = argparse.ArgumentParser(add_help=False)
    flags.add_argument("--inside", action="store_true")
    flag, sys.argv[1:] = flags.parse_known_args()
    given = options()
    if shutil.which("wrk") is None and not flag.inside:
        sys.exit("wrk is not installed: see https://github.com/wg/wrk")
    size = Size(given.items, given.users, given.history, given.neighbours, given.families)
    with tempfile.TemporaryDirectory(prefix="endcap-bench-") as folder:
        home = given.home or Path(folder) / "home"
        if not home.exists():
            build(home, size)
        if flag.inside:
            inside(home, given.users)
            return
        server, url, _ = start(home, workers=1, core=given.cores[0])
        try:
            for given.connections in CONNECTIONS:
                suffix = "" if given.connections == CONNECTIONS[0] else f"_{given.connections}"
                throughput(url, server.pid, given, suffix)
        finally:
            stop(server)


if __name__ == "__main__":
    main()

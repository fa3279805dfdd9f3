"""Mixed load for some minutes: ``python bench/soak.py --minutes 20``.

The real server with several workers takes events, upserts, erasures and questions. Prints one
``name=value`` a line, for each minute and at the end, and ends with exit code 1 if a request
failed, an event is stored twice, an acknowledged one is neither in the lake, nor in the log, nor
among the dead letters, or memory grew (over the last half, by more than ``--most-growth`` MB an
hour and process, in runs of 10 minutes or more).

``--faults`` kills a worker after a third and the keeper after half of the time with SIGKILL.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from soak_load import Seen, client
from soak_memory import Samples, children, slope, watch

from endcap.app.reloading import SNAPSHOTS
from endcap.bootstrap import open_shop
from endcap.domain.records import EventsPosted, decode_known
from endcap.settings import load_settings

MINUTE_S = 60.0


@asynccontextmanager
async def server(home: Path, workers: int) -> AsyncIterator[tuple[subprocess.Popen[str], str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENDCAP_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "endcap", "serve", "--port", "0", "--workers", str(workers)],
        env={**kept, "ENDCAP_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        ready = next((line for line in process.stdout if line.startswith("ready ")), "")
        if not ready:
            sys.exit("the server did not get ready")
        yield process, ready.removeprefix("ready http://").strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def stored(home: Path) -> tuple[Counter[str], int]:
    """Event ids in lake and log, each with how often it is there, and the number of letters."""
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    with shop.lake.connect() as sql:
        found = Counter(row[0] for row in sql.execute("SELECT event_id FROM events").fetchall())
    for _, payload in shop.log.read(shop.lake.manifest().log_offset):
        record = decode_known(payload)
        if isinstance(record, EventsPosted):
            found.update(e.event_id for e in record.events)
    return found, sum(1 for _ in shop.dead.read())


async def fault(group: int, began: float, seconds: float, killed: list[int]) -> None:
    """SIGKILL for one worker, then for the keeper."""
    for kind, share in (("worker", 1 / 3), ("keeper", 1 / 2)):
        await asyncio.sleep(max(0.0, began + share * seconds - time.monotonic()))
        pid = min(pid for found, pid in children(group) if found == kind)
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)
        say(f"killed_{kind}", pid)


async def each_minute(home: Path, until: float, seen: Seen, samples: Samples) -> None:
    minute, errors, acknowledged, checkpoints = 0, 0, 0, set[str]()
    while (since := time.monotonic()) < until:
        await asyncio.sleep(min(MINUTE_S, until - since))
        minute += 1
        checkpoints |= snapshots(home)
        figures = {
            "acknowledged": len(seen.acknowledged) - acknowledged,
            "errors": len(seen.errors) - errors,
            "checkpoints": len(checkpoints),
            **latencies(seen, since),
            **{f"{kind}_{pid}_mb": found[-1].own_mb
               for (kind, pid), found in sorted(samples.items()) if found[-1].at > since},
        }  # fmt: skip
        errors, acknowledged = len(seen.errors), len(seen.acknowledged)
        print(f"minute={minute}", *(f"{name}={value:.4g}" for name, value in figures.items()),
              flush=True)  # fmt: skip


def snapshots(home: Path) -> set[str]:
    folder = home / "groups" / "default" / "artifacts" / SNAPSHOTS
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def latencies(seen: Seen, since: float) -> dict[str, float]:
    """ms of the requests that began after ``since`` (monotonic s)."""
    figures = {}
    for kind in ("read", "write"):
        times = [took * 1e3 for at, of, took in seen.answers if of == kind and at >= since]
        for share in (50, 99):
            figures[f"{kind}_p{share}_ms"] = float(np.percentile(times or [0.0], share))
    return figures


async def soak(given: argparse.Namespace, home: Path) -> tuple[Seen, Samples, float]:
    seen, samples, killed = Seen(), Samples(), list[int]()
    async with server(home, given.workers) as (process, address):
        host, port = address.split(":")
        began, seconds = time.monotonic(), given.minutes * 60
        until, where = began + seconds, (host, int(port))
        tasks = [watch(process.pid, until, samples), each_minute(home, until, seen, samples)]
        tasks += [client(n, where, until, seen, given.faults) for n in range(given.connections)]
        if given.faults:
            tasks.append(fault(process.pid, began, seconds, killed))
        await asyncio.gather(*tasks)
        for pid in killed:
            samples = {key: found for key, found in samples.items() if key[1] != pid}
        return seen, samples, time.monotonic() - began


def report(seen: Seen, samples: Samples, seconds: float, home: Path) -> list[str]:
    """Print the figures; returns what is wrong."""
    found, letters = stored(home)
    lost = seen.acknowledged - set(found)
    twice = [event_id for event_id, times in found.items() if times > 1]
    say("seconds", seconds)
    say("requests", seen.statuses.total())
    say("requests_per_s", seen.statuses.total() / seconds)
    say("errors", len(seen.errors))
    say("interrupted", seen.interrupted)
    say("accepted", len(seen.acknowledged))
    say("found_after_restart", len(seen.acknowledged & set(found)))
    say("lost", len(lost))
    say("twice", len(twice))
    say("dead_letters", letters)
    for name, value in latencies(seen, 0.0).items():
        say(name, value)
    for (kind, pid), sampled in sorted(samples.items()):
        say(f"{kind}_{pid}_own_mb", sampled[-1].own_mb)
        say(f"{kind}_{pid}_most_own_mb", max(sample.own_mb for sample in sampled))
        say(f"{kind}_{pid}_resident_mb", sampled[-1].resident_mb)
        say(f"{kind}_{pid}_growth_mb_per_hour", slope(sampled))
    wrong = [f"failed: {text}" for text in seen.errors[:5]]
    wrong += [f"{len(lost)} acknowledged events are lost"] * bool(lost)
    wrong += [f"{len(twice)} events are stored twice"] * bool(twice)
    return wrong


def say(name: str, value: float) -> None:
    print(f"soak_{name}={value:.10g}" if value == int(value) else f"soak_{name}={value:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--faults", action="store_true", help="kill a worker and the keeper")
    parser.add_argument("--most-growth", type=float, default=200, help="MB an hour and process")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endcap-soak-") as folder:
        seen, samples, seconds = asyncio.run(soak(given, Path(folder)))
        wrong = report(seen, samples, seconds, Path(folder))
    worst = max(map(slope, samples.values()), default=0.0)
    say("worst_growth_mb_per_hour", worst)
    if given.minutes >= 10 and worst > given.most_growth:
        wrong.append(f"memory grew by {worst:.0f} MB an hour")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()

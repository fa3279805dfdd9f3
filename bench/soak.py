"""Mixed load for some minutes: ``python bench/soak.py --minutes 20``.

The real server with several workers takes events, upserts, erasures and questions. Prints one
``name=value`` a line, and ends with exit code 1 if a request failed, memory grew (after the first
third of the time, by more than ``--most-growth`` MB an hour and process), or an acknowledged event
is neither in the lake, nor in the log, nor among the dead letters, nor erased.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from endcap.bootstrap import open_shop
from endcap.domain.records import EventsPosted, decode_known
from endcap.settings import load_settings

USERS, ITEMS = 20_000, 5_000


@dataclass
class Seen:
    """What the clients saw."""

    acknowledged: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"read": [], "write": []})


class Connection:
    """HTTP/1.1 over one connection, no more than the load needs."""

    def __init__(self, host: str, port: int) -> None:
        self._where = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """(status, body) of one request."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._where)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length:"))
        return int(lines[0].split()[1]), await reader.readexactly(length)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def event(user: int, item: int, event_id: str) -> dict[str, str]:
    kind = ("view", "view", "add_to_cart", "purchase")[item % 4]
    return {"userId": f"u{user}", "itemId": f"i{item}", "event_type": kind, "event_id": event_id}


async def client(number: int, where: tuple[str, int], until: float, seen: Seen) -> None:
    """One client after another request, until the time is over. Erased users post no events."""
    draw, count = random.Random(number), 0
    connection = Connection(*where)
    while time.monotonic() < until:
        count += 1
        user, choice = draw.randrange(USERS), draw.random()
        ids: list[str] = []
        if choice < 0.4:
            kind, request = "read", ("GET", f"/v1/recommendations/personalized?userId=u{user}", b"")
        elif choice < 0.5:
            path = draw.choice(["popular", "trending", f"related?itemId=i{user % ITEMS}"])
            kind, request = "read", ("GET", f"/v1/recommendations/{path}", b"")
        elif choice < 0.97:
            size = draw.choice([1, 1, 10, 100])
            ids = [f"e{number}-{count}-{n}" for n in range(size)]
            posted = [event(user, draw.randrange(ITEMS), one) for one in ids]
            kind, path = "write", "/v1/events/batch"
            request = ("POST", path, json.dumps({"events": posted}).encode())
        elif choice < 0.99:
            attributes = json.dumps({"price": user % 50, "name": f"item {user}"}).encode()
            kind, request = "write", ("PUT", f"/v1/items/i{user % ITEMS}", attributes)
        else:
            kind, request = "write", ("DELETE", f"/v1/users/gone-{user}", b"")
        began = time.perf_counter()
        try:
            status, _ = await connection.ask(*request)
        except (OSError, asyncio.IncompleteReadError) as error:
            seen.failures.append(f"{request[1]}: {error!r}")
            connection.close()
            continue
        seen.seconds[kind].append(time.perf_counter() - began)
        seen.statuses[status] += 1
        if status == 202:
            seen.acknowledged.update(ids)
        elif status >= 400:
            seen.failures.append(f"{request[1]}: {status}")
    connection.close()


def children(group: int) -> Iterator[tuple[str, int, float]]:
    """(kind, process id, resident MB) of every process of the server."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if os.getpgid(int(entry.name)) != group:
                continue
            words = (entry / "cmdline").read_bytes().decode()
            kind = next((k for k in ("worker", "keeper") if f"entrypoints.{k}" in words), "")
            pages = int((entry / "statm").read_text().split()[1])
            if kind:
                yield kind, int(entry.name), pages * os.sysconf("SC_PAGE_SIZE") / 2**20


Samples = dict[tuple[str, int], list[tuple[float, float]]]


async def watch(group: int, until: float, samples: Samples) -> None:
    """Sample the memory of each process twice a second or every hundredth of the run."""
    pause = max(0.5, (until - time.monotonic()) / 400)
    while time.monotonic() < until:
        for kind, pid, megabytes in children(group):
            samples.setdefault((kind, pid), []).append((time.monotonic(), megabytes))
        await asyncio.sleep(pause)


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


def slope(samples: list[tuple[float, float]]) -> float:
    """MB an hour by least squares, after the first third of the time."""
    settled = np.array(samples[len(samples) // 3 :])
    if len(settled) < 10:
        return 0.0
    return float(np.polyfit(settled[:, 0] - settled[0, 0], settled[:, 1], 1)[0] * 3600)


async def soak(given: argparse.Namespace, home: Path) -> tuple[Seen, Samples, float]:
    seen, samples = Seen(), {}
    async with server(home, given.workers) as (process, address):
        host, port = address.split(":")
        began = time.monotonic()
        until = began + given.minutes * 60
        clients = [client(n, (host, int(port)), until, seen) for n in range(given.connections)]
        await asyncio.gather(watch(process.pid, until, samples), *clients)
        return seen, samples, time.monotonic() - began


def report(seen: Seen, samples: Samples, seconds: float, home: Path) -> list[str]:
    """Print the figures; returns what is wrong."""
    found, letters = stored(home)
    lost = seen.acknowledged - set(found)
    twice = [event_id for event_id, times in found.items() if times > 1]
    requests = seen.statuses.total()
    print(f"soak_seconds={seconds:.0f}")
    print(f"soak_requests={requests}")
    print(f"soak_requests_per_s={requests / seconds:.0f}")
    print(f"soak_failed={len(seen.failures)}")
    print(f"soak_events_acknowledged={len(seen.acknowledged)}")
    print(f"soak_events_lost={len(lost)}")
    print(f"soak_events_twice={len(twice)}")
    print(f"soak_dead_letters={letters}")
    for kind, times in seen.seconds.items():
        for share in (50, 99):
            print(f"soak_{kind}_p{share}_ms={np.percentile(times, share) * 1000:.1f}")
    worst = 0.0
    for (kind, pid), sampled in sorted(samples.items()):
        worst = max(worst, slope(sampled))
        print(f"soak_{kind}_{pid}_rss_mb={sampled[-1][1]:.0f}")
        print(f"soak_{kind}_{pid}_rss_growth_mb_per_hour={slope(sampled):.0f}")
    print(f"soak_worst_growth_mb_per_hour={worst:.0f}")
    wrong = [f"failed: {text}" for text in seen.failures[:5]]
    wrong += [f"{len(lost)} acknowledged events are lost"] * bool(lost)
    wrong += [f"{len(twice)} events are stored twice"] * bool(twice)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--most-growth", type=float, default=200, help="MB an hour and process")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endcap-soak-") as folder:
        seen, samples, seconds = asyncio.run(soak(given, Path(folder)))
        wrong = report(seen, samples, seconds, Path(folder))
    worst = max(map(slope, samples.values()), default=0.0)
    if given.minutes >= 10 and worst > given.most_growth:
        wrong.append(f"memory grew by {worst:.0f} MB an hour")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()

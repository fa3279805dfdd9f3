"""The server as a process, and what is asked of it one connection at a time."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from wrk import wrk

PERSONAL = "/v1/recommendations/personalized?k=10&userId="


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENDCAP_")}
    return {**kept, "ENDCAP_HOME": str(home), "ENDCAP_LOG_LEVEL": "warning"}


def start(home: Path, workers: int, core: int | None) -> tuple[subprocess.Popen[str], str, float]:
    """(process, URL, seconds until it was ready). ``core``: the one that it is pinned to."""
    words = [sys.executable, "-m", "endcap", "serve", "--port", "0", "--workers", str(workers)]
    if core is not None and shutil.which("taskset"):
        words = ["taskset", "-c", str(core), *words]
    begun = time.perf_counter()
    process = subprocess.Popen(
        words, env=environment(home), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return process, line.split()[1], time.perf_counter() - begun
    sys.exit("the server did not start")


def stop(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    server.wait(20)


def pss_mb(group: int) -> float:
    """Resident memory of a process group in MB; pages that several share count once."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == group:
                rows = (entry / "smaps_rollup").read_text().splitlines()
                total += sum(int(row.split()[1]) for row in rows if row.startswith("Pss:"))
        except (OSError, ValueError):
            continue
    return total / 1024


def cpu_s(group: int) -> float:
    """Processor time that a process group has taken: on a busy machine the steadier measure."""
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == group:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        except (OSError, ValueError):
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


class Asker:
    """One kept connection."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)

    def get(self, path: str) -> http.client.HTTPResponse:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        answer.read()
        return answer

    def post_event(self, user: str, item: str) -> None:
        body = json.dumps({"userId": user, "itemId": item, "event_type": "view"})
        self._connection.request("POST", "/v1/events", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 202:
            sys.exit(f"an event was answered with {answer.status}")

    def sees(self, user: str, since: float) -> bool:
        """Whether the answer knows an event that came after ``since`` (seconds since 1970)."""
        age = float(self.get(PERSONAL + user).headers["endcap-newest-event-age"])
        return age <= time.time() - since


class Line:
    """One kept connection without a client library: what it takes is the server and the socket."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((place.hostname or "", place.port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str) -> bytes:
        return self._ask(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode(), b"200")

    def post_event(self, user: str, item: str) -> None:
        event = {"userId": user, "itemId": item, "event_type": "view"}
        body = json.dumps(event).encode()
        head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        self._ask(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), b"202")

    def sees(self, user: str, since: float) -> bool:
        """As ``Asker.sees``."""
        head = self.get(PERSONAL + user).partition(b"\r\n\r\n")[0].lower()
        age = head.partition(b"endcap-newest-event-age:")[2].split()
        return bool(age) and float(age[0]) <= time.time() - since

    def _ask(self, request: bytes, status: bytes) -> bytes:
        self._socket.sendall(request)
        answer = self._socket.recv(65536)
        head, end, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while not end or len(body) < length:
            body += self._socket.recv(65536)
        if answer[9:12] != status:
            sys.exit(f"answered {answer[9:12].decode()}")
        return answer


def disk_ms(folder: Path, count: int = 200) -> list[float]:
    """How long the disk takes for one record by itself: write and fdatasync, in ms."""
    took = []
    with (folder / "disk-probe").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(200))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begun) * 1e3)
    (folder / "disk-probe").unlink()
    return took


def freshness(url: str, home: Path, users: int, pairs: int) -> dict[str, float]:
    """Post an event, get the answer that has it, on one connection; beside two empty calls, and
    beside the disk by itself in the same minute."""
    line, stale = Line(url), 0
    times: dict[str, list[float]] = {"post": [], "post_get": [], "two_empty": []}
    disk = disk_ms(home)
    for number in range(pairs):
        user, since, begun = f"user-{number * 31 % users}", time.time(), time.perf_counter()
        line.post_event(user, f"item-{number}")
        posted = time.perf_counter()
        stale += not line.sees(user, since)
        middle = time.perf_counter()
        line.get("/v1/health")
        line.get("/v1/health")
        times["post"].append((posted - begun) * 1e3)
        times["post_get"].append((middle - begun) * 1e3)
        times["two_empty"].append((time.perf_counter() - middle) * 1e3)
    times["disk"] = disk + disk_ms(home)
    figures = {"stale_on_one_worker": float(stale)}
    for name, taken in times.items():
        figures[f"{name}_p50_ms"] = statistics.median(taken)
        figures[f"{name}_p99_ms"] = statistics.quantiles(taken, n=100)[98]
    return figures


class Connections:
    """Many kept connections, so that every worker holds some."""

    def __init__(self, url: str, count: int) -> None:
        self._askers = [Asker(url) for _ in range(count)]

    def __enter__(self) -> Connections:
        with ThreadPoolExecutor(len(self._askers)) as pool:  # at once: all workers accept
            list(pool.map(lambda asker: asker.get("/v1/health"), self._askers))
        return self

    def __exit__(self, *_: object) -> None:
        self._askers.clear()

    def see_events(self, users: int, rounds: int) -> tuple[int, int]:
        """(answers without the event, answers asked) after posts on one connection each."""
        stale = 0
        for number in range(rounds):
            user, since = f"user-{number * 37 % users}", time.time()
            self._askers[number % len(self._askers)].post_event(user, f"item-{number}")
            stale += sum(not asker.sees(user, since) for asker in self._askers)
        return stale, rounds * len(self._askers)


def swap(url: str, home: Path, given: argparse.Namespace) -> dict[str, float]:
    """Promote the other version twice while ``wrk`` asks."""
    path, seconds = "/v1/recommendations/personalized", max(given.seconds, 4)
    normal = wrk(url, path, given.users, given, seconds)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(wrk, url, path, given.users, given, seconds)
        for version in ("v0002", "v0001"):
            time.sleep(seconds / 4)
            words = [sys.executable, "-m", "endcap", "rollback", version]
            subprocess.run(words, env=environment(home), check=True, stdout=subprocess.DEVNULL)
        during = asked.result()
    return {
        "swap_failures": float(during.failures),
        "swap_rps": during.rps,
        "swap_p99_ms": during.p99_ms,
        "swap_p99_ratio": during.p99_ms / normal.p99_ms,
    }

"""kill -9 in the middle: every acknowledged event is there after the restart, none twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from endcap.bootstrap import open_shop
from endcap.domain.records import EventsPosted, decode
from endcap.settings import load_settings

pytestmark = pytest.mark.server

EVENTS = 10_000
CONNECTIONS = 64
BUSY_KEEPER = {"ENDCAP_SNAPSHOT_TAIL_MB": "1", "ENDCAP_KEEPER_INTERVAL_S": "0.05"}


def logged(home: Path) -> Counter[str]:
    """Event ids in the log, each with how often it stands there."""
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    found: Counter[str] = Counter()
    for _, payload in shop.log.read(0):
        record = decode(payload)
        if isinstance(record, EventsPosted):
            found.update(event.event_id for event in record.events)
    return found


class Connection:
    """One connection, kept open, that posts events: a client for all of HTTP would take most of the
    time of these tests."""

    def __init__(self, url: str) -> None:
        _, _, self.host = url.partition("//")
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, event: dict[str, str]) -> tuple[int, bytes]:
        """Status and body. OSError, EOFError or TimeoutError where there is no answer."""
        body = json.dumps(event).encode()
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(10):
                if self.streams is None:
                    name, _, port = self.host.partition(":")
                    self.streams = await asyncio.open_connection(name, int(port))
                reader, writer = self.streams
                writer.write(head.encode() + body)
                told = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = re.search(rb"content-length: (\d+)", told)
                assert length is not None, told
                return int(told.split(b" ", 2)[1]), await reader.readexactly(int(length[1]))
        except (OSError, EOFError, TimeoutError):
            self.close()
            raise

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def post_all(url: str, count: int, acknowledged: set[str], kill_at: int, kill: Any) -> None:
    """Post ``count`` events over many connections; ``kill`` once ``kill_at`` are acknowledged.
    A post without an answer is tried again with the same event id, as a client would."""
    waiting = [f"event-{i}" for i in range(count)]
    killed = False

    async def poster() -> None:
        nonlocal killed
        client = Connection(url)
        while waiting:
            event_id = waiting.pop()
            number = int(event_id.split("-")[1])
            body = {
                "userId": f"user-{number % 500}",
                "itemId": f"item-{number % 97}",
                "event_type": "view",
                "event_id": event_id,
            }
            for attempt in range(3):
                try:
                    status, answer = await client.post(body)
                except (OSError, EOFError, TimeoutError):
                    if killed and attempt == 2:
                        return  # the server is gone: this event was never acknowledged
                    await asyncio.sleep(0.2)
                    continue
                assert status == 202, answer
                acknowledged.add(event_id)
                break
            if len(acknowledged) >= kill_at and not killed:
                killed = True
                kill()
        client.close()

    await asyncio.gather(*(poster() for _ in range(CONNECTIONS)))


def test_a_killed_worker_loses_nothing(tmp_path: Path, serve: Any) -> None:
    server = serve(workers=3)
    acknowledged: set[str] = set()
    workers = server.children("endcap.entrypoints.worker")
    assert len(workers) == 3

    def kill() -> None:
        os.kill(random.choice(workers), signal.SIGKILL)

    asyncio.run(post_all(server.url, EVENTS, acknowledged, EVENTS // 2, kill))
    assert len(acknowledged) == EVENTS  # the others, and the one that came back, took the rest
    server.stop()
    found = logged(server.home)
    assert set(found) == acknowledged
    assert max(found.values()) == 1


def test_killing_everything_loses_nothing_acknowledged(tmp_path: Path, serve: Any) -> None:
    server = serve(workers=3)
    acknowledged: set[str] = set()
    asyncio.run(post_all(server.url, EVENTS, acknowledged, EVENTS // 2, server.kill_everything))
    assert EVENTS // 2 <= len(acknowledged) < EVENTS
    found = logged(server.home)
    assert acknowledged <= set(found)
    assert max(found.values()) == 1

    again = serve(server.home, workers=2)
    with again.client() as client:
        one = next(iter(acknowledged))
        number = int(one.split("-")[1])
        body = {
            "userId": f"user-{number % 500}",
            "itemId": f"item-{number % 97}",
            "event_type": "view",
            "event_id": one,
        }
        assert client.post("/v1/events", json=body).json() == {"ok": True}
    again.stop()
    assert logged(server.home)[one] == 1


def run_and_kill(words: list[str], home: Path, after_s: float) -> int | None:
    """Start a command, SIGKILL it after a while; its exit code if it ended before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "endcap", *words],
        env={**os.environ, "ENDCAP_HOME": str(home), "ENDCAP_SNAPSHOT_TAIL_MB": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with suppress(subprocess.TimeoutExpired):
        return process.wait(after_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return None


def counts(home: Path) -> tuple[int, int, int]:
    """Events in the lake, distinct ones among them, and those that answers are made from."""
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    row = (
        shop.lake.connect()
        .execute(
            "select count(*), count(distinct (user_id, item_id, event_type, ts, value)) from events"
        )
        .fetchone()
    )
    assert row is not None
    state = shop.now.state
    served = sum(len(state.histories.get(user).items) for user in range(len(state.users)))
    return int(row[0]), int(row[1]), served


def test_import_and_training_survive_kills(tmp_path: Path, endcap: Any, serve: Any) -> None:
    data, home, calm = tmp_path / "data", tmp_path / "home", tmp_path / "calm"
    endcap(
        "generate", "--out", str(data), "--users", "1500", "--items", "300",
        "--events", "60000", "--format", "csv", "--seed", "5",
    )  # fmt: skip
    words = [
        "import",
        "--users", str(data / "users.csv"),
        "--items", str(data / "items.csv"),
        "--interactions", str(data / "interactions.csv"),
    ]  # fmt: skip
    begun = time.monotonic()
    endcap(*words, home=calm)
    whole_s = time.monotonic() - begun
    killed = [run_and_kill(words, home, whole_s * part) for part in (0.3, 0.5, 0.7, 0.85, 0.95)]
    assert killed[0] is None
    endcap(*words, home=home)
    assert counts(home) == counts(calm)

    begun = time.monotonic()
    endcap("train", "--budget", "5", home=calm)
    whole_s = time.monotonic() - begun
    for part in (0.4, 0.7, 0.95):
        run_and_kill(["train", "--budget", "5"], home, whole_s * part)
    endcap("train", "--budget", "5", home=home)
    server = serve(home, workers=1)
    with server.client() as client:
        answer = client.get("/v1/recommendations/popular", params={"k": 5})
        assert len(answer.json()["items"]) == 5
        assert answer.headers["Endcap-Model-Version"] != ""


def test_killed_in_the_middle_of_snapshots(tmp_path: Path, serve: Any) -> None:
    """A keeper that snapshots all the time, everything killed again and again."""
    home = tmp_path / "home"
    acknowledged: set[str] = set()
    sent = 0
    lake = home / "groups" / "default" / "lake" / "events"
    for last in (False, False, False, True):  # a busy machine may need longer for a first round
        server = serve(
            home, workers=2, ENDCAP_SNAPSHOT_TAIL_MB="1", ENDCAP_KEEPER_INTERVAL_S="0.05"
        )
        deadline = time.monotonic() + 3
        with server.client() as client:
            while time.monotonic() < deadline or (last and not any(lake.glob("*/*.parquet"))):
                assert time.monotonic() < deadline + 60, "the keeper never wrote the lake"
                batch = [
                    {
                        "userId": f"user-{i % 300}",
                        "itemId": f"item-{i % 41}",
                        "event_type": "view",
                        "event_id": f"snap-{sent + i}",
                    }
                    for i in range(500)
                ]
                answer = client.post("/v1/events/batch", json={"events": batch})
                assert answer.status_code == 202, answer.text
                acknowledged |= {e["event_id"] for e in batch}
                sent += 500
        server.kill_everything()
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    assert all(shop.now.state.has_event(event_id) for event_id in acknowledged)
    in_lake = shop.lake.connect().execute("select count(*), count(distinct event_id) from events")
    row = in_lake.fetchone()
    assert row is not None
    assert row[0] == row[1] > 0
    total = sum(
        len(record.events)
        for _, payload in shop.log.read(shop.lake.manifest().log_offset)
        if isinstance(record := decode(payload), EventsPosted)
    )
    assert row[0] + total == len(acknowledged)

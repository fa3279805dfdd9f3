"""What breaks under a running shop: what the client sees, and that nothing acknowledged is lost."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from endcap.bootstrap import open_shop
from endcap.domain.records import EventsPosted, decode
from endcap.settings import load_settings

pytestmark = pytest.mark.server

KEEPER = "endcap.entrypoints.keeper"
BUSY = {"ENDCAP_SNAPSHOT_TAIL_MB": "1", "ENDCAP_KEEPER_INTERVAL_S": "0.05"}


def batch(first: int, count: int = 500, padding: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "userId": f"user-{n % 300}",
            "itemId": f"item-{n % 41}",
            "event_type": "view",
            "event_id": f"event-{n}" + "." * padding,
        }
        for n in range(first, first + count)
    ]


def accounted(home: Path) -> set[str]:
    """Event ids of lake and log; none may stand in the lake twice."""
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    with shop.lake.connect() as sql:
        rows = [row[0] for row in sql.execute("SELECT event_id FROM events").fetchall()]
    assert len(rows) == len(set(rows))
    tail = shop.log.read(shop.lake.manifest().log_offset)
    posted = [record for _, p in tail if isinstance(record := decode(p), EventsPosted)]
    return set(rows) | {event.event_id for record in posted for event in record.events}


def until(what: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def flip(path: Path) -> None:
    """Some bytes in the middle of a file become others."""
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 8] = bytes(byte ^ 0xFF for byte in raw[middle : middle + 8])
    path.chmod(0o644)
    path.write_bytes(raw)


def largest(folder: Path) -> Path:
    return max((p for p in folder.rglob("*.npy")), key=lambda p: p.stat().st_size)


def test_a_keeper_killed_in_its_rounds_loses_nothing(serve: Any) -> None:
    server = serve(workers=1, **BUSY)
    acknowledged: set[str] = set()
    sent = kills = 0
    deadline, next_kill = time.monotonic() + 8, time.monotonic() + 1
    with server.client() as client:
        while time.monotonic() < deadline:
            events = batch(sent)
            answer = client.post("/v1/events/batch", json={"events": events})
            assert answer.status_code == 202, answer.text
            acknowledged |= {event["event_id"] for event in events}
            sent += len(events)
            keepers = server.children(KEEPER)
            if time.monotonic() > next_kill and keepers:
                os.kill(keepers[0], signal.SIGKILL)
                kills, next_kill = kills + 1, time.monotonic() + 1.3
        seen = client.get("/v1/recommendations/popular", params={"k": 41}).json()["items"]
        assert len(seen) == 41
    server.stop()
    assert kills >= 2
    assert accounted(server.home) == acknowledged


def test_a_full_disk_refuses_and_recovers(serve: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, hard))  # children inherit it
    try:
        server = serve(workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    acknowledged: set[str] = set()

    def post(client: httpx.Client, first: int) -> httpx.Response:
        events = batch(first, 200, padding=100)
        answer = client.post("/v1/events/batch", json={"events": events})
        if answer.status_code == 202:
            acknowledged.update(event["event_id"] for event in events)
        return answer

    with server.client() as client:
        answers = [post(client, n * 200) for n in range(80)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[0] == 202
        assert statuses[-1] == 503
        assert set(statuses) == {202, 503}
        refused = answers[-1]
        assert refused.headers["Retry-After"] == "10"
        assert refused.headers["Endcap-Error-Code"] == "disk_full"
        assert "the disk is full" in refused.json()["error"]
        params = {"userId": "user-1", "k": 5}
        assert client.get("/v1/recommendations/personalized", params=params).status_code == 200
        for pid in server.children("endcap.entrypoints"):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert post(client, 80 * 200).status_code == 202
        assert post(client, 79 * 200).status_code == 202  # the client's retry
    server.stop()
    assert accounted(server.home) == acknowledged


def test_a_log_cut_in_the_middle_of_a_record(serve: Any) -> None:
    server = serve(workers=1)
    with server.client() as client:
        for n in range(20):
            assert client.post("/v1/events", json=batch(n, 1)[0]).status_code == 202
    server.kill_everything()
    log = server.home / "groups" / "default" / "log"
    (segment,) = log.glob("*.log")
    os.truncate(segment, segment.stat().st_size - 7)  # a disk that lied about its last sync
    (log / "end").unlink()

    again = serve(server.home, workers=1)
    with again.client() as client:
        answer = client.post("/v1/events/batch", json={"events": batch(15, 10)}).json()
        assert answer == {"ok": True, "accepted": 10, "repeats": 4}  # all but the torn one
    again.stop()
    assert accounted(server.home) == {f"event-{n}" for n in range(25)}


def test_a_damaged_model_is_not_taken_up(board: Any, serve: Any, endcap: Any) -> None:
    home = board.home
    endcap("train", "--budget", "1", home=home)
    versions = json.loads(endcap("versions", "--json", home=home).stdout)
    newest = next(v["name"] for v in versions if v["serves"])
    other = next(v["name"] for v in versions if not v["serves"])
    server = serve(home, workers=1)

    def served(client: httpx.Client) -> str:
        params = {"userId": "s0", "k": 5}
        answer = client.get("/v1/recommendations/personalized", params=params)
        assert (answer.status_code, len(answer.json()["items"])) == (200, 5)
        return answer.headers["Endcap-Model-Version"]

    with server.client() as client:
        assert served(client) == newest
        flip(largest(home / "groups" / "default" / "artifacts" / "models" / other))
        told = endcap("rollback", other, home=home, check=False)
        assert told.returncode == 1
        assert "is damaged" in told.stderr
        assert served(client) == newest
        found = endcap("doctor", home=home, check=False)
        assert found.returncode == 1
        assert other in found.stdout


def test_a_damaged_snapshot_is_gone_around(serve: Any) -> None:
    server = serve(workers=1, **BUSY)
    snapshots = server.home / "groups" / "default" / "artifacts" / "snapshots"
    acknowledged: set[str] = set()
    with server.client() as client:
        sent, until = 0, time.monotonic() + 120
        while not snapshots.is_dir() or len(list(snapshots.iterdir())) < 2:
            assert client.post("/v1/events/batch", json={"events": batch(sent)}).status_code == 202
            acknowledged |= {event["event_id"] for event in batch(sent)}
            sent += 500
            assert time.monotonic() < until, "the keeper never took two snapshots"
    server.stop()
    flip(largest(max(p for p in snapshots.iterdir() if p.name[0].isdigit())))
    again = serve(server.home, workers=1)
    with again.client() as client:
        repeats = client.post("/v1/events/batch", json={"events": batch(sent - 500)}).json()
        assert repeats["repeats"] == 500  # it knows everything that was acknowledged
        params = {"userId": "user-1", "k": 5}
        assert client.get("/v1/recommendations/popular", params={"k": 41}).json()["items"]
        assert client.get("/v1/recommendations/personalized", params=params).status_code == 200
    again.stop()
    assert accounted(server.home) == acknowledged


def test_damaged_documents_leave_the_answers_alone(board: Any, serve: Any, endcap: Any) -> None:
    server = serve(board.home, workers=1)
    documents = board.home / "groups" / "default" / "documents.sqlite"
    with server.client() as client:
        for extra in ("-wal", "-shm"):
            Path(f"{documents}{extra}").unlink(missing_ok=True)
        documents.write_bytes(b"not a database at all" * 1000)
        params = {"userId": "s0", "k": 5}
        answer = client.get("/v1/recommendations/personalized", params=params)
        assert (answer.status_code, len(answer.json()["items"])) == (200, 5)
        event = {"userId": "s0", "itemId": "black-1", "event_type": "view", "event_id": "after"}
        assert client.post("/v1/events", json=event).status_code == 202
        told = endcap("versions", home=board.home, check=False)
        assert told.returncode != 0
        assert "documents.sqlite" in told.stderr
        assert "Traceback" not in told.stderr
        assert endcap("doctor", home=board.home, check=False).returncode == 1
        assert client.get("/v1/health").status_code == 200
    server.stop()

"""A file system that is really full: what is said, what goes on, and that nothing is lost.

``test_faults.py`` and others limit the size of files instead, which needs no rights; here a small
file system of memory is mounted, filled by a file of ours, and given room again.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from endcap.bootstrap import open_shop
from endcap.domain.records import EventsPosted, decode
from endcap.settings import load_settings

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

DISK_MB = 96
USERS, EVENTS = 30, 40_000


class Disk:
    """A file system of its own. ``home``: a folder on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self._ballast = folder / "ballast"

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        free = shutil.disk_usage(self.folder).free
        with self._ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), self._ballast.stat().st_size, free - left)
        assert shutil.disk_usage(self.folder).free <= left

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    options = f"size={DISK_MB}m"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def told(done: subprocess.CompletedProcess[str]) -> None:
    """The command ended with the one sentence."""
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert "the disk is full" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def rows_of(home: Path) -> list[str]:
    """Event ids of lake and log."""
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    with shop.lake.connect() as sql:
        rows = [row[0] for row in sql.execute("SELECT event_id FROM events").fetchall()]
    tail = shop.log.read(shop.lake.manifest().log_offset)
    posted = [record for _, p in tail if isinstance(record := decode(p), EventsPosted)]
    return rows + [event.event_id for record in posted for event in record.events]


def events_file(path: Path, first: int, count: int) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "ts", "event_id"])
        for n in range(first, first + count):
            second = f"{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}"
            at, event_id = f"2026-01-{1 + n % 9:02d}T{second}Z", f"e{n}-{n * 7919 % 99991}"
            writer.writerow([f"u{n % USERS}", f"i{n % 97}", at, event_id])
    return path


def test_an_import_goes_on_when_there_is_room_again(
    disk: Disk, endcap: Any, tmp_path: Path
) -> None:
    endcap("import", "--interactions", str(events_file(tmp_path / "a.csv", 0, 500)), home=disk.home)
    before = (disk.home / "groups/default/lake/manifest").iterdir()
    names = sorted(path.name for path in before)
    big = str(events_file(tmp_path / "b.csv", 500, EVENTS))
    disk.fill(200_000)
    told(endcap("import", "--interactions", big, home=disk.home, check=False))
    after = (disk.home / "groups/default/lake/manifest").iterdir()
    assert sorted(path.name for path in after if path.suffix == ".json") == names
    disk.free()
    endcap("import", "--interactions", big, home=disk.home)
    found = rows_of(disk.home)
    assert len(found) == len(set(found)) == 500 + EVENTS


def test_tables_stand_and_are_made_when_there_is_room_again(
    disk: Disk, endcap: Any, tmp_path: Path
) -> None:
    events = str(events_file(tmp_path / "a.csv", 0, EVENTS))
    endcap("import", "--interactions", events, home=disk.home)
    endcap("etl", "--tables", "items", home=disk.home)
    disk.fill(100_000)
    told(endcap("etl", home=disk.home, check=False))
    disk.free()
    record = json.loads(endcap("etl", "--json", home=disk.home).stdout)
    assert record["status"] == "done"
    rows = {made["table"]: made["rows"] for made in record["tables"]}
    assert rows["events"] == rows["training"] == EVENTS


def test_a_server_refuses_and_takes_events_again(disk: Disk, serve: Any) -> None:
    server = serve(home=disk.home, workers=2)
    acknowledged: set[str] = set()
    sent = 0

    def post(client: httpx.Client) -> httpx.Response:
        nonlocal sent
        events = [
            {"userId": f"u{n % USERS}", "itemId": f"i{n % 97}", "event_type": "view",
             "event_id": f"event-{n}" + "." * 100}
            for n in range(sent, sent + 200)
        ]  # fmt: skip
        sent += 200
        answer = client.post("/v1/events/batch", json={"events": events})
        if answer.status_code == 202:
            acknowledged.update(event["event_id"] for event in events)
        return answer

    with server.client() as client:
        assert post(client).status_code == 202
        disk.fill(1_000_000)
        statuses = [post(client).status_code for _ in range(60)]
        assert set(statuses) == {202, 503}
        refused = post(client)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
        assert refused.headers["Endcap-Error-Code"] == "disk_full"
        params = {"userId": "u1", "k": 5}
        assert client.get("/v1/recommendations/personalized", params=params).status_code == 200
        assert client.get("/v1/health").status_code in (200, 503)
        disk.free()
        assert post(client).status_code == 202
    server.stop()
    found = rows_of(disk.home)
    assert len(found) == len(set(found))
    assert set(found) == acknowledged


def test_a_stream_goes_on_when_there_is_room_again(
    disk: Disk, endcap: Any, checkerboard_home: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkerboard_home, disk.home)
    path = tmp_path / "events.jsonl"
    with path.open("w") as file:
        for n in range(2_000):
            body = {"userId": f"n{n % USERS}", "itemId": f"black-{n % 12}", "event_type": "view"}
            file.write(json.dumps({**body, "event_id": f"e{n}"}) + "\n")
    disk.fill(50_000)
    told(endcap("stream", "put", str(path), home=disk.home, check=False))
    disk.free()
    endcap("stream", "put", str(path), home=disk.home)
    disk.fill(300_000)
    told(endcap("stream", "run", "--until-empty", "--batch", "100", home=disk.home, check=False))
    disk.free()
    endcap("stream", "run", "--until-empty", home=disk.home)
    root = disk.home / "groups/default/lake/stream/recommendations/recommendations"
    lines = [
        json.loads(x) for p in root.glob("date=*/*.jsonl") for x in p.read_bytes().splitlines()
    ]
    ids = [line["recordId"] for line in lines]
    assert len(ids) == len(set(ids)) >= 2_000

"""Answers to a stream in a bucket: each once though consumers die, and erasure finds them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from endcap.adapters.s3 import Bucket
from endcap.adapters.s3_parts import S3Parts
from endcap.app.stream_parts import FolderParts, PartFiles, erase_answers, lines_of

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
USERS, EVENTS = 20, 300


@pytest.fixture
def shop(checkerboard_home: Path, tmp_path: Path, s3_url: str, aws: Any) -> dict[str, str]:
    """The settings of a trained shop whose lake was moved to a bucket, as docs/lake.md says."""
    home = tmp_path / "home"
    shutil.copytree(checkerboard_home, home)
    lake = home / "groups" / "default" / "lake"
    files = [path for path in lake.rglob("*") if path.is_file()]
    there = Bucket(f"{s3_url}/default")
    there.put_files((str(path.relative_to(lake)), path) for path in files)
    shutil.rmtree(lake)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ENDCAP_")}
    return {**kept, **aws.environment, "ENDCAP_HOME": str(home), "ENDCAP_LAKE": s3_url}


def endcap(shop: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "endcap", *words],
        env=shop, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(shop: dict[str, str], folder: Path, count: int = EVENTS) -> None:
    path = folder / "events.jsonl"
    with path.open("w") as file:
        for n in range(count):
            body = {"userId": f"shopper-{n % USERS}x", "itemId": f"black-{n % 12}"}
            file.write(json.dumps({**body, "event_type": "view", "event_id": f"e{n}"}) + "\n")
        file.write('{"userId":"shopper-3x","itemId":7}\n{"userId":"shopper-4x"}\n')
    assert endcap(shop, "stream", "put", str(path)).startswith(f"{count + 1} records put")


def answers(url: str) -> list[dict[str, Any]]:
    there = S3Parts(f"{url}/default/stream").read("recommendations/recommendations")
    return [json.loads(line) for _, content in there for line in content.splitlines()]


def copy(url: str, folder: Path) -> Path:
    """All objects, to look into."""
    bucket = Bucket(url)
    files = [(found.key, folder / found.key) for found in bucket.objects()]
    for _, path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
    bucket.fetch_all(files)
    return folder


def test_killed_consumers_lose_nothing_and_repeat_nothing(
    shop: dict[str, str], s3_url: str, tmp_path: Path
) -> None:
    put(shop, tmp_path)
    words = [sys.executable, "-m", "endcap", "stream", "run", "--batch", "3"]
    for lines in (1, 30):  # early: whoever watches may be slow
        with subprocess.Popen(words, env=shop, stdout=subprocess.PIPE) as runner:
            until = monotonic() + 120
            while len(answers(s3_url)) < lines and monotonic() < until:
                sleep(0.05)
            runner.send_signal(signal.SIGKILL)
    assert 30 <= len(answers(s3_url)) < EVENTS + 1
    endcap(shop, "stream", "run", "--until-empty")
    found = answers(s3_url)
    each = EVENTS // USERS
    wanted = {f"shopper-{n}x": each for n in range(USERS)} | {"shopper-4x": each + 1}
    assert Counter(line["userId"] for line in found) == wanted
    assert len({line["recordId"] for line in found}) == EVENTS + 1
    assert len(endcap(shop, "stream", "show", "shopper-4x").splitlines()) == EVENTS // USERS + 1
    assert not [*Path(shop["ENDCAP_HOME"]).rglob("*.jsonl")]


def test_an_erased_shopper_is_in_no_object_and_the_receipt_says_what_was_there(
    shop: dict[str, str], s3_url: str, tmp_path: Path, holders: Any
) -> None:
    put(shop, tmp_path, 60)
    endcap(shop, "stream", "run", "--until-empty")
    endcap(shop, "etl")
    before = holders(copy(s3_url, tmp_path / "before"), "shopper-3x")
    assert {path.split("/")[1] for path in before} == {"events", "stream", "tables"}
    (receipt,) = json.loads(endcap(shop, "erase-user", "shopper-3x", "--json"))
    assert receipt["forgotten"]["answers to a stream"] == 3
    assert receipt["untilPurge"]["events in the lake"] == 3
    assert receipt["untilPurge"]["files of tables"] > 10
    purged = json.loads(endcap(shop, "purge", "--json"))
    assert purged["rows of the lake"] == 3
    assert purged["rows of tables"] > 6
    (closed,) = json.loads(endcap(shop, "erase-user", "shopper-3x", "--receipts", "--json"))
    assert closed["purgedAt"]
    assert holders(copy(s3_url, tmp_path / "after"), "shopper-3x") == set()
    assert holders(tmp_path / "after", "shopper-5x")
    assert holders(tmp_path / "home", "shopper-3x") == set()
    assert json.loads(endcap(shop, "etl", "--json"))["status"] == "done"
    assert len(answers(s3_url)) == 60 - 3 + 1


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> PartFiles:
    if request.param == "folder":
        return FolderParts(tmp_path / "stream")
    return S3Parts(f"{request.getfixturevalue('s3_url')}/stream")


def test_files_are_replaced_read_in_order_and_rid_of_a_user(files: PartFiles) -> None:
    lines = [b'{"userId":"u%d","items":[]}\n' % n for n in (1, 2, 1)]
    for day in (3, 1, 2):
        files.replace(f"one/recommendations/date=2026-01-0{day}/a-1.jsonl", b"".join(lines))
    files.replace("two/failed/date=2026-01-01/a-1.jsonl", b'{"userId":"u1","broken":1}\n')
    files.replace("one/recommendations/date=2026-01-03/a-1.jsonl", b"".join(lines[:2]))
    found = [path for path, _ in files.read("one/recommendations")]
    assert found == [f"one/recommendations/date=2026-01-0{day}/a-1.jsonl" for day in (1, 2, 3)]
    assert len(list(files.read(""))) == 4
    assert len([*lines_of(files, "one", "u1")]) == 5
    assert erase_answers(files, ["u1", "u7"]) == {"u1": 6}
    assert [*lines_of(files, "one", "u1")] == []
    assert [content for _, content in files.read("")] == [lines[1]] * 3
    files.replace("one/recommendations/date=2026-01-03/a-1.jsonl", b"")
    assert len(list(files.read(""))) == 2
    assert [*files.read("nothing/recommendations")] == []

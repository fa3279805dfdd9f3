"""``endcap stream``: put, run, status and show, with consumers that are killed."""

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

import httpx
import pytest

pytestmark = pytest.mark.server
USERS, EVENTS = 40, 1_200


@pytest.fixture
def home(checkerboard_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkerboard_home, tmp_path / "home"))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Shoppers n0 … n39, the even ones black; each with 30 events."""
    path = tmp_path / "events.jsonl"
    with path.open("w") as file:
        for n in range(EVENTS):
            colour = "white" if n % 2 else "black"
            body = {"userId": f"n{n % USERS}", "itemId": f"{colour}-{n % 12}"}
            file.write(json.dumps({**body, "event_type": "view", "event_id": f"e{n}"}) + "\n")
    return path


def written(home: Path, name: str = "recommendations") -> list[dict[str, Any]]:
    root = home / "groups" / "default" / "lake" / "stream" / name / "recommendations"
    files = sorted(root.glob("date=*/*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


@pytest.fixture(params=["folder", "kinesis"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """Which stream, and what it takes to reach it."""
    if request.param == "folder":
        return {}
    aws: Any = request.getfixturevalue("aws")
    name = aws.name("events")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=4)
    return {"ENDCAP_STREAM": f"kinesis://{name}", **aws.environment}


def started(home: Path, settings: dict[str, str], *words: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ENDCAP_")}
    return subprocess.Popen(
        [sys.executable, "-m", "endcap", "stream", "run", *words],
        env={**environment, "ENDCAP_HOME": str(home), **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(home: Path, lines: int) -> None:
    until = monotonic() + 120
    while len(written(home)) < lines and monotonic() < until:
        sleep(0.05)
    assert len(written(home)) >= lines


def test_a_consumer_that_is_killed_loses_nothing_and_repeats_nothing(
    home: Path, events: Path, settings: dict[str, str], endcap: Any, serve: Any
) -> None:
    put = endcap("stream", "put", str(events), home=home, **settings)
    assert put.stdout == f"{EVENTS} records put\n"
    for lines in (1, 100):
        with started(home, settings, "--batch", "5") as runner:  # many, for a slow watcher
            wait_for(home, lines)
            runner.send_signal(signal.SIGKILL)
    assert len(written(home)) < EVENTS
    endcap("stream", "run", "--until-empty", home=home, **settings)
    found = written(home)
    assert Counter(line["userId"] for line in found) == {f"n{n}": 30 for n in range(USERS)}
    assert len({line["recordId"] for line in found}) == EVENTS
    assert {i["id"][:5] for i in found[-1]["items"][:4]} <= {"black", "white"}
    told = json.loads(endcap("stream", "status", "--json", home=home, **settings).stdout)
    assert {lag["unread"] for lag in told} == {0}
    served(serve, home)


def served(serve: Any, home: Path) -> None:
    """What the consumer stored is what the route answers."""
    last = [line for line in written(home) if line["userId"] == "n3"]
    with httpx.Client(base_url=serve(home, workers=1).url, timeout=60) as client:
        answer = client.get("/v1/users/n3/recommendations")
    assert answer.status_code == 200
    ids = answer.json()["recommendations"]
    assert ids in [[item["id"] for item in line["items"]] for line in last]
    assert {item[:5] for item in ids[:4]} == {"white"}


def test_an_interrupted_consumer_finishes_its_batch_and_one_of_a_name_runs(
    home: Path, events: Path, endcap: Any
) -> None:
    endcap("stream", "put", str(events), home=home)
    with started(home, {}, "--batch", "100", "--json") as runner:
        wait_for(home, 1)
        second = endcap("stream", "run", "--until-empty", home=home, check=False)
        assert second.returncode == 2
        assert "another process reads the stream as 'recommendations' already" in second.stderr
        other = endcap("stream", "run", "--until-empty", "--name", "other", home=home)
        assert other.stdout == f"{EVENTS} Ok\n"
        runner.send_signal(signal.SIGTERM)
        out, _ = runner.communicate(timeout=60)
    assert runner.returncode == 0
    assert json.loads(out) == {"Ok": len(written(home))}
    assert len(written(home, "other")) == EVENTS


def test_lines_that_are_not_usable_are_named_and_left_out(
    home: Path, tmp_path: Path, endcap: Any
) -> None:
    file = tmp_path / "some.jsonl"
    file.write_bytes(b'{"userId":"n1"}\n\nnonsense\n{"itemId":"x","event_type":"view"}\n')
    done = endcap("stream", "put", str(file), home=home)
    assert done.stdout == "1 records put, 2 left out\n"
    assert "line 3: the record of the stream cannot be used: JSON is malformed" in done.stderr
    assert "line 4: Missing userId" in done.stderr
    status = endcap("stream", "status", home=home).stdout
    assert len(status.splitlines()) == 6
    endcap("stream", "run", "--until-empty", home=home)
    shown = endcap("stream", "show", "n1", home=home).stdout
    assert json.loads(shown)["userId"] == "n1"
    missing = endcap("stream", "put", str(tmp_path / "gone"), home=home, check=False)
    assert (missing.returncode, "cannot read" in missing.stderr) == (2, True)
    bad = endcap("stream", "run", "--name", "a/b", home=home, check=False)
    assert (bad.returncode, "a consumer is named by" in bad.stderr) == (2, True)


def test_a_stream_that_is_not_there_is_named(home: Path, aws: Any, endcap: Any) -> None:
    settings = {"ENDCAP_STREAM": "kinesis://nowhere", **aws.environment}
    done = endcap("stream", "run", "--until-empty", home=home, check=False, **settings)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "error: there is no stream 'nowhere'"

"""Functions that answer need neither a compiler nor what training needs: their package is small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ABSENT = ["numba", "llvmlite", "scipy", "duckdb", "pyarrow", "xgboost", "matplotlib", "jinja2",
          "rich", "click", "uvicorn", "uvloop", "httptools", "fsspec"]  # fmt: skip
PROGRAM = """
import json, sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())

class Context:
    def get_remaining_time_in_millis(self):
        return 60_000

from endcap.entrypoints.lambdas import fetch_recommendations, mock_recommendations
for user in {users}:
    event = mock_recommendations.handler({{"userId": user, "k": 5}}, Context())
    print(json.dumps(fetch_recommendations.handler(event, Context())))
"""


API = """
import json, sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Absent())
sys.path.insert(0, {functions!r})
import app
loaded = sorted({{"boto3", "numpy", "msgpack"}} & set(sys.modules))
for event in {events}:
    print(json.dumps(app.handler(event, None)))
print(json.dumps(loaded))
"""


@pytest.mark.server
def test_the_api_answers_without_what_is_absent(board: Any, gateway_events: Any) -> None:
    """Every route, whatever it needs: none may fail for want of a package."""
    personal = "/v1/recommendations/personalized?userId=s0&k=5"
    given = {"userId": "s0", "itemId": "black-3", "event_type": "view"}
    interest = {"customer_id": "s0", "interest": "black", "location": "Ulm"}
    json_type = [("Content-Type", "application/json")]
    asked = [
        ("GET", personal), ("GET", personal + "&explain=true"), ("GET", "/"), ("GET", "/docs"),
        ("GET", "/openapi.json"), ("GET", "/v1/recommendations/related?itemId=black-0"),
        ("GET", "/v1/recommendations/related?itemId=black-0&by=embedding"),
        ("GET", "/v1/recommendations/trending"), ("GET", "/v1/recommendations/popular"),
        ("GET", "/v1/why-not?userId=s0&itemId=white-1"), ("GET", "/v1/offers?customer_id=s0"),
        ("POST", "/v1/recommendations/rerank", {"userId": "s0", "items": ["white-1", "black-1"]}),
        ("POST", "/submit", {"user_id": "s0", "event": "get_recommendations"}),
        ("POST", "/recommend?offers=true", interest), ("POST", "/events", given),
        ("PUT", "/v1/items/new", {"name": "new"}), ("GET", "/v1/items/new"),
        ("PUT", "/v1/users/s0", {"country": "DE"}), ("DELETE", "/v1/users/s1"),
    ]  # fmt: skip
    events = [
        gateway_events.second(one[0], one[1], json.dumps(one[2]).encode(), json_type)
        if len(one) > 2
        else gateway_events.second(*one)
        for one in asked
    ]
    functions = str(Path(__file__).parents[2] / "infra" / "functions")
    board.at = time.time_ns() // 1000  # how old an event is counts
    wanted = board.ids(user_id="s0", k=5)
    done = subprocess.run(
        [sys.executable, "-c", API.format(absent=ABSENT, events=events, functions=functions)],
        env={
            **os.environ,
            "ENDCAP_HOME": str(board.home),
            "ENDCAP_AUTH": "gateway",
            "ENDCAP_DEADLINE_MS": "60000",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]  # of its log and metrics too
    answers, loaded = [line for line in lines if "statusCode" in line], lines[-1]
    assert loaded == []
    told = {
        one[1]: (a["statusCode"], a["body"][:300]) for one, a in zip(asked, answers, strict=True)
    }
    assert {status for status, _ in told.values()} <= {200, 202}, told
    found = json.loads(answers[0]["body"])["items"]
    assert [item["id"] for item in found] == wanted
    receipt = json.loads(answers[-1]["body"])
    assert receipt["forgotten"]["events of the history"] > 0
    assert set(receipt["pending"]) > {"snapshots", "events in the lake"}
    board.reopen()
    assert board.shop.now.state.users.row("s1") == -1


@pytest.mark.server
def test_answers_are_the_same_without_what_is_absent(board: Any) -> None:
    users = ["s0", "s1", "s33", "nobody"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(absent=ABSENT, users=users)],
        env={**os.environ, "ENDCAP_HOME": str(board.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]  # of its log and metrics too
    told = [line for line in lines if "recommendations" in line]
    for user, event in zip(users, told, strict=True):
        answer = board.answer(user_id=user, k=5)
        assert event["recommendations"] == [item.id for item in answer.items]
        assert event["scores"] == pytest.approx([item.score for item in answer.items], rel=1e-5)
        assert event["strategy"] == answer.strategy
        assert "fallback" not in event

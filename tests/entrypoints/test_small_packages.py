"""Functions that answer need neither a compiler nor what training needs: their package is small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    told = [json.loads(line) for line in done.stdout.splitlines()]
    for user, event in zip(users, told, strict=True):
        answer = board.answer(user_id=user, k=5)
        assert event["recommendations"] == [item.id for item in answer.items]
        assert event["scores"] == pytest.approx([item.score for item in answer.items], rel=1e-5)
        assert event["strategy"] == answer.strategy
        assert "fallback" not in event

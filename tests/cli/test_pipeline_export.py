"""``endcap pipeline export`` as a person gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.server
def test_what_is_exported_is_checked(endcap: Any, tmp_path: Path) -> None:
    folder = tmp_path / "machines"
    endcap("pipeline", "export", str(folder))
    names = {path.name for path in folder.iterdir()}
    machines = {f"{n}.asl.json" for n in ("nightly", "nightly-small", "users",
                                          "users-distributed")}  # fmt: skip
    assert names == machines | {"triggers.json"}
    assert json.loads((folder / "users.asl.json").read_text())["StartAt"] == "defaults"
    endcap("pipeline", "export", "--check", str(folder))
    (folder / "users.asl.json").write_text("{}")
    failed = endcap("pipeline", "export", "--check", str(folder), check=False)
    assert (failed.returncode, "write it anew" in failed.stderr) == (2, True)


@pytest.mark.server
def test_a_file_of_users_on_a_laptop(endcap: Any, tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text('{"userId": "ann"}\n{"name": "x"}\n')
    done = endcap("pipeline", "users", str(tmp_path / "users.json"), "--json")
    record = json.loads(done.stdout)
    assert (record["status"], record["facts"]["outcomes"]) == ("done", {"mock": 1})
    assert record["facts"]["told"] == [
        {"position": 2, "code": "user_without_id", "field": "record"}
    ]
    messages = (tmp_path / "home/groups/default/messages.jsonl").read_text("utf-8").splitlines()
    assert len(messages) == 1
    missing = endcap("pipeline", "users", "nowhere", check=False)
    assert missing.returncode == 2
    assert "there is no file" in missing.stderr
    asked = endcap("pipeline", "users", check=False)
    assert (asked.returncode, "SOURCE" in asked.stderr) == (2, True)

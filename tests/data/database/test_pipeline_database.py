"""``endcap pipeline run`` that begins in a shop's own database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

PASSWORD = "reAd:er/@ %secret"
IN_URL = "reAd%3Aer%2F%40%20%25secret"
MAPPING = """
[events.view]
table = "views"
watermark = "id"
columns = { user_id = "who", item_id = "what", ts = "at" }
"""


@pytest.fixture
def shop(fresh: Any, tmp_path: Path) -> Any:
    """``shop("run", URL, …)``, and ``shop.add(first, last)``: views in the database."""
    server, name = fresh
    server.sql("CREATE TABLE views (id INT PRIMARY KEY, who INT, what INT, at INT)", name)
    (tmp_path / "views.toml").write_text(MAPPING)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ENDCAP_")}

    def run(*words: str, code: int = 0, **settings: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "endcap", "pipeline", *words],
            env={**environment, "ENDCAP_HOME": str(tmp_path / "home"), **settings},
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        for secret in (PASSWORD, IN_URL):
            assert secret not in done.stdout + done.stderr
            for path in (tmp_path / "home").rglob("*"):
                assert not path.is_file() or secret.encode() not in path.read_bytes(), path
        return done.stdout if code == 0 else done.stderr

    def add(first: int, last: int) -> None:
        rows = [(n, n % 23, (n * 7) % 11, 1_700_000_000 + n * 60) for n in range(first, last + 1)]
        server.rows(name, "views", rows)

    run.add, run.url = add, lambda word="": server.url(name, password=word)  # type: ignore[attr-defined]
    run.mapping = ("--mapping", str(tmp_path / "views.toml"))  # type: ignore[attr-defined]
    return run


def test_a_run_reads_what_is_new_and_keeps_no_password(shop: Any) -> None:
    shop.add(1, 400)
    record = json.loads(shop("run", shop.url(IN_URL), *shop.mapping, "--json"))
    assert record["status"] == "done"
    assert record["facts"]["imported"]["events"] == {"accepted": 400, "rejected": 0, "repeats": 0}
    assert record["facts"]["source"] == shop.url()
    assert record["facts"]["stored"] == 23
    shop.add(401, 450)
    again = json.loads(
        shop("run", shop.url(), *shop.mapping, "--json", ENDCAP_DATABASE_PASSWORD=PASSWORD)
    )
    assert again["facts"]["imported"]["events"]["accepted"] == 50


def test_a_wrong_password_fails_once_and_the_run_goes_on_with_the_right_one(
    shop: Any, tmp_path: Path
) -> None:
    shop.add(1, 400)
    failed = shop("run", shop.url("wrong"), *shop.mapping, code=2)
    assert "attempt" not in failed
    assert "Traceback" not in failed
    (record,) = json.loads(shop("runs", "--json"))
    assert (record["status"], record["step"]) == ("failed", "import")
    run_id = record["run_id"]
    done = json.loads(shop("run", shop.url(IN_URL), "--resume", run_id, *shop.mapping, "--json"))
    assert (done["run_id"], done["status"]) == (run_id, "done")
    assert done["facts"]["imported"]["events"]["accepted"] == 400


def test_what_is_wrong_with_the_command_is_said_before_it_begins(shop: Any) -> None:
    assert "--mapping" in shop("run", shop.url(), code=2)
    assert "URL" in shop("run", "--full", code=2)
    assert json.loads(shop("runs", "--json")) == []

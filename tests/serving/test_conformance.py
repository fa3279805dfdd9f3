"""schemathesis against the real server: no 5xx, and nothing but what the document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

RULES = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.parametrize("auth", ["open", "required"])
def test_schemathesis_finds_nothing(serve: Any, endcap: Any, tmp_path: Path, auth: str) -> None:
    server = serve(workers=2, ENDCAP_AUTH=auth)
    words = ["--name", "test", "--rate", "0"]
    for scope in ("read", "write", "admin"):
        words += ["--scope", scope]
    key = endcap("keys", "create", *words).stdout.strip() if auth == "required" else ""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(RULES), "--no-color",
        "run", f"{server.url}/openapi.json", "--max-examples", "8", "--seed", "11",
        "--generation-database", "none", "--suppress-health-check", "all",
        *(["--header", f"X-Api-Key: {key}"] if key else []),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert server.stop() == 0

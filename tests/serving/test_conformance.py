"""schemathesis against the real server: no 5xx, and nothing but what the document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

RULES = Path(__file__).with_name("schemathesis.toml")


def test_schemathesis_finds_nothing(serve: Any, tmp_path: Path) -> None:
    server = serve(workers=2)
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(RULES), "--no-color",
        "run", f"{server.url}/openapi.json", "--max-examples", "8", "--seed", "11",
        "--generation-database", "none", "--suppress-health-check", "all",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert server.stop() == 0

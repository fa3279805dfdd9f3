"""Imports go down the list of ARCHITECTURE.md, and starting the command stays cheap."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ["duckdb", "jinja2", "matplotlib", "numba", "numpy", "pyarrow", "rich", "scipy",
         "starlette", "uvicorn"]  # fmt: skip


def imported(statement: str, wanted: list[str]) -> list[str]:
    """Which of ``wanted`` a new interpreter has loaded after ``statement``."""
    program = f"import sys\n{statement}\nprint(*[m for m in {wanted!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_contracts_hold() -> None:
    from importlinter.cli import lint_imports

    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "import endcap.cli.main",
        "from endcap.cli.main import cli; cli.main(['--help'], standalone_mode=False)",
        "import endcap.ports, endcap.domain.records, endcap.settings, endcap.telemetry",
    ],
)
def test_starting_loads_nothing_heavy(statement: str) -> None:
    quiet = "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()):\n    "
    assert imported(quiet + statement, HEAVY) == []


@pytest.mark.parametrize(
    "name",
    ["api", "fetch_recommendations", "firehose", "import_users", "mock_recommendations", "nightly",
     "notify_completion", "record_preference", "store_to_dynamodb", "stream", "submit"],
)  # fmt: skip
def test_importing_a_function_loads_nothing_heavy(name: str) -> None:
    """The start of a function is somebody's waiting: 0.7 s are permitted, a third is needed."""
    heavy = [*HEAVY, "boto3", "botocore.session", "aws_xray_sdk", "asyncio", "sqlite3"]
    assert imported(f"import endcap.entrypoints.lambdas.{name}", heavy) == []


def test_the_check_sees_a_heavy_import() -> None:
    assert imported("import endcap.domain.arrays", HEAVY) == ["numpy"]

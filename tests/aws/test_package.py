"""The zip of the functions: small, the same each time, and enough to answer with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])

class Context:
    def get_remaining_time_in_millis(self):
        return 60_000

from endcap.entrypoints.lambdas import fetch_recommendations, import_users, mock_recommendations
from endcap.entrypoints.lambdas import notify_completion, store_to_dynamodb
from endcap.entrypoints.lambdas import event_rows, record_preference, stream, submit
from endcap.app import stream_events
from endcap.bootstrap import bare, functions
from endcap.serving import preferences
from aws_lambda_powertools.utilities.batch import BatchProcessor
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
import boto3, numpy
assert numpy.__file__.startswith(sys.argv[1])
for service in ("dynamodb", "personalize-runtime", "s3", "ses", "sns", "stepfunctions"):
    boto3.client(service, region_name="us-east-1")
event = mock_recommendations.handler({"userId": "s0", "k": 4}, Context())
print(json.dumps(fetch_recommendations.handler(event, Context())))
"""


def test_the_zip_alone_answers_as_the_shop_does(
    functions_zip: Path, board: Any, tmp_path: Path
) -> None:
    """Without this Python's packages: what is not in the zip is not there."""
    with zipfile.ZipFile(functions_zip) as file:
        assert sum(entry.file_size for entry in file.infolist()) < 100_000_000
        file.extractall(tmp_path / "code")
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", PROGRAM, str(tmp_path / "code")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ENDCAP_HOME": str(board.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["recommendations"] == board.ids(user_id="s0", k=4)


def test_nothing_needless_is_in_it(functions_zip: Path) -> None:
    with zipfile.ZipFile(functions_zip) as file:
        entries = file.infolist()
    tops = {entry.filename.split("/")[0] for entry in entries}
    assert not tops & {"scipy", "numba", "llvmlite", "duckdb", "pyarrow", "xgboost", "pytest"}
    assert {"app.py", "endcap", "numpy", "msgspec", "boto3", "botocore"} <= tops
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert not [entry for entry in entries if "__pycache__" in entry.filename]


def test_the_lock_pins_what_goes_in_with_hashes(packaging: Any) -> None:
    pins = packaging.locked(packaging.PACKAGES)
    assert pins.count("==") == len(packaging.PACKAGES)
    assert all(f"{name}==" in pins for name in packaging.PACKAGES)
    assert pins.count("--hash=sha256:") > 2 * len(packaging.PACKAGES)


def test_what_is_too_large_is_refused(
    packaging: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "MOST_BYTES", 1000)
    monkeypatch.setattr(packaging, "PACKAGES", ("six",))
    with pytest.raises(SystemExit, match="Lambda takes"):
        packaging.package(tmp_path / "functions.zip", installed=True)
    assert not (tmp_path / "functions.zip").exists()

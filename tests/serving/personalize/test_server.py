"""The Personalize API of a running server, by clients that know three variables of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENT = """
import boto3, json
control = boto3.client("personalize")
made = control.create_dataset_group(name="mine")["datasetGroupArn"]
told = control.describe_dataset_group(datasetGroupArn=made)["datasetGroup"]
print(json.dumps([made, told["status"]]))
events = boto3.client("personalize-events")
try:
    events.put_items(datasetArn=made.replace("dataset-group", "dataset") + "/ITEMS",
                     items=[{"itemId": "a", "properties": "{}"}])
except events.exceptions.ResourceNotFoundException as error:
    print(error.response["ResponseMetadata"]["HTTPStatusCode"])
"""


@pytest.mark.server
def test_three_variables_are_all(serve: Any, tmp_path: Path) -> None:
    server = serve(tmp_path / "home")
    url = f"{server.url}/personalize"
    names = ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME")
    environment = {
        **{f"AWS_ENDPOINT_URL_{name}": url for name in names},
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        env=environment, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    first, second = done.stdout.splitlines()
    arn = "arn:aws:personalize:eu-central-1:123456789012:dataset-group/mine"
    assert first == f'["{arn}", "ACTIVE"]'
    assert second == "404"
    with server.client() as client:
        counted = client.get("/metrics").text
    assert 'requests_total{route="CreateDatasetGroup",status="200"} 1' in counted

"""The emulator that other tests stand on: it stores, forgets, and ends with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

pytestmark = pytest.mark.server
PROGRAM = Path(__file__).parent / "emulator.py"
OWNER = f"""
import subprocess, sys
server = subprocess.Popen([sys.executable, {str(PROGRAM)!r}], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, start_new_session=True)
server.stdout.readline()
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_it_stores_and_names_are_fresh(aws: Any) -> None:
    first, second = aws.name("bucket"), aws.name("bucket")
    assert first != second
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=first)
    s3.put_object(Bucket=first, Key="a", Body=b"1")
    assert s3.get_object(Bucket=first, Key="a")["Body"].read() == b"1"


def test_a_process_needs_the_environment_alone(aws: Any) -> None:
    aws.client("s3").create_bucket(Bucket=(bucket := aws.name("seen")))
    program = (
        "import boto3; print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **aws.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert repr(bucket) in done.stdout


def test_it_ends_when_its_owner_is_killed() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        server = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    until = monotonic() + 20
    while alive(server) and monotonic() < until:
        sleep(0.05)
    assert not alive(server)


def alive(pid: int) -> bool:
    """Whether it runs: one that has ended and waits for somebody to ask does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"

"""`endcap deploy` and `endcap destroy` with the real Terraform, on a small environment and an
emulated AWS, and on machines that lack something."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]  # Terraform starts 30 times
HERE = Path(__file__).parent
TESTS = HERE.parent
WITHOUT_AWS = {
    "GOGC": "400",  # as in tests/infra/terraform.py
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def mirror() -> dict[str, str]:
    spec = spec_from_file_location("terraform_of_tests", TESTS / "infra" / "terraform.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.mirror()
    return {"TF_PLUGIN_DIR": str(found)} if found else {}


class Machine:
    """A clone of a small repository, and a shell in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(HERE / "small", folder, dirs_exist_ok=True)
        self.dev = folder / "infra" / "envs" / "dev"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        self.variables = {**kept, **mirror(), **WITHOUT_AWS}

    def popen(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "endcap", *words], cwd=self.folder,
            env={**self.variables, **variables}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def call(self, *words: str, **variables: str) -> tuple[int, str, str]:
        process = self.popen(*words, **variables)
        out, err = process.communicate(timeout=240)
        assert "Traceback" not in err
        return process.returncode, out, err


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "clone")


def forget(aws: Any) -> None:
    """What the small environment makes, gone from the emulator, which other tests use too."""
    s3, dynamodb = aws.client("s3"), aws.client("dynamodb")
    for bucket in buckets(aws):
        for each in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            s3.delete_object(Bucket=bucket, Key=each["Key"])
        s3.delete_bucket(Bucket=bucket)
    for table in tables(aws):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=table)


def buckets(aws: Any) -> list[str]:
    found = [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]]
    return [name for name in found if name.startswith("small-")]


def tables(aws: Any) -> list[str]:
    pages = aws.client("dynamodb").get_paginator("list_tables").paginate()  # others made hundreds
    found = [name for page in pages for name in page["TableNames"]]
    return [name for name in found if name.startswith("small-")]


@pytest.fixture
def deployer(machine: Machine, aws: Any) -> Iterator[Machine]:
    """A machine whose AWS is the emulator, without this environment."""
    forget(aws)
    machine.variables |= aws.environment
    yield machine
    forget(aws)


@pytest.fixture
def refusing() -> Iterator[Any]:
    """Starts an AWS that answers every call with an error, by region of the signature."""
    started: list[ThreadingHTTPServer] = []

    def start(codes: dict[str, str]) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                found = re.search(r"Credential=[^/]+/\d+/([^/]+)/", self.headers["Authorization"])
                assert found is not None
                code = codes.get(found[1], "")
                good = (
                    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:a"
                    "</Arn><UserId>a</UserId><Account>1</Account></GetCallerIdentityResult>"
                    "</GetCallerIdentityResponse>"
                )
                bad = f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"
                body = (bad if code else good).encode()
                self.send_response(403 if code else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


DRY = ("deploy", "--env", "dev", "--phase", "core", "--dry-run")
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "very-secret"}


def test_without_credentials_a_dry_run_validates_and_counts(machine: Machine) -> None:
    code, out, err = machine.call(*DRY)
    assert code == 3
    assert "terraform validate" in err
    assert "USD a month for 1,000,000 requests" in out
    assert "not done: no check of credentials: no credentials for AWS were found" in out
    assert not (
        machine.dev / ".terraform"
    ).exists()  # what stands for the real state is not touched
    code, out, err = machine.call("deploy", "--env", "dev", "--phase", "core")
    assert (code, out) == (1, "")
    assert "no credentials for AWS were found" in err


def test_without_terraform_a_dry_run_counts(machine: Machine) -> None:
    code, out, _ = machine.call(*DRY, PATH="/nowhere")
    assert code == 3
    assert "USD a month" in out
    assert "not done: no plan and validation: terraform is not on the PATH; install" in out
    code, _, err = machine.call("deploy", "--env", "dev", PATH="/nowhere")
    assert code == 2
    assert "terraform is not on the PATH" in err


def test_an_old_terraform_is_named(machine: Machine, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "terraform"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho \'{"terraform_version": "1.5.7"}\'\n')
    old.chmod(0o755)
    code, _, err = machine.call("deploy", "--env", "dev", PATH=f"{old.parent}:/usr/bin:/bin")
    assert code == 2
    assert "terraform is version 1.5.7; 1.9 or newer is needed" in err


def test_a_wrong_region_is_an_error_of_a_dry_run_too(machine: Machine) -> None:
    code, out, err = machine.call(*DRY, "--region", "us-esat-1")
    assert (code, out) == (2, "")
    assert "AWS has no region 'us-esat-1'; did you mean one of us-" in err
    assert "us-east-1" in err


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ({"eu-south-2": "InvalidClientTokenId"}, "region eu-south-2 is not enabled"),
        ({"eu-south-2": "ExpiredToken"}, "the credentials for AWS have expired; log in again"),
        (
            {"eu-south-2": "InvalidClientTokenId", "us-east-1": "InvalidClientTokenId"},
            "AWS refuses these credentials (InvalidClientTokenId)",
        ),
    ],
)
def test_refused_credentials_are_a_sentence(
    machine: Machine, refusing: Any, codes: dict[str, str], told: str
) -> None:
    url = refusing(codes)
    words = ("deploy", "--env", "dev", "--region", "eu-south-2")
    code, _, err = machine.call(*words, **KEYS, AWS_ENDPOINT_URL=url)
    assert code == 1
    assert told in err
    assert "very-secret" not in err


def test_nothing_to_deploy_from(machine: Machine) -> None:
    code, _, err = machine.call("deploy", "--env", "nonsense")
    assert code == 2
    assert "--env must be one of dev, not 'nonsense'" in err
    code, _, err = machine.call("deploy", "--env", "dev", "--phase", "web", "--dry-run")
    assert code == 2
    assert "the phase web needs core, application" in err


def test_from_nothing_to_nothing(deployer: Machine, aws: Any) -> None:
    code, out, _ = deployer.call(*DRY, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["plan"]["modules"] == [["root", 2, 0, 0]]
    assert told["costs"]["phases"] == ["core"]
    assert buckets(aws) == []

    code, out, err = deployer.call("deploy", "--env", "dev", "--phase", "core", "--yes")
    assert code == 0, err
    assert "http_api: https://api.example/small-core" in out
    assert "root: 2 done" in err
    code, out, _ = deployer.call("deploy", "--env", "dev", "--phase", "etl", "--yes")
    assert code == 0
    code, out, _ = deployer.call("deploy", "--env", "dev", "--yes")  # drops nothing
    assert "nothing changes" in out
    assert json.loads(deployer.call("cloud", "outputs", "--env", "dev")[1])["phases"] == [
        "core", "etl"
    ]  # fmt: skip
    assert not list((deployer.folder / "build" / "deploy").glob("*.tfplan"))

    code, _, err = deployer.call("deploy", "--env", "dev", "--region", "eu-west-1", "--yes")
    assert (code, "dev stands in us-east-1, not in eu-west-1" in err) == (2, True)

    aws.client("s3").put_object(Bucket="small-core", Key="a", Body=b"a")
    code, out, err = deployer.call("destroy", "--env", "dev", "--confirm", "dev")
    assert (code, "1 buckets of dev hold data (small-core)" in err) == (2, True)
    assert "WARNING: 3 resources that hold data would be DESTROYED" in out
    code, _, err = deployer.call("destroy", "--env", "dev", "--delete-data", "--confirm", "prod")
    assert (code, "nothing was destroyed" in err) == (2, True)
    assert aws.client("s3").list_objects_v2(Bucket="small-core")["KeyCount"] == 1

    code, _, err = deployer.call("destroy", "--env", "dev", "--phase", "etl", "--confirm", "dev")
    assert code == 0, err
    assert tables(aws) == ["small-core"]
    code, _, err = deployer.call("destroy", "--env", "dev", "--delete-data", "--confirm", "dev")
    assert code == 0, err
    assert buckets(aws) == []


def test_what_is_protected_is_not_destroyed(deployer: Machine, aws: Any) -> None:
    protection = ("--set", "deletion_protection=true")
    assert deployer.call("deploy", "--env", "dev", "--phase", "core", "--yes", *protection)[0] == 0
    code, _, err = deployer.call("destroy", "--env", "dev", "--confirm", "dev")
    assert (code, "protected against deletion" in err) == (2, True)
    assert tables(aws) == ["small-core"]


def test_a_half_applied_state_is_gone_on_from(deployer: Machine, aws: Any) -> None:
    """A table of that name is there already: the rest is made, and the next call goes on."""
    words = ("deploy", "--env", "dev", "--phase", "core", "--phase", "etl", "--yes")
    code, _, err = deployer.call(*words, "--set", "second=small-core")
    assert code == 1
    assert "dev is half applied: " in err
    assert "mend that and call again" in err
    code, _out, err = deployer.call(*words)
    assert code == 0, err
    assert "the last apply of dev did not end well" in err
    assert tables(aws) == ["small-core", "small-etl"]
    assert "did not end well" not in deployer.call(*words)[2]


def test_what_was_left_half_made_is_told(deployer: Machine) -> None:
    words = ("deploy", "--env", "dev", "--phase", "core", "--yes")
    assert deployer.call(*words)[0] == 0
    subprocess.run(["terraform", "taint", "aws_s3_bucket.core"], cwd=deployer.dev, check=True,
                   env=deployer.variables, capture_output=True)  # fmt: skip
    code, out, _ = deployer.call(*DRY)
    assert code == 0
    assert "half made by an earlier apply, made anew: aws_s3_bucket.core" in out
    assert "WARNING: 1 resources that hold data would be DESTROYED" in out
    code, _, err = deployer.call(*words[:-1])  # nobody says yes
    assert (code, err.splitlines()[-1]) == (130, "interrupted")


def test_a_locked_state_says_who_and_what_to_do(deployer: Machine) -> None:
    state = deployer.dev / "terraform.tfstate"
    state.write_text(json.dumps({"version": 4, "serial": 1, "lineage": "x", "outputs": {}}))
    lock = {"ID": "0b5d", "Operation": "OperationTypeApply", "Who": "ann@laptop", "Path": "x",
            "Version": "1.11.4", "Created": "2026-01-02T03:04:05Z", "Info": ""}  # fmt: skip
    (deployer.dev / ".terraform.tfstate.lock.info").write_text(json.dumps(lock))
    holding = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(state)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holding.stdout is not None
    assert holding.stdout.readline() == "held\n"
    code, _, err = deployer.call(*DRY)
    holding.communicate("", timeout=30)
    assert "the state of dev is locked by ann@laptop since 2026-01-02" in err
    assert "terraform -chdir=infra/envs/dev force-unlock 0b5d" in err
    assert code == 2


# Terraform locks a state file as POSIX does.
LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_state_that_could_not_be_saved_comes_first(machine: Machine) -> None:
    (machine.dev / "errored.tfstate").write_text("{}")
    code, _, err = machine.call(*DRY)
    assert code == 2
    assert "state push errored.tfstate" in err


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell runs in the background ignores SIGINT, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_reaches_terraform_once_and_nothing_is_broken(deployer: Machine) -> None:
    process = deployer.popen("deploy", "--env", "dev", "--phase", "core", "--yes")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("terraform plan"):
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            break
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert deployer.call("deploy", "--env", "dev", "--phase", "core", "--yes")[0] == 0

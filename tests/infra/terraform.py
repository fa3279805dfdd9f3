"""Terraform for the tests: the binary, the provider on disk, and a copy of ``infra/`` that may be
initialised without leaving anything in the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

INFRA = Path(__file__).parents[2] / "infra"
REGISTRY = "registry.terraform.io"
PROVIDER = f"{REGISTRY}/hashicorp/aws/5.100.0"  # as every versions.tf pins it
MISSING = (
    "Terraform 1.9 or newer is needed for these tests: install it from "
    "https://developer.hashicorp.com/terraform/install so that `terraform` is on the PATH"
)
# Where packages and people put plugins; below each at most two folders deep.
PLACES = ("/opt", "/usr/local", "/usr/local/share", "/usr/share", "/usr/lib", "/srv", "/var/lib")
OWN_PLACES = (".terraform.d", ".local/share")  # in the home folder
ATTACH = "TF_REATTACH_PROVIDERS"
NOT_COPIED = (".terraform", ".terraform.lock.hcl", "*.tfstate*", "__pycache__")


def binary() -> str:
    """The path of ``terraform``; fails the test with a sentence where there is none."""
    found = shutil.which("terraform")
    if found is None:
        pytest.fail(MISSING, pytrace=False)
    return found


def mirror() -> Path | None:
    """The folder that holds the provider as a file-system mirror: what ``TF_PLUGIN_DIR`` says, or
    the first found; ``None``: Terraform's own registry is asked."""
    if named := os.environ.get("TF_PLUGIN_DIR"):
        if not (Path(named) / PROVIDER).is_dir():
            pytest.fail(f"TF_PLUGIN_DIR is {named}, where {PROVIDER} is not", pytrace=False)
        return Path(named)
    bases = [Path(place) for place in PLACES] + [Path.home() / place for place in OWN_PLACES]
    return next((place for place in _mirrors(bases) if (place / PROVIDER).is_dir()), None)


def _mirrors(bases: list[Path]) -> Iterator[Path]:
    for base in bases:
        for pattern in (REGISTRY, f"*/{REGISTRY}", f"*/*/{REGISTRY}"):
            yield from sorted(found.parent for found in base.glob(pattern))


class Terraform:
    """A copy of ``infra/``, in which each folder is initialised once, when it is first asked for.

    Folders are named as ``modules/lake``. What Terraform keeps (``TF_DATA_DIR``, lock file) lies
    beside or in the copy. Tests of modules, which set up no provider (``mock_provider``), share one
    that runs until ``close``: each would start it some twenty times.
    """

    def __init__(self, root: Path) -> None:
        self.infra = root / "infra"
        self.data = root / "data"
        self.variables = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("TF_VAR_", "TF_CLI_ARGS"))},
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",  # asks nobody whether there is a newer Terraform
            "GOGC": "400",  # else a quarter of the time goes into keeping memory small
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._binary = binary()
        self._ready: set[str] = set()
        self._provider: subprocess.Popen[str] | None = None
        self._attached: dict[str, str] = {}
        shutil.copytree(INFRA, self.infra, ignore=shutil.ignore_patterns(*NOT_COPIED))

    def run(
        self, folder: str, *words: str, timeout_s: int = 240, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """``terraform WORDS`` in a folder, as it is; the exit code is the caller's to look at."""
        (self.data / folder).mkdir(parents=True, exist_ok=True)
        own = {"TF_DATA_DIR": str(self.data / folder)}
        return subprocess.run(
            [self._binary, *words], cwd=self.infra / folder, capture_output=True, text=True,
            env={**self.variables, **own, **variables}, timeout=timeout_s, check=False,
        )  # fmt: skip

    def initialised(self, folder: str) -> Path:
        """The folder, with its modules and the provider in place, without a backend."""
        if folder not in self._ready:
            place = mirror()
            chosen = [f"-plugin-dir={place}"] if place else []
            self._must(folder, "init", "-backend=false", "-no-color", *chosen)
            self._ready.add(folder)
        return self.infra / folder

    def test(self, folder: str) -> int:
        """How many runs of ``tests/*.tftest.hcl`` passed; fails where one does not, or where
        anything in the folder or a module of it is not valid, planned or not."""
        self.initialised(folder)
        told = self._must(folder, "test", "-no-color", **self._shared(folder))
        counted = re.search(r"(\d+) passed, 0 failed", told)
        assert counted, told
        return int(counted[1])

    def planned(self, folder: str, file: str, run: str) -> dict[str, Any]:
        """What one run of a test file plans, as ``terraform show -json`` has it."""
        self.initialised(folder)
        shared = self._shared(folder)
        done = self.run(folder, "test", "-json", "-verbose", f"-filter={file}", **shared)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        plans = [
            line["test_plan"] for line in told if "test_plan" in line and line["@testrun"] == run
        ]
        assert plans, [line["@message"] for line in told if line["@level"] == "error"]
        found: dict[str, Any] = plans[0]
        return found

    def close(self) -> None:
        """End the provider that runs."""
        if self._provider is not None:
            assert self._provider.stdout is not None
            self._provider.kill()
            self._provider.wait(10)
            self._provider.stdout.close()
            for socket in re.findall(r'"String":"([^"]+)"', self._attached[ATTACH]):
                Path(socket).unlink(missing_ok=True)

    def _shared(self, folder: str) -> dict[str, str]:
        """The variable by which Terraform finds the provider that runs; it is started at the first
        folder that needs one. Not for what reaches an AWS: it would have one configuration for
        all."""
        programs = (self.data / folder / "providers" / PROVIDER).glob("*/terraform-provider-aws*")
        program = next(programs, None)
        if program is not None and not self._attached:
            self._provider = subprocess.Popen(
                [program, "-debug"], env=self.variables, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            assert self._provider.stdout is not None
            for line in self._provider.stdout:
                if f"{ATTACH}=" in line:
                    self._attached = {ATTACH: line.partition("=")[2].strip().strip("'")}
                    break
            assert self._attached, f"{program} -debug ended with {self._provider.wait(10)}"
        return self._attached if program is not None else {}

    def _must(self, folder: str, *words: str, **variables: str) -> str:
        done = self.run(folder, *words, **variables)
        assert done.returncode == 0, f"terraform {words[0]}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

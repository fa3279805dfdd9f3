"""The environment ``dev`` as Terraform's real provider makes it, in an emulator of its own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ENVIRONMENT = "envs/dev"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/endcap-e2e-functions:tested"
PARALLEL = "-parallelism=20"
NO_COLOUR = "-no-color"
DONE = re.compile(r"^(?:module\.\w+\.)?(\S+): \w+ complete after (\w+)", re.MULTILINE)

Attributes = dict[str, dict[str, Any]]


class Stack:
    """``terraform``: of ``tests/infra``. ``given``: variables of the environment beside those that
    every test wants: code for this machine, names of its own."""

    def __init__(self, terraform: Any, aws: Any, package: Path, folder: Path, **given: Any) -> None:
        self.terraform, self.aws = terraform, aws
        self.folder = terraform.initialised(ENVIRONMENT)
        self.variables: dict[str, Any] = {
            "name": "endcap-e2e",
            "aws_region": "us-east-1",
            "functions_package": str(package),
            "functions_image": IMAGE,
            "architecture": "x86_64",
            "runtime": "python3.11",
            "web_response_headers": False,  # moto has no policies of CloudFront
            **given,
        }
        self.file = folder / "given.tfvars.json"
        self.seconds: dict[str, float] = {}
        self.outputs: dict[str, Any] = {}  # after the latest apply

    def apply(self, phases: Iterable[str], **given: Any) -> None:
        self._write(phases, given)
        self.run("apply", "-auto-approve", "-refresh=false", PARALLEL)
        self.outputs |= {name: told["value"] for name, told in self._state()["outputs"].items()}

    def plan(self, phases: Iterable[str], **given: Any) -> dict[str, Any]:
        """What a further apply would do, as Terraform shows it in JSON."""
        self._write(phases, given)
        place = self.file.with_name("plan")
        self.run("plan", f"-out={place}", PARALLEL)
        shown: dict[str, Any] = json.loads(self.run("show", "-json", str(place), known=False))
        return shown

    def destroy(self) -> None:
        self.run("destroy", "-auto-approve", "-refresh=false", PARALLEL)

    def resources(self) -> Attributes:
        """All that the state holds: address → attributes."""
        found: Attributes = {}
        for one in self._state()["resources"]:
            if one["mode"] != "managed":
                continue
            where = f"{one.get('module', '')}.{one['type']}.{one['name']}".lstrip(".")
            for made in one["instances"]:
                key = made.get("index_key")
                place = "" if key is None else f"[{json.dumps(key)}]"
                found[where + place] = made["attributes"]
        return found

    def run(self, *words: str, known: bool = True) -> str:
        """A command of Terraform to its end; what it wrote. ``known``: it takes the variables."""
        more = [f"-var-file={self.file}"] if known else []
        began = time.monotonic()
        done = self.terraform.run(
            ENVIRONMENT, words[0], *([NO_COLOUR] if known else []), *words[1:], *more,
            timeout_s=1800, **self.aws.environment,
        )  # fmt: skip
        took = time.monotonic() - began
        self.seconds[words[0]] = self.seconds.get(words[0], 0.0) + took
        with (self.file.parent / "terraform.log").open("a", encoding="utf-8") as log:
            log.write(done.stdout if known else "")
        assert done.returncode == 0, f"{words}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        print(f"terraform {words[0]}: {took:.1f} s: {slowest(done.stdout)}", flush=True)  # noqa: T201
        return str(done.stdout)

    def _state(self) -> dict[str, Any]:
        place = self.folder / "terraform.tfstate"
        state: dict[str, Any] = {"resources": [], "outputs": {}}
        return json.loads(place.read_text("utf-8")) if place.exists() else state

    def _write(self, phases: Iterable[str], given: dict[str, Any]) -> None:
        self.variables |= {"phases": sorted(phases), **given}
        self.file.write_text(json.dumps(self.variables), encoding="utf-8")


def slowest(told: str, most: int = 5) -> str:
    """What an apply or destroy waited for longest, for its line of the log."""
    found = [(seconds(took), where, took) for where, took in DONE.findall(told)]
    return ", ".join(f"{where} {took}" for _, where, took in sorted(found, reverse=True)[:most])


def seconds(took: str) -> int:
    """Of Terraform's own writing: 45s, 2m41s."""
    minutes, _, rest = took.removesuffix("s").rpartition("m")
    return 60 * int(minutes or 0) + int(rest)

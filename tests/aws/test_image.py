"""The recipe of the container image: what can be said of it without building one."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from endcap.entrypoints.lambdas.table import FUNCTIONS

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "infra/functions.Dockerfile").read_text("utf-8")
CONTEXT = (ROOT / "infra/functions.Dockerfile.dockerignore").read_text("utf-8").split()
SECRET = re.compile(r"(?i)(secret|passw|token|credential|access_key|api_key|aws_)")


def steps(kind: str, recipe: str = RECIPE) -> list[str]:
    """What follows each instruction of a kind, on one line."""
    whole = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", recipe))
    return re.findall(rf"(?m)^{kind} (.+)$", whole)


def test_the_base_is_lambda_s_own_of_the_python_of_the_zip(packaging: Any) -> None:
    assert steps("ARG") == ["PLATFORM=linux/arm64", f"PYTHON={packaging.PYTHON}"]
    base = "--platform=${PLATFORM} public.ecr.aws/lambda/python:${PYTHON}"
    assert steps("FROM") == [f"{base} AS packages", base]


def test_what_is_installed_is_pinned_and_checked(packaging: Any) -> None:
    (install,) = [step for step in steps("RUN") if "pip install" in step]
    for option in ("--require-hashes", "--no-deps", "--only-binary=:all:"):
        assert option in install.split()
    pins = packaging.image_pins()
    names = re.findall(r"(?m)^([a-z0-9-]+)(?:\[[a-z,]+\])?==", pins)
    assert len(names) == len(set(names))
    assert {*packaging.PACKAGES, *packaging.IMAGE, "numba", "duckdb", "xgboost-cpu"} <= {*names}
    assert "pytest" not in names
    for entry in re.split(r"\n(?=[a-z0-9])", pins.strip()):
        assert "--hash=sha256:" in entry, entry


def test_handlers_are_those_of_the_table() -> None:
    (command,) = steps("CMD")
    (handler,) = json.loads(command)
    assert handler in {f.handler for f in FUNCTIONS.values() if f.package == "image"}


def test_only_what_is_listed_goes_in() -> None:
    assert CONTEXT[0] == "*"
    permitted = [line[1:] for line in CONTEXT if line.startswith("!")]
    for step in steps("COPY"):
        *sources, _ = step.split()
        if not sources[0].startswith("--from"):
            for source in sources:
                assert (ROOT / source).exists()
                assert any(fnmatch(source, f"{pattern}*") for pattern in permitted), source
    assert steps("ADD") == []


def test_no_secret_stands_in_it() -> None:
    given = [*steps("ENV"), *steps("ARG"), *steps("LABEL"), *steps("RUN")]
    assert [step for step in given if SECRET.search(step)] == []
    assert SECRET.search("ENV AWS_SECRET_ACCESS_KEY=x")

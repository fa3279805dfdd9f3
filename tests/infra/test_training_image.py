"""The recipe of the training image, as far as it can be held without building it."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "infra" / "training.Dockerfile"
IGNORED = RECIPE.with_name(RECIPE.name + ".dockerignore")
PERMITTED = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT"}


def instructions() -> list[tuple[str, str]]:
    """(instruction, the rest), comments left out and lines joined."""
    lines = [line for line in RECIPE.read_text("utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found = [line.partition(" ")[::2] for line in joined.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, rest in found]


def of(word: str) -> list[str]:
    return [rest for known, rest in instructions() if known == word]


def test_only_known_instructions_stand_in_it() -> None:
    assert {word for word, _ in instructions()} <= PERMITTED
    assert instructions()[0][0] == "ARG"


def test_the_base_is_a_named_release() -> None:
    (base,) = of("ARG")
    assert re.fullmatch(r"PYTHON=python:3\.11-slim-[a-z]+", base)


def test_what_is_copied_is_there_and_is_not_ignored() -> None:
    kept = [line[1:] for line in IGNORED.read_text().splitlines() if line.startswith("!")]
    for rest in of("COPY"):
        *sources, target = rest.split()
        assert not target.startswith("http")
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, pattern) for pattern in kept), source


def test_nothing_is_installed_without_a_hash() -> None:
    installs = [part for rest in of("RUN") for part in rest.split("&&") if "pip install" in part]
    assert len(installs) == 3
    for words in map(shlex.split, installs):
        own = words[-1] == "."
        assert ("--no-deps" in words) if own else ("--require-hashes" in words)


def test_the_clients_of_aws_are_in_the_lock() -> None:
    (program,) = re.findall(r'python -c "([^"]+)"', " ".join(of("RUN")))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pins = re.findall(r"^([a-z0-9-]+)==[0-9.a-z]+ \\$", done.stdout, re.MULTILINE)
    assert {"boto3", "botocore", "fsspec"} <= set(pins)
    assert done.stdout.count("--hash=sha256:") >= len(pins)


@pytest.mark.parametrize("lock", ["requirements.lock"])
def test_xgboost_is_the_build_without_gpu_code(lock: str) -> None:
    names = re.findall(r"^([a-z0-9-]+)==", (ROOT / lock).read_text(), re.MULTILINE)
    assert "xgboost-cpu" in names
    assert not {name for name in names if name.startswith("nvidia") or name == "xgboost"}


def test_the_entry_point_is_a_module_and_takes_what_sagemaker_says() -> None:
    (text,) = of("ENTRYPOINT")
    python, option, module = json.loads(text)
    assert (python, option) == ("python", "-m")
    assert importlib.util.find_spec(f"{module}.__main__") is not None
    for command in ("train", "serve"):
        assert importlib.util.find_spec(f"{module}.{command}") is not None
    told = subprocess.run(
        [sys.executable, "-m", module, "nonsense"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert "train|serve" in told.stdout

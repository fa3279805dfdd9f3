"""Below the edge no code reads a clock or the environment, or draws without a seed.

Nowhere does code run what it reads: no pickle, no eval, no shell.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "endcap"
EDGE = ("cli", "entrypoints", "serving", "adapters", "bootstrap", "__main__.py")

CLOCKS = (
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "datetime.now",
    "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now",
    "datetime.datetime.utcnow", "datetime.date.today",
)  # fmt: skip
ENVIRONMENT = ("os.environ", "os.getenv", "os.environb", "os.putenv", "getpass.getuser")
RANDOM = ("random", "secrets", "uuid.uuid1", "uuid.uuid4", "os.urandom")
SEEDED = ("np.random.default_rng", "np.random.Generator", "np.random.PCG64",
          "np.random.SeedSequence", "np.random.BitGenerator", "np.random.Philox")  # fmt: skip
UNSAFE_MODULES = ("pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "cloudpickle")
UNSAFE_CALLS = ("eval", "exec", "compile", "__import__", "yaml.load", "os.system", "os.popen")

# file → name → why
PERMITTED: dict[str, dict[str, str]] = {}


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of a name or an attribute, else an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def impurities(tree: ast.AST) -> Iterator[str]:
    """Names of clocks, environment and unseeded randomness that a module uses."""
    for node in ast.walk(tree):
        name = dotted(node) if isinstance(node, ast.Attribute | ast.Name) else ""
        if name in CLOCKS or name in ENVIRONMENT:
            yield name
        yield from _unseeded(node, name)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in CLOCKS + ENVIRONMENT + RANDOM or node.module in RANDOM:
                    yield whole
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in RANDOM)


def _unseeded(node: ast.AST, name: str) -> Iterator[str]:
    name = name.replace("numpy.random", "np.random")
    if name in RANDOM and "." in name:
        yield name
    if name.startswith("np.random.") and not name.startswith(SEEDED):
        yield name
    if isinstance(node, ast.Call) and not node.args and not node.keywords:
        called = dotted(node.func).replace("numpy.random", "np.random")
        if called.removeprefix("np.random.") == "default_rng":
            yield called + "()"


def dangers(tree: ast.AST) -> Iterator[str]:
    """What a module uses that runs what it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in UNSAFE_MODULES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            yield str(node.module)
        if isinstance(node, ast.Call):
            if dotted(node.func) in UNSAFE_CALLS:
                yield dotted(node.func)
            for keyword in node.keywords:
                true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                if keyword.arg in ("shell", "allow_pickle") and true:
                    yield f"{keyword.arg}=True"


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def test_no_clock_environment_or_chance_below_the_edge() -> None:
    found = {}
    for path in modules():
        where = str(path.relative_to(SOURCE))
        if not where.startswith(EDGE):
            names = set(impurities(ast.parse(path.read_text("utf-8"))))
            if names := names - set(PERMITTED.get(where, {})):
                found[where] = names
    assert found == {}


def test_nothing_runs_what_it_reads() -> None:
    found = {
        str(path.relative_to(SOURCE)): names
        for path in modules()
        if (names := set(dangers(ast.parse(path.read_text("utf-8")))))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import time\ntime.time()", "time.time"),
        ("from time import time_ns", "time.time_ns"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("import os\nos.environ['A']", "os.environ"),
        ("from os import getenv", "os.getenv"),
        ("import random", "random"),
        ("from random import choice", "random.choice"),
        ("from uuid import uuid4", "uuid.uuid4"),
        ("import numpy as np\nnp.random.rand(3)", "np.random.rand"),
        ("import numpy as np\nnp.random.default_rng()", "np.random.default_rng()"),
        ("import numpy\nnumpy.random.seed(1)", "np.random.seed"),
    ],
)
def test_an_impurity_is_seen(code: str, name: str) -> None:
    assert name in set(impurities(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    ["import numpy as np\nnp.random.default_rng(3)", "import time\ntime.perf_counter()",
     "rng.random(3)", "from time import monotonic"],
)  # fmt: skip
def test_what_is_pure_passes(code: str) -> None:
    assert set(impurities(ast.parse(code))) == set()


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import loads", "eval('1')", "exec('1')", "yaml.load(f)",
     "subprocess.run('ls', shell=True)", "np.load(f, allow_pickle=True)", "os.system('ls')"],
)  # fmt: skip
def test_a_danger_is_seen(code: str) -> None:
    assert len(set(dangers(ast.parse(code)))) == 1

"""The lines that README and ``endcap demo`` tell a person to type, typed: at a laptop's server, and
at gateways before functions."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from endcap.cli.demo import TRY

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl"),
]


def typed(lines: str, folder: Path) -> list[Any]:
    """The JSON that each ``curl`` of a shell's lines prints; headers come before an empty line."""
    # One after the other, as at a prompt, with a mark between what they print.
    script = re.sub(r"^\s*curl ", "echo '<next>'; curl --silent --show-error ", lines, flags=re.M)
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder, env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [part.replace("\r", "").strip() for part in done.stdout.split("<next>\n")[1:]]
    return [json.loads(part.rpartition("\n")[2]) for part in told]


@pytest.fixture
def url(checkerboard_home: Path, tmp_path: Path, front: Any) -> str:
    shutil.copytree(checkerboard_home, tmp_path / "shop")
    return str(front.serve(tmp_path / "shop").url)


def ids(answer: Any) -> list[str]:
    return [item["id"] for item in answer["items"]]


def test_readme(url: str, tmp_path: Path) -> None:
    (block,) = [b for b in re.findall(r"```console\n(.*?)```", README, re.S) if "curl" in b]
    lines = re.sub(r"^\$ ", "", block, flags=re.M)
    lines = lines.replace("localhost:8000", url.removeprefix("http://")).replace("ITEM", "black-3")
    before, posted, after = typed(lines, tmp_path)
    assert posted == {"ok": True}
    assert len(ids(before)) == len(ids(after)) == 3
    assert ids(before) != ids(after)
    assert {item.split("-")[0] for item in ids(after)} == {"black"}


def test_demo(url: str, tmp_path: Path) -> None:
    lines = TRY.format(url=url, item="white-3", report="")
    lines = lines[lines.index("  curl") : lines.index("API reference")]
    before, posted, after, related = typed(lines, tmp_path)
    assert posted == {"ok": True}
    assert ids(before) != ids(after)
    assert {item.split("-")[0] for item in ids(after)} == {"white"}
    assert {item["id"].split("-")[0] for item in related["related"]} == {"white"}

"""A skip that nobody decided on fails the run: what ``tests/conftest.py`` promises."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PROGRAM = """
import pytest

@pytest.mark.skip(reason="for now")
def test_one(): pass

def test_two(): pass
"""


@pytest.mark.parametrize(
    ("permitted", "code"), [("", 1), ("test_it.py::test_one  needs a printer\n", 0)]
)
def test_a_skip_must_be_permitted(tmp_path: Path, permitted: str, code: int) -> None:
    shutil.copy(TESTS / "conftest.py", tmp_path)
    (tmp_path / "longest.txt").touch()
    (tmp_path / "permitted_skips.txt").write_text("# why\n" + permitted)
    (tmp_path / "test_it.py").write_text(PROGRAM)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:randomly",
            "--rootdir",
            tmp_path,
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    told = "not in tests/permitted_skips.txt: test_it.py::test_one"
    assert (told in done.stdout) == (code == 1)

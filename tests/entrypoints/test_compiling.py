"""Compiling beside a new server: once for a folder, and never longer than whoever began it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from endcap.entrypoints.compiling import DONE, Compiler
from endcap.settings import Settings, load_settings

pytestmark = pytest.mark.server


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a home whose compiled code lies in ``tmp_path``."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return load_settings({"ENDCAP_HOME": str(tmp_path / "home")})


def test_what_was_compiled_is_not_compiled_again(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / DONE).touch()
    compiler = Compiler(settings)
    compiler.begin()
    assert compiler.process is None


def test_it_ends_when_its_parent_is_gone(settings: Settings, tmp_path: Path) -> None:
    compiler = Compiler(settings)
    compiler.begin()
    process = compiler.process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # as the kernel does for a parent that was killed
    assert process.wait(120) == 0
    assert not (tmp_path / DONE).exists()


def test_it_is_ended(settings: Settings) -> None:
    compiler = Compiler(settings)
    compiler.end()  # not begun yet
    compiler.begin()
    process = compiler.process
    compiler.begin()
    assert compiler.process is process
    assert process is not None
    compiler.end()
    assert process.returncode == -signal.SIGKILL

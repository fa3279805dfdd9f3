"""The package of the functions, made once for these tests."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def packaging() -> Any:
    """``infra/package.py``."""
    path = Path(__file__).parents[2] / "infra" / "package.py"
    spec = spec_from_file_location("endcap_packaging", path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])
    return sys.modules[spec.name]


@pytest.fixture(scope="session")
def functions_zip(packaging: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of the functions for this machine."""
    out: Path = tmp_path_factory.mktemp("package") / "functions.zip"
    packaging.package(out, installed=True)
    return out

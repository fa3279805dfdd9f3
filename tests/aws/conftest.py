"""The package of the functions, made once for these tests, and accounts that run it."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
NO_COMPILER = "raise ModuleNotFoundError(__name__, name='numba')\n"  # a function has none


def loaded(name: str, path: Path) -> Any:
    """A module that is in no package."""
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[spec.name])
    return sys.modules[spec.name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module here share one trained shop in the emulator, and what one leaves there
    another may meet: they run as they are written, whatever the order of modules."""
    places = [n for n, item in enumerate(items) if HERE in item.path.parents]
    modules = list(dict.fromkeys(items[n].path for n in places))

    def written(item: pytest.Item) -> tuple[int, int, str]:
        return modules.index(item.path), item.reportinfo()[1] or 0, item.nodeid

    ours = sorted((items[n] for n in places), key=written)
    for n, item in zip(places, ours, strict=True):
        items[n] = item


@pytest.fixture(scope="session")
def packaging() -> Any:
    """``infra/package.py``."""
    return loaded("endcap_packaging", HERE.parents[1] / "infra" / "package.py")


@pytest.fixture(scope="session")
def as_in_lambda(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables for a function that is run from the sources: without a compiler, as in its zip."""
    hidden = tmp_path_factory.mktemp("no-compiler")
    (hidden / "numba.py").write_text(NO_COMPILER)
    own = str(HERE.parents[1] / "infra" / "functions")  # app.py
    path = [str(hidden), own, os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(path)}


@pytest.fixture(scope="session")
def cloud_kind() -> Any:
    """``test_api_function.py: Cloud``: a trained shop in the emulator."""
    return loaded("cloud_of_the_api", HERE / "test_api_function.py").Cloud


@pytest.fixture(scope="module")
def cloud(
    aws: Any,
    make_board: Any,
    checkerboard_home: Path,
    cloud_kind: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """One trained shop in the emulator for the tests of a module, which leave their traces."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        yield cloud_kind(aws, make_board, tmp_path_factory.mktemp("cloud"), checkerboard_home)


@pytest.fixture(scope="session")
def output() -> Any:
    """``function_output.py``: reads the lines and metrics that a function told."""
    return loaded("function_output", HERE / "function_output.py")


@pytest.fixture(scope="session")
def functions_code(functions_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What that zip holds, as Lambda unpacks it; this Python's compiler is out of sight."""
    folder = tmp_path_factory.mktemp("package") / "code"
    with zipfile.ZipFile(functions_zip) as file:
        file.extractall(folder)
    (folder / "numba.py").write_text(NO_COMPILER)
    return folder


@pytest.fixture(scope="session")
def accounts() -> Any:
    """``accounts.py``."""
    return loaded("endcap_accounts", HERE / "accounts.py")


@pytest.fixture
def reach_aws(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process reaches the emulator as its own AWS."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def xray() -> Iterator[Any]:
    """A running ``xray_daemon.py: Daemon``."""
    with loaded("xray_daemon", HERE / "xray_daemon.py").xray_daemon() as daemon:
        yield daemon


@pytest.fixture(scope="session")
def functions_zip(packaging: Any, once: Callable[..., Path]) -> Path:
    """The zip of the functions for this machine."""
    return once("functions.zip", lambda out: packaging.package(out, installed=True))


@pytest.fixture(scope="session")
def marked() -> Any:
    """``marked.py``."""
    return loaded("marked_events", HERE / "marked.py")


@pytest.fixture(scope="session")
def glue_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make glue`` writes."""
    out: Path = tmp_path_factory.mktemp("glue") / "files"
    loaded("glue_packaging", HERE.parents[1] / "infra" / "glue_package.py").package(
        out, "s3://BUCKET"
    )
    return out


@pytest.fixture(scope="session")
def aws_of_its_own() -> Any:
    """``emulator.py: emulator``, for a module that wants one to itself."""
    return loaded("own_emulator", HERE / "emulator.py").emulator


@pytest.fixture(scope="session")
def stack_kind() -> Any:
    """``stack.py: Stack``."""
    return loaded("terraform_stack", HERE / "stack.py").Stack


@pytest.fixture(scope="session")
def deployment_kind() -> Any:
    """``deployment.py: Deployment``."""
    return loaded("deployment", HERE / "deployment.py").Deployment


@pytest.fixture(scope="session")
def rights() -> Any:
    """``rights.py``."""
    return loaded("rights_and_calls", HERE / "rights.py")


@pytest.fixture(scope="session")
def reasons() -> Any:
    """``unused_rights.py``."""
    return loaded("unused_rights", HERE / "unused_rights.py")


@pytest.fixture(scope="session")
def drift() -> Any:
    """``drift.py``."""
    return loaded("known_drift", HERE / "drift.py")

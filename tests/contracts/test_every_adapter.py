"""Every class that does what a port says has a line in docs/adapters.md, and its suite runs it."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from endcap import adapters, ports

ROOT = Path(__file__).parents[2]
LINE = re.compile(
    r"^\| `(?P<port>\w+)` \| `(?P<file>\w+\.py): (?P<name>\w+)` \|[^|]*\| `(?P<suite>[\w./]+)` \|",
    re.MULTILINE,
)
PORTS = {
    name: {method for method in vars(port) if not method.startswith("_")}
    for name, port in vars(ports).items()
    if getattr(port, "_is_protocol", False) and port.__module__ == ports.__name__
}


class Line(NamedTuple):
    """Of the table: what does what, and where that is tested."""

    port: str
    file: str
    name: str


def table() -> dict[Line, str]:
    """By line, its suite."""
    text = (ROOT / "docs" / "adapters.md").read_text("utf-8")
    return {Line(m["port"], m["file"], m["name"]): m["suite"] for m in LINE.finditer(text)}


def implemented() -> set[Line]:
    """The classes of ``endcap.adapters`` that have all methods of a port."""
    found = set()
    for module in pkgutil.iter_modules(adapters.__path__):
        loaded = import_module(f"{adapters.__name__}.{module.name}")
        for name, made in inspect.getmembers(loaded, inspect.isclass):
            if made.__module__ != loaded.__name__ or name.startswith("_"):
                continue
            ports_of = [port for port, methods in PORTS.items() if methods <= set(dir(made))]
            found |= {Line(port, f"{module.name}.py", name) for port in ports_of}
    return found


@pytest.mark.server  # it imports all SDKs
def test_the_table_names_every_adapter_and_nothing_else() -> None:
    assert set(table()) == implemented()


def test_every_port_has_an_adapter() -> None:
    assert {line.port for line in table()} == set(PORTS)


@pytest.mark.parametrize("line", table(), ids=lambda line: f"{line.port}: {line.name}")
def test_the_suite_of_the_port_runs_the_adapter(line: Line) -> None:
    path = (Path(__file__).parent / table()[line]).resolve()
    text = path.read_text("utf-8")
    assert f"The contract of the port {line.port}." in text.splitlines()[0]
    assert re.search(rf"\b{line.name}\b", text), f"{path.name} does not run {line.name}"

"""The Personalize API over a small table of operations, asked by boto3 without a network."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.remote_files import drop_fetched, fetched, sent
from endcap.app.control_work import Means, run
from endcap.app.intake import Intake
from endcap.app.shops import Opened
from endcap.bootstrap import open_shop
from endcap.bootstrap.wire import desk_of
from endcap.control.registry.arns import Place
from endcap.serving.api import Api
from endcap.serving.personalize.api import Personalize
from endcap.settings import Settings, load_settings

WHEN = 1_700_000_000_123_456  # µs


def now() -> int:
    return time.time_ns() // 1000


@dataclass
class Table:
    """Operations that answer what a test wants; what they were asked is kept."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, Place, Mapping[str, Any]]] = field(default_factory=list)

    def operation(self, name: str) -> Callable[..., Any]:
        def run(control: Any, given: Mapping[str, Any], at: int) -> Any:
            place = getattr(control, "registry", control).place
            self.asked.append((name, place, given))
            answer = self.answers[name]
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return run

    def runtime(self, name: str) -> Callable[..., Any]:
        run = self.operation(name)

        async def asked(shops: Any, registry: Any, given: Mapping[str, Any], at: int) -> Any:
            return run(registry, given, at)

        return asked


@dataclass
class Wire:
    table: Table
    bridge: Any
    settings: Settings
    desk: Any
    api: Any  # of ``personalize`` alone
    whole: Any

    def client(self, service: str = "personalize", **options: Any) -> Any:
        return self.bridge.client(service, **options)


@pytest.fixture
def make_wire(tmp_path: Path, conformity: Any) -> Iterator[Callable[..., Wire]]:
    """``made`` for one test."""
    yield from made(tmp_path, conformity)


@pytest.fixture(scope="module")
def module_wire(
    tmp_path_factory: pytest.TempPathFactory, conformity: Any
) -> Iterator[Callable[..., Wire]]:
    """``made`` for all tests of a module."""
    yield from made(tmp_path_factory.mktemp("wire"), conformity)


def made(folder: Path, conformity: Any) -> Iterator[Callable[..., Wire]]:
    """``make_wire({operation: answer}, runtime={…}, **settings)``; without a table the real
    operations answer."""
    wires: list[Wire] = []

    def make(
        answers: Any = None, runtime: Any = None, home: Path = folder / "home", **settings: Any
    ) -> Wire:
        table = Table({**(answers or {}), **(runtime or {})})
        read = load_settings({"ENDCAP_HOME": str(home)}, **settings)
        shop = open_shop(read)
        own = Opened(shop, Intake(shop))
        found = desk_of(own, now)
        desk = replace(
            found,
            operations={name: table.operation(name) for name in answers or {}}
            if answers is not None
            else found.operations,
            runtime={name: table.runtime(name) for name in runtime or {}}
            if runtime is not None
            else found.runtime,
        )
        wired = Personalize(lambda: desk, read, now, shop.rates)
        api = Api(shop, own.intake, now, personalize=wired)
        wires.append(Wire(table, conformity.Bridge(api), read, desk, wired, api))
        return wires[-1]

    yield make
    for wire in wires:
        wire.bridge.close()
        wire.desk.threads.shutdown()


@pytest.fixture(scope="session")
def do_work() -> Callable[[Wire], None]:
    """``do_work(wire)`` does what the control plane waits for, as jobs do it in processes of their
    own, until nothing is asked for any more."""

    def run_all(wire: Wire) -> None:
        registry = wire.desk.control.registry
        means = Means(
            open_shop=partial(open_shop, wire.settings),
            fetch=fetched,
            drop=drop_fetched,
            sent=sent,
            remove=lambda _shop: None,
            now=now,
        )
        while works := registry.works():
            for work in works:
                run(means, registry, work.arn, lambda _stage, _share: None)

    return run_all


@pytest.fixture(scope="session")
def make_world() -> Callable[..., Any]:
    """``world.World(wire)``."""
    spec = spec_from_file_location("personalize_world", Path(__file__).with_name("world.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # for its dataclasses
    spec.loader.exec_module(module)
    world: Callable[..., Any] = module.World
    return world

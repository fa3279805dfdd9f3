"""What every test stands on: a clean environment, servers, no skip that nobody decided on."""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from hypothesis import settings as hypothesis_settings
from msgspec.structs import replace

from endcap.adapters.embedded_postgres import EmbeddedPostgres, packaged_binaries
from endcap.app.answers import answer
from endcap.app.intake import write
from endcap.app.shop import Shop
from endcap.app.training import train
from endcap.bootstrap import open_shop
from endcap.domain.records import EventsPosted, ItemsPut, UserErased
from endcap.domain.values import Answer, Event, Item, Query
from endcap.settings import load_settings

READY = "ready "


@dataclass
class Server:
    """A running ``endcap serve`` in a process group of its own."""

    process: subprocess.Popen[str]
    url: str
    home: Path

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30.0, **options)  # type: ignore[arg-type]

    def children(self, name: str) -> list[int]:
        """Process ids of the group whose command line names ``name``, a module, or that were
        forked as it."""
        found, forked = [], "endcap-" + name.removeprefix("endcap.entrypoints.")
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                title = (entry / "comm").read_text().strip()
                if os.getpgid(pid) == self.process.pid and (
                    title == forked or any(name in word for word in words)
                ):
                    found.append(pid)
        return [pid for pid in found if pid != self.process.pid]

    def kill_everything(self) -> None:
        """SIGKILL to supervisor, workers and keeper at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, as a person or a service manager stops it; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill_everything()
        return self.process.returncode


Serve = Callable[..., Server]


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ENDCAP_")}
    # A slow machine is no defect: what is asserted of answers must not hang on the time they took.
    return {**kept, "ENDCAP_HOME": str(home), "ENDCAP_DEADLINE_MS": "60000", **more}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers; whatever still runs at the end of the test is stopped."""
    started: list[Server] = []

    def start(home: Path | None = None, workers: int = 2, **settings: str) -> Server:
        home = home or tmp_path / "home"
        log = (tmp_path / f"serve-{len(started)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "endcap", "serve", "--port", "0", "--workers", str(workers)],
            env=environment(home, **settings),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        log.close()  # the process has its own
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(READY):
                server = Server(process, line.removeprefix(READY).strip(), home)
                started.append(server)
                return server
        process.wait(10)
        pytest.fail("the server did not get ready:\n" + Path(log.name).read_text()[-2000:])

    yield start
    for server in started:
        server.stop()
        assert server.process.stdout is not None
        server.process.stdout.close()


COLOURS = ("black", "white")
DAY_US = 86_400_000_000


class Board:
    """A small shop in this process, with a clock of its own: a second passes at each change."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = load_settings({"ENDCAP_HOME": str(home), **settings})
        self.shop = self.open()
        self.at = max(1_750_000_000_000_000, self.shop.now.state.newest_ts)

    def open(self) -> Shop:
        """The same shop as another process has it."""
        return open_shop(self.settings)

    def reopen(self) -> None:
        """As after a restart of this process."""
        self.shop = self.open()

    def record(self, *events: tuple[str, str, str], key: bytes = b"", body: bytes = b"") -> Any:
        """A request with (user, item, event type) each; ids are new each time."""
        self.at += 1_000_000
        made = tuple(
            Event(user, item, kind, self.at, f"{user} {item} {kind} {self.at} {place}")
            for place, (user, item, kind) in enumerate(events)
        )
        return EventsPosted(self.at, key, body, made)

    def post(self, *events: tuple[str, str, str]) -> Any:
        return write(self.shop, self.record(*events))

    def put(self, item_id: str, **attributes: Any) -> None:
        self.at += 1_000_000
        write(self.shop, ItemsPut(self.at, items=(Item(item_id, attributes),)))

    def erase(self, user_id: str) -> None:
        self.at += 1_000_000
        write(self.shop, UserErased(self.at, user_id=user_id))

    def answer(self, surface: str = "personal", shop: Shop | None = None, **more: Any) -> Answer:
        """Without its id, which names the snapshot beneath: answers compare by what they say."""
        found = answer(shop or self.shop, Query(surface, at=self.at, **more))
        return replace(found, answer_id="")

    def ids(self, surface: str = "personal", shop: Shop | None = None, **more: Any) -> list[str]:
        return [item.id for item in self.answer(surface, shop, **more).items]


def beside(name: str) -> ModuleType:
    """The module ``name`` (a path below this folder), which is no test and in no package."""
    known = f"endcap_tests.{name}"
    if known not in sys.modules:
        spec = spec_from_file_location(known, Path(__file__).parent / name)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[known] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[known])
    return sys.modules[known]


Make = Callable[[Path], None]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """``once(name, make)``: what ``make(path)`` writes there, a file or a folder: made by the first
    process of this test run that asks for it, for all. Nobody may change it."""
    own = tmp_path_factory.getbasetemp()
    root = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name: str, make: Make) -> Path:
        path, unfinished = root / name, root / f"{name}.unfinished"
        with (root / f"{name}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not path.exists():
                make(unfinished)
                unfinished.rename(path)
        return path

    return made


@pytest.fixture(scope="session")
def put_desk() -> ModuleType:
    """``tests/app/put_desk.py``: a group of the Personalize API that things are put into."""
    return beside("app/put_desk.py")


@pytest.fixture(scope="session")
def aws() -> Iterator[Any]:
    """A running ``tests/aws/emulator.py: Emulator``. Tests that take it are marked ``server``."""
    with beside("aws/emulator.py").emulator() as running:
        yield running


@pytest.fixture(scope="session")
def lambda_host() -> Any:
    """``tests/aws/lambda_host.py: LambdaHost``: runs a Lambda function as Lambda does."""
    return beside("aws/lambda_host.py").LambdaHost


@pytest.fixture(scope="session")
def terraform_tools() -> ModuleType:
    """``tests/infra/terraform.py``."""
    return beside("infra/terraform.py")


@pytest.fixture(scope="session")
def terraform(
    terraform_tools: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """``tests/infra/terraform.py: Terraform``: a copy of ``infra/`` for the whole session. Tests
    that take it are marked ``server``."""
    made = terraform_tools.Terraform(tmp_path_factory.mktemp("terraform"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def gateway_events() -> Any:
    """``tests/gateway_events.py``: what gateways make of a request."""
    return beside("gateway_events.py")


@pytest.fixture(scope="session")
def faulty_aws(aws: Any) -> Iterator[Any]:
    """A running ``tests/aws/faults.py: Faults`` in front of ``aws``: ``faults`` is the same for one
    test."""
    with beside("aws/faults.py").faults(aws) as between:
        yield between


@pytest.fixture
def faults(faulty_aws: Any) -> Iterator[Any]:
    """Faults that real clients meet in this test (with ``faults.environment``) and in no other."""
    faulty_aws.clear()
    yield faulty_aws
    faulty_aws.clear()


@pytest.fixture(scope="session")
def refusing() -> Any:
    """``tests/refusing.py: Refusing``: a client whose every call fails with an error."""
    return beside("refusing.py").Refusing


@pytest.fixture(scope="session")
def event_source() -> Any:
    """``tests/aws/event_source.py: EventSource``: reads a stream as Lambda does for a function."""
    return beside("aws/event_source.py").EventSource


@pytest.fixture(scope="session")
def cloud_tools() -> ModuleType:
    """``tests/cloud.py``: a laptop's shop on the emulator, and a gateway before functions."""
    return beside("cloud.py")


@pytest.fixture(scope="session")
def conformity() -> ModuleType:
    """``tests/serving/personalize_conformity.py``: holds answers to botocore's models."""
    return beside("serving/personalize_conformity.py")


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running ``tests/data/etl/spark_cluster.py: Cluster`` of Spark 4. Tests that take it are
    marked ``server``."""
    python = Path(__file__).parents[1] / ".venv-spark4/bin/python"
    assert python.exists(), "make setup-spark makes the Python that this test needs"
    with beside("data/etl/spark_cluster.py").cluster(
        tmp_path_factory.mktemp("cluster") / "spark", python
    ) as running:
        yield running


@pytest.fixture
def s3_url(aws: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """``s3://bucket/some/prefix`` of a new bucket, which this process reaches as its own."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    bucket: str = aws.name("bucket")
    aws.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some/prefix"


@pytest.fixture
def holders() -> Callable[[Path, str], set[str]]:
    """``holders(folder, text)``: the files in which a text stands, however they are packed."""
    found: Callable[[Path, str], set[str]] = beside("bytes_on_disk.py").holders
    return found


Endcap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def endcap(tmp_path: Path) -> Endcap:
    """Run one command to its end: ``endcap("train", home=…)``."""

    def run(*words: str, home: Path | None = None, check: bool = True, **settings: str):  # type: ignore[no-untyped-def]
        done = subprocess.run(
            [sys.executable, "-m", "endcap", *words],
            env=environment(home or tmp_path / "home", **settings),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def checkerboard_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained shop of two tastes: who looks at black products looks at no white ones.

    Products black-0 … black-11 and white-0 … white-11; shoppers s0 … s59, the even ones black.
    """
    home = tmp_path_factory.mktemp("checkerboard")
    board = Board(home)
    draw = random.Random(1)
    for colour in COLOURS:
        for number in range(12):
            board.put(f"{colour}-{number}", department=colour, name=f"{colour} thing {number}")
    for shopper in range(60):
        colour = COLOURS[shopper % 2]
        chosen = [f"{colour}-{min(draw.randrange(12), draw.randrange(12))}" for _ in range(8)]
        events = [(f"s{shopper}", item, "view") for item in dict.fromkeys(chosen)]
        board.post(*events, (f"s{shopper}", chosen[0], "purchase"))
    train(board.shop, board.at, progress=lambda *_: None, budget_s=1.0)
    return home


@pytest.fixture(scope="session")
def make_board() -> type[Board]:
    """``make_board(home, **settings)``: an empty shop, or the one that is there."""
    return Board


@pytest.fixture
def board(checkerboard_home: Path, tmp_path: Path) -> Board:
    """A copy of the checkerboard shop, for one test to change."""
    shutil.copytree(checkerboard_home, tmp_path / "shop")
    return Board(tmp_path / "shop")


@pytest.fixture
def empty_board(tmp_path: Path) -> Board:
    """A shop without anything."""
    return Board(tmp_path / "empty")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server with pgvector, which this test run starts and stops."""
    # pytest's own folders are closed to the account that the server runs as when we are root.
    root = Path(tempfile.mkdtemp(prefix="endcap-postgres-"))
    root.chmod(0o755)
    binaries = packaged_binaries()
    if any(not folder.stat().st_mode & 0o001 for folder in binaries.resolve().parents):
        shutil.copytree(binaries.parent, root / "programs", symlinks=True)
        binaries = root / "programs" / "bin"
    server = EmbeddedPostgres(root / "server", binaries=binaries)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(root)


# A slow machine is no defect: timings never fail a test.
hypothesis_settings.register_profile("endcap", deadline=None, print_blob=True)
hypothesis_settings.load_profile("endcap")

PERMITTED = {
    line.split()[0]
    for line in (Path(__file__).parent / "permitted_skips.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
}
LONGEST = [
    Path(__file__).parent / line
    for line in (Path(__file__).parent / "longest.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
_undecided: list[str] = []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all others, and the tests of a file, stay in the order they have."""
    places = {path: place for place, path in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ENDCAP_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """What runs as a process in production sets the root logger up, and libraries that configure
    logging turn loggers off that are there already; the next test finds its own."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("endcap") and isinstance(logger, logging.Logger):
            logger.disabled = False
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail") and report.nodeid not in PERMITTED:
        _undecided.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.skipped and report.nodeid not in PERMITTED:
        _undecided.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _undecided and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for nodeid in _undecided:
        terminalreporter.write_line(f"skipped, but not in tests/permitted_skips.txt: {nodeid}")

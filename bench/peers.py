"""Endcap beside what one would otherwise write: ``implicit`` or numpy behind FastAPI.

``python bench/peers.py`` gives the same catalogue and histories to Endcap's real server and to
the handlers of ``peer_server.py``, each one process that answers, pinned to one core, and asks
them in turn with ``wrk`` from another core, each request for another user. Figures are medians.
It prints ``task.row.name=value`` lines, then a table in Markdown.

The peers live in a virtual environment of their own, made from ``peers-requirements.txt`` and
thrown away; where that cannot be had, or ``wrk``, one sentence says so and nothing is measured.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import peer_probes
import peer_tasks
from peer_tasks import Task
from probes import cpu_s, environment, pss_mb, start
from wrk import Run, wrk

HERE = Path(__file__).parent
PEERS = ("implicit-bm25", "implicit-cosine", "implicit-als", "implicit-als-fold-in", "numpy")
OURS = ("endcap", "endcap-no-ranker")
EMPTY = "/v1/health"
COLUMNS = (
    "rps", "p50_ms", "p99_ms", "cpu_us", "empty_rps", "fit_s", "start_s", "pss_mb",
    "click_changed", "click_kept_after_kill", "post_get_p50_ms", "recall20", "ndcg20",
)  # fmt: skip

Figures = dict[str, float]


class Server:
    """One row of the table: a process group, how it is started, what was measured of it."""

    def __init__(self, name: str, folder: Path, python: Path, core: int) -> None:
        self.name, self.figures = name, Figures()
        self.runs: list[Run] = []
        self.empty: list[Run] = []
        self.cpu_us: list[float] = []
        self._folder, self._python, self._core = folder, python, core

    def fit(self, task: Task, budget_s: float) -> None:
        """Learn from the histories."""
        begun = time.perf_counter()
        if self.name in PEERS:
            words = [self._python, "-W", "ignore", HERE / "peer_server.py", self.name, task.folder]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=one_thread())
        else:
            self._endcap("import", *task.files)
            begun = time.perf_counter()
            plain = ["--no-ranker"] if self.name == "endcap-no-ranker" else []
            self._endcap("train", "--budget", str(budget_s), *plain)
        self.figures["fit_s"] = time.perf_counter() - begun

    def _endcap(self, *words: str) -> None:
        command = [sys.executable, "-m", "endcap", *words]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, env=environment(self._folder), **quiet)

    def start(self, task: Task) -> str:
        if self.name in OURS:
            self.process, self.url, seconds = start(self._folder, workers=1, core=self._core)
        else:
            begun, port = time.perf_counter(), free_port()
            words = [
                self._python,
                "-W",
                "ignore",
                HERE / "peer_server.py",
                self.name,
                task.folder,
                port,
            ]
            if shutil.which("taskset"):
                words = ["taskset", "-c", self._core, *words]
            self.process = subprocess.Popen(
                list(map(str, words)), env=one_thread(), start_new_session=True
            )
            self.url = f"http://127.0.0.1:{port}"
            wait_for(self.url + EMPTY, self.process)
            seconds = time.perf_counter() - begun
        self.figures.setdefault("start_s", seconds)
        return self.url

    def restart(self, task: Task) -> str:
        """As after a crash."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)
        return self.start(task)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)

    def ask(self, task: Task, given: argparse.Namespace) -> None:
        """One run of the empty endpoint, one of personal answers."""
        self.empty.append(wrk(self.url, EMPTY, 0, given))
        before = cpu_s(self.process.pid)
        self.runs.append(wrk(self.url, peer_probes.PATH, task.users, given))
        taken = cpu_s(self.process.pid) - before
        self.cpu_us.append(taken * 1e6 / max(self.runs[-1].requests, 1))

    def sum_up(self) -> None:
        for figure in ("rps", "p50_ms", "p99_ms"):
            self.figures[figure] = statistics.median(getattr(run, figure) for run in self.runs)
        self.figures["empty_rps"] = statistics.median(run.rps for run in self.empty)
        self.figures["cpu_us"] = statistics.median(self.cpu_us)
        self.figures["failures"] = sum(run.failures for run in self.runs)
        self.figures["pss_mb"] = pss_mb(self.process.pid)


def one_thread() -> dict[str, str]:
    """Linear algebra must not fight over the one core."""
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(6000):
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            if process.poll() is not None:
                sys.exit("a peer did not start")
            time.sleep(0.02)
    sys.exit("a peer did not start")


def peers_python(folder: Path, wanted: Path = HERE / "peers-requirements.txt") -> Path | None:
    """The Python of a new environment with the peers in it; None: it cannot be had here."""
    python = folder / "bin" / "python"
    beside = Path(sys.executable).parent / "uv"
    uv = shutil.which("uv") or (str(beside) if beside.exists() else None)
    install = [uv, "pip"] if uv else [str(python), "-m", "pip"]
    more = ["--python", str(python)] if uv else []
    try:
        make = [uv, "venv", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
        subprocess.run([*make, str(folder)], check=True, capture_output=True)
        words = [*install, "install", *more, "--requirement", str(wanted)]
        subprocess.run(words, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return python


def tasks(scratch: Path, given: argparse.Namespace) -> Iterator[Task]:
    for name in given.tasks.split(","):
        folder = scratch / name
        folder.mkdir()
        source = given.data / name
        if name == "generated":
            yield peer_tasks.generated(folder, given.users, given.items, given.events)
        elif not source.is_dir():
            print(f"{name} is left out: there is no folder {source}.")
        elif name == "online_retail":
            yield peer_tasks.retail(folder, source)
        else:
            yield peer_tasks.movielens(folder, source)


def compare(task: Task, python: Path, given: argparse.Namespace) -> list[Server]:
    """All servers stand at once; only one is asked at a time."""
    servers = []
    try:
        for name in given.rows.split(","):
            home = task.folder / f"home-{name}"
            servers.append(server := Server(name, home, python, given.cores[0]))
            server.fit(task, given.budget)
            server.start(task)
            server.figures |= peer_probes.quality(server.url, task)
            wrk(server.url, peer_probes.PATH, task.users, given)  # warms up
        for _ in range(given.runs):
            for server in servers:
                server.ask(task, given)
        for server in servers:
            server.sum_up()
            again = lambda server=server: server.restart(task)  # noqa: E731
            server.figures |= peer_probes.after_click(server.url, task, again)
    finally:
        for server in servers:
            server.stop()
    return servers


def tell(task: Task, servers: list[Server]) -> None:
    for server in servers:
        for name, value in server.figures.items():
            print(f"{task.name}.{server.name}.{name}={value:.4g}")
    print(f"\n{task.name}: {task.users} users, {task.items} items, {task.events} events\n")
    print("| | " + " | ".join(COLUMNS) + " |\n|---|" + "---|" * len(COLUMNS))
    for server in servers:
        cells = (f"{server.figures[name]:.4g}" for name in COLUMNS)
        print(f"| {server.name} | " + " | ".join(cells) + " |")
    print(flush=True)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="generated,ml1m_bars_m1,online_retail")
    parser.add_argument("--rows", default=",".join((*OURS, *PEERS)))
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of public data")
    parser.add_argument("--users", type=int, default=20_000, help="of the generated shop")
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--budget", type=float, default=60, help="seconds of Endcap's search")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    given.cores = (cores[0], cores[-1])
    return given


def main() -> None:
    given = options()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: see https://github.com/wg/wrk")
    with tempfile.TemporaryDirectory(prefix="endcap-peers-") as folder:
        scratch = Path(folder)
        python = peers_python(scratch / "venv")
        if python is None:
            print("The peers are left out: their packages could not be installed here.")
            return
        for task in tasks(scratch, given):
            tell(task, compare(task, python, given))


if __name__ == "__main__":
    main()

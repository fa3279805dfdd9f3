"""A child process of the supervisor: started, watched, started again after a pause."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

log = logging.getLogger("endcap.server")

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 30.0
STEADY_S = 10.0  # a child that lived so long starts again without a growing pause


def pause_s(failures: int) -> float:
    """Seconds to wait before the start that follows ``failures`` early ends in a row."""
    return float(min(FIRST_PAUSE_S * 2 ** min(failures, 20), LONGEST_PAUSE_S))


class Process(Protocol):
    """What is needed of ``subprocess.Popen``."""

    pid: int
    returncode: Any

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Child:
    """``arguments``: of ``python -m``. ``fds`` stay open in it under the same numbers.

    ``fork`` makes the process where it is given, in place of a new interpreter.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        fds: Sequence[int],
        environment: Mapping[str, str],
        fork: Callable[[], Process] | None = None,
    ) -> None:
        self.name = name
        self.ready = False
        self.due = 0.0  # monotonic time of the next start
        self.process: Process | None = None
        self._arguments = arguments
        self._fds = tuple(fds)
        self._environment = dict(environment)
        self._fork = fork
        self._failures = 0
        self._started = 0.0

    @property
    def pid(self) -> int | None:
        return None if self.process is None else self.process.pid

    def start(self) -> None:
        self._started = time.monotonic()
        self.process = self._fork() if self._fork else self._spawn()
        log.info("started", extra={"facts": {"child": self.name, "child_pid": self.pid}})

    def _spawn(self) -> Process:
        return subprocess.Popen(
            [sys.executable, "-m", *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            pass_fds=self._fds,
            env=self._environment,
        )

    def reap(self) -> bool:
        """Whether it has ended since the last look; the next start is then planned."""
        if self.process is None or self.process.poll() is None:
            return False
        lived = time.monotonic() - self._started
        self._failures = 0 if lived >= STEADY_S else self._failures + 1
        pause = pause_s(self._failures - 1) if self._failures else FIRST_PAUSE_S
        self.due = time.monotonic() + pause
        facts = {
            "child": self.name,
            "child_pid": self.pid,
            "exit": _exit_word(self.process.returncode),
            "lived_s": round(lived, 1),
            "again_in_s": pause,
        }
        log.warning("ended", extra={"facts": facts})
        self.process, self.ready = None, False
        return True

    def terminate(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self, deadline: float) -> None:
        """Until it has ended; by force after ``deadline`` (monotonic)."""
        if self.process is None:
            return
        try:
            self.process.wait(max(deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            log.warning("killed", extra={"facts": {"child": self.name, "child_pid": self.pid}})
            self.process.kill()
            self.process.wait()


def _exit_word(code: int) -> str:
    return str(code) if code >= 0 else signal.Signals(-code).name


def single_threaded(environment: Mapping[str, str]) -> dict[str, str]:
    """Workers share the cores between them: no thread pools inside one answer."""
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**dict.fromkeys(pools, "1"), **environment}


def own_environment() -> dict[str, str]:
    return dict(os.environ)

"""Processes made by fork: what the parent has imported, compiled and mapped is theirs at once,
and memory that nobody writes to stands there once for all.

Linux only: elsewhere system libraries do not survive a fork, and a child starts from nothing.
The parent must have no second thread.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

log = logging.getLogger("endcap.server")

CAN_FORK = sys.platform == "linux"
FAILED = 70  # exit code of a child that raised

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_LOOK_S = 0.02


class Forked:
    """The part of ``subprocess.Popen`` that is needed here, for a process made by ``fork``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code (-n: ended by signal n), or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(_LOOK_S)
        return code

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def fork(run: Callable[[], int], title: str, dies_with_parent: bool = False) -> Forked:
    """Run ``run`` in a new process, which ends with its result as exit code.

    ``title``: its name in ``ps -o comm`` and ``top``, at most 15 letters.
    ``dies_with_parent``: by SIGKILL, however the parent ends.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Forked(pid)
    code = FAILED
    try:  # nothing of the parent's frames may go on in the child: it ends here in any case
        _settle_in(title, dies_with_parent)
        code = run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FAILED
    except BaseException:
        log.exception("failed")
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _settle_in(title: str, dies_with_parent: bool) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_NAME, title.encode()[:15], 0, 0, 0)
    if dies_with_parent:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

